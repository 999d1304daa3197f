"""The EmoDiffTalk render engine: every head of the scene as Gaussians; Combined with alpha, and Depth."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
from bpy.types import Context, Depsgraph, Operator, Panel, RenderEngine, Scene

from emodifftalk.core.errors import Cancelled, UserError
from emodifftalk.core.gaussians import Gaussians

from . import playback, rasterizers
from .blender_camera import View, camera_view
from .colour_space import display_colour, linear_colour
from .heads import is_head

ENGINE = "EMODIFFTALK"
FAR = 1e10
"""Depth where nothing is, as Cycles writes it."""
SOFT_DEPTH = "Soft Depth"
"""The pass that has a depth wherever anything of a head is seen, single hairs too; Depth begins at half covered."""
_FAINT = 1 / 255
TRUE_TRANSFORMS = ("Standard", "Raw")
"""View transforms under which a head looks as it was captured."""


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
        self.register_pass(scene, renderlayer, "Combined", 4, "RGBA", "COLOR")
        if getattr(renderlayer, "use_pass_z", False):
            self.register_pass(scene, renderlayer, "Depth", 1, "Z", "VALUE")
            self.register_pass(scene, renderlayer, SOFT_DEPTH, 1, "Z", "VALUE")

    def render(self, depsgraph: Depsgraph) -> None:
        """One frame. Whatever goes wrong is one sentence in Blender's report; the frame is then empty."""
        try:
            self._render(depsgraph)
        except Cancelled:  # nothing to hand over, and Blender knows why
            return
        except UserError as error:
            self.error_set(str(error))
            self.report({"ERROR"}, str(error))

    def _render(self, depsgraph: Depsgraph) -> None:
        scene = depsgraph.scene
        camera = scene.camera.evaluated_get(depsgraph) if scene.camera is not None else None
        view = camera_view(camera, depsgraph)
        self.update_stats("EmoDiffTalk", "Posing the Gaussians")
        parts = [gaussians for gaussians in posed_heads(depsgraph, self._announce) if len(gaussians)]
        if not parts:
            self._announce("There is no head to render in this scene: import a subject, or let one be rendered.")
        if self.test_break():
            return
        self.update_stats("EmoDiffTalk", "Drawing")
        if parts:
            gaussians = parts[0] if len(parts) == 1 else Gaussians.concatenate(parts)
            rgba, depth = rasterizers.draw(gaussians, view, self._announce, self.test_break)
        else:
            rgba, depth = np.zeros((view.height, view.width, 4), np.float32), np.zeros((view.height, view.width))
        combined = to_scene_linear(rgba, None if scene.render.film_transparent else world_colour(scene))
        solid, faint = (np.where(rgba[..., 3] > least, depth, FAR) for least in (0.5, _FAINT))
        self._hand_over(view, {"Combined": combined, "Depth": solid, SOFT_DEPTH: faint})

    def _hand_over(self, view: View, pictures: dict[str, np.ndarray]) -> None:
        result = self.begin_result(0, 0, view.width, view.height)
        for passes in (layer.passes for layer in result.layers):
            for name, values in pictures.items():
                found = passes.get(name)
                if found is not None:
                    flat = np.ascontiguousarray(values[::-1], np.float32).ravel()  # Blender counts rows from below
                    found.rect.foreach_set(flat)
        self.end_result(result)

    def _announce(self, sentence: str) -> None:
        if sentence not in _announced:  # once per session, not once per frame
            _announced.add(sentence)
            self.report({"WARNING"}, sentence)
            print(f"EmoDiffTalk: {sentence}", flush=True)

    def view_update(self, context: Context, depsgraph: Depsgraph) -> None:
        """Nothing is kept for the rendered viewport: its heads are drawn as in every other shading mode."""

    def view_draw(self, context: Context, depsgraph: Depsgraph) -> None:
        """The background of the rendered viewport; `viewport` draws the heads over it."""
        import gpu

        # Scene-linear: the view transform comes after us.
        gpu.state.active_framebuffer_get().clear(color=(*world_colour(depsgraph.scene), 1.0))


_announced: set[str] = set()


def posed_heads(depsgraph: Depsgraph, announce) -> Iterator[Gaussians]:
    """The Gaussians, in world space, of every head that is rendered. A head that cannot be read is announced."""
    for instance in depsgraph.object_instances:
        thing = instance.object
        if not is_head(thing.original) or not instance.show_self:
            continue
        if depsgraph.mode == "RENDER" and thing.original.hide_render:
            continue
        try:
            gaussians = playback.current_gaussians(thing, depsgraph)
        except UserError as error:
            announce(f"{thing.name} is not rendered. {error}")
            continue
        yield gaussians.transformed(np.array(instance.matrix_world))


def world_colour(scene: Scene) -> np.ndarray:
    """The world's colour (3,), scene-linear: its Background node's, or its viewport colour."""
    world = scene.world
    if world is None:
        return np.zeros(3)
    nodes = world.node_tree.nodes if world.use_nodes and world.node_tree is not None else ()
    background = next((node for node in nodes if node.type == "BACKGROUND"), None)
    if background is not None and not background.inputs["Color"].is_linked:
        strength = background.inputs["Strength"].default_value
        return strength * np.array(background.inputs["Color"].default_value)[:3]
    return np.array(world.color)


def to_scene_linear(rgba: np.ndarray, background: np.ndarray | None) -> np.ndarray:
    """What the compositor expects, (H, W, 4) scene-linear and premultiplied, of a drawn picture (H, W, 4).

    rgba: display-referred sRGB premultiplied by alpha. background: scene-linear RGB (3,), or None for transparency.
    Gaussians are learned blended as they are displayed, so the background is blended that way too, before the colours
    are made linear.
    """
    colour, alpha = rgba[..., :3].astype(np.float64), rgba[..., 3:].astype(np.float64)
    if background is not None:
        solid = linear_colour(colour + (1 - alpha) * display_colour(background))
        return np.concatenate([solid, np.ones_like(alpha)], axis=-1).astype(np.float32)
    straight = np.divide(colour, alpha, out=np.zeros_like(colour), where=alpha > 1e-6)
    return np.concatenate([linear_colour(straight) * alpha, alpha], axis=-1).astype(np.float32)


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


def register() -> None:
    """Offer the engine."""
    for cls in (EmoDiffTalkRenderEngine, EMODIFFTALK_OT_use_engine):
        bpy.utils.register_class(cls)
    for panel in _shared_panels():
        panel.COMPAT_ENGINES.add(ENGINE)


def unregister() -> None:
    """Take it away."""
    _announced.clear()
    for panel in _shared_panels():
        panel.COMPAT_ENGINES.discard(ENGINE)
    for cls in (EMODIFFTALK_OT_use_engine, EmoDiffTalkRenderEngine):
        bpy.utils.unregister_class(cls)
