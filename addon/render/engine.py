"""The EmoDiffTalk render engine: every head of a view layer as Gaussians, in the passes of `passes`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy
from bpy.types import Context, Depsgraph, Operator, Panel, RenderEngine, Scene, ViewLayer

from emodifftalk.core.errors import Cancelled, UserError

from ..blender.registering import Adds
from ..draw.colours import ENGINE, TRUE_TRANSFORMS
from ..viewport import screens
from . import frame, memory, passes


class EmoDiffTalkRenderEngine(RenderEngine):
    """Draws heads made of 3D Gaussians. Other objects are left to other engines and joined in the compositor."""

    bl_idname = ENGINE
    bl_label = "EmoDiffTalk"
    bl_use_postprocess = True
    bl_use_gpu_context = not bpy.app.background

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)

    def update_render_passes(self, scene: Scene | None = None, renderlayer: ViewLayer | None = None) -> None:
        """Tell the compositor which sockets there are."""
        for name, channels, letters, kind in passes.wanted_passes(scene, renderlayer):
            self.register_pass(scene, renderlayer, name, channels, letters, kind)

    def render(self, depsgraph: Depsgraph) -> None:
        """One frame of one view layer. Whatever goes wrong is one sentence in Blender's report."""
        try:
            frame.render_frame(self, depsgraph, self._announce)
        except Cancelled:  # nothing to hand over, and Blender knows why
            return
        except UserError as error:
            self.error_set(str(error))
            self.report({"ERROR"}, str(error))

    def _announce(self, sentence: str) -> None:
        """Say something once in a session, not once per frame."""
        if sentence not in _announced:
            _announced.add(sentence)
            self.report({"WARNING"}, sentence)
            print(f"EmoDiffTalk: {sentence}", flush=True)

    def view_update(self, context: Context, depsgraph: Depsgraph) -> None:
        """Nothing is kept for the rendered viewport: its heads are drawn as in every other shading mode."""

    def view_draw(self, context: Context, depsgraph: Depsgraph) -> None:
        """The rendered viewport in scene-linear light: the view transform comes after us, as in the final frame.

        Under a transform that leaves heads as they are, `viewport.drawing` draws them over Blender's overlays as in
        every other shading; under any other one they are drawn here.
        """
        screens.draw_rendered(context, depsgraph.scene)


_announced: set[str] = memory.keep(set())


class EMODIFFTALK_OT_use_engine(Operator):
    """Render this scene with EmoDiffTalk, under a view transform that shows heads as they were captured"""

    bl_idname = "emodifftalk.use_engine"
    bl_label = "Render with EmoDiffTalk"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        """Switch both."""
        context.scene.render.engine = ENGINE  # type: ignore[assignment]  # the stub knows none that is added
        if context.scene.view_settings.view_transform not in TRUE_TRANSFORMS:
            context.scene.view_settings.view_transform = "Standard"  # type: ignore[assignment]  # it is in OCIO's hands
        return {"FINISHED"}


_LEFT_OUT = {"RENDER_PT_gpencil", "RENDER_PT_simplify", "RENDER_PT_freestyle", "VIEWLAYER_PT_eevee_layer_passes_data"}


def _shared_panels() -> Iterator[Any]:
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
