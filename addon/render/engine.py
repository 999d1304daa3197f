"""The EmoDiffTalk render engine: every head of a view layer as Gaussians, in the passes of `render_passes`."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
from bpy.types import Context, Depsgraph, Operator, Panel, RenderEngine, RenderResult, Scene

from emodifftalk.core.errors import Cancelled, UserError
from emodifftalk.core.gaussians import Gaussians

from ..blender.camera import View, camera_view
from ..blender.registering import Adds
from ..draw import rasterizers
from ..draw.colours import ENGINE, TRUE_TRANSFORMS, shows_true_colours
from ..draw.world_colour import world_colour
from ..viewport import screens
from . import memory
from .heads import draw_heads, rendered_heads
from .motion_blur import moments
from .passes import wanted_passes, wants_heads_apart
from .picture import RenderedPicture


class EmoDiffTalkRenderEngine(RenderEngine):
    """Draws heads made of 3D Gaussians. Other objects are left to other engines and joined in the compositor."""

    bl_idname = ENGINE
    bl_label = "EmoDiffTalk"
    bl_use_postprocess = True
    bl_use_gpu_context = not bpy.app.background

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)

    def update_render_passes(self, scene: Scene | None = None, renderlayer: object | None = None) -> None:
        """Tell the compositor which sockets there are."""
        for name, channels, letters, kind in wanted_passes(scene, renderlayer):
            self.register_pass(scene, renderlayer, name, channels, letters, kind)

    def render(self, depsgraph: Depsgraph) -> None:
        """One frame of one view layer. Whatever goes wrong is one sentence in Blender's report."""
        try:
            self._render(depsgraph)
        except Cancelled:  # nothing to hand over, and Blender knows why
            return
        except UserError as error:
            self.error_set(str(error))
            self.report({"ERROR"}, str(error))

    def _render(self, depsgraph: Depsgraph) -> None:
        """Raises Cancelled, and UserError once the frame is handed over with the heads that could be drawn."""
        scene, problems = depsgraph.scene, []
        frame, times = scene.frame_current_final, moments(scene, scene.emodifftalk_render.blur_samples)
        background = None if scene.render.film_transparent else world_colour(scene)
        picture = RenderedPicture(background)
        try:
            for number, time in enumerate(times):
                if self.test_break():
                    raise Cancelled
                if len(times) > 1:
                    self._go_to(time)
                self.update_stats("EmoDiffTalk", f"Drawing {number + 1} of {len(times)}")
                self._draw(depsgraph, picture, problems)
                self.update_progress((number + 1) / len(times))
        finally:
            if len(times) > 1:
                self._go_to(frame)
        if not picture.anyone and not problems:
            self._announce("There is no head to render in this view layer: import a subject, or let one be rendered.")
        self._hand_over(picture, depsgraph)
        if problems:
            raise UserError(" ".join(dict.fromkeys(problems)))

    def _go_to(self, time: float) -> None:
        """Evaluate the scene at a time in frames, between two as well."""
        whole = int(np.floor(time))
        self.frame_set(whole, subframe=time - whole)

    def _draw(self, depsgraph: Depsgraph, picture: RenderedPicture, problems: list[str]) -> None:
        """Add the depsgraph's scene as it is now to `picture`."""
        scene = depsgraph.scene
        camera = scene.camera.evaluated_get(depsgraph) if scene.camera is not None else None
        view = camera_view(camera, depsgraph)
        heads = list(rendered_heads(depsgraph, problems))

        choice = scene.emodifftalk_render.rasterizer

        def rasterize(gaussians: Gaussians, view: View) -> tuple[np.ndarray, np.ndarray]:
            return rasterizers.draw(gaussians, view, self._announce, self.test_break, choice)

        picture.add(draw_heads(heads, view, rasterize, wants_heads_apart(depsgraph.view_layer)), heads)

    def _hand_over(self, picture: RenderedPicture, depsgraph: Depsgraph) -> None:
        height, width = picture.size
        result: RenderResult = self.begin_result(0, 0, width, height, layer=depsgraph.view_layer.name)
        for passes in (layer.passes for layer in result.layers):
            for found in passes:
                values = picture.values(found.name)
                if values is not None:
                    found.rect.foreach_set(values)
        self.end_result(result)

    def _announce(self, sentence: str) -> None:
        if sentence not in _announced:  # once per session, not once per frame
            _announced.add(sentence)
            self.report({"WARNING"}, sentence)
            print(f"EmoDiffTalk: {sentence}", flush=True)

    def view_update(self, context: Context, depsgraph: Depsgraph) -> None:
        """Nothing is kept for the rendered viewport: its heads are drawn as in every other shading mode."""

    def view_draw(self, context: Context, depsgraph: Depsgraph) -> None:
        """The rendered viewport in scene-linear light: the view transform comes after us, as in the final frame.

        Under a transform that leaves heads as they are, `viewport` draws them over Blender's overlays as in every
        other shading; under any other one they are drawn here.
        """
        import gpu

        scene = depsgraph.scene
        light = None if scene.render.film_transparent else world_colour(scene)
        gpu.state.active_framebuffer_get().clear(color=(0.0, 0.0, 0.0, 0.0) if light is None else (*light, 1.0))
        if context.window_manager.emodifftalk.show_gaussians and not shows_true_colours(scene):
            screens.draw_light(context, light)


_announced: set[str] = memory.keep(set())


class EMODIFFTALK_OT_use_engine(Operator):
    """Render this scene with EmoDiffTalk, under a view transform that shows heads as they were captured"""

    bl_idname = "emodifftalk.use_engine"
    bl_label = "Render with EmoDiffTalk"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        """Switch both."""
        context.scene.render.engine = ENGINE
        if context.scene.view_settings.view_transform not in TRUE_TRANSFORMS:
            context.scene.view_settings.view_transform = "Standard"
        return {"FINISHED"}


_LEFT_OUT = {"RENDER_PT_gpencil", "RENDER_PT_simplify", "RENDER_PT_freestyle", "VIEWLAYER_PT_eevee_layer_passes_data"}


def _shared_panels() -> Iterator[type]:
    """Blender's own panels that make sense with every engine: output, frame range, camera, colour management …"""
    for panel in Panel.__subclasses__():
        engines = getattr(panel, "COMPAT_ENGINES", None)
        if engines is not None and "BLENDER_RENDER" in engines and panel.__name__ not in _LEFT_OUT:
            yield panel


def _share_panels() -> None:
    for panel in _shared_panels():
        panel.COMPAT_ENGINES.add(ENGINE)


def _take_panels_back() -> None:
    for panel in _shared_panels():
        panel.COMPAT_ENGINES.discard(ENGINE)


ADDS = Adds(classes=(EmoDiffTalkRenderEngine, EMODIFFTALK_OT_use_engine), begin=_share_panels, end=_take_panels_back)
