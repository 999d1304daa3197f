"""Putting heads into the render of a shot that Cycles, EEVEE or another engine makes, and taking them out again."""

from __future__ import annotations

from bpy.props import BoolProperty, StringProperty
from bpy.types import Context, Event, Operator, Scene, ViewLayer

from emodifftalk.core.errors import UserError

from ..blender import compat
from ..blender.operators import Explained
from ..blender.registering import Adds
from ..draw.colours import ENGINE
from ..scene.composite_settings import composite_settings
from ..scene.heads import drawn
from . import nodes, shadow
from .heads_scene import drop_heads_scene, keep_in_step, new_heads_scene


def put_heads_in(shot: Scene, layer: ViewLayer) -> list[str]:
    """Let renders of the shot hold its heads, each pixel hidden by what is nearer to the camera.

    layer: the view layer whose picture they are put into. Safe to repeat. Returns sentences on what the animator should
    know. Raises UserError when the compositor does not use that picture; the shot is then unchanged.
    """
    composite, known = composite_settings(shot), []
    if compat.has_switched_off_compositor(shot):
        known.append("The scene's compositor nodes, which were switched off, are in use now.")
    fresh = compat.compositor(shot) is None
    tree = compat.compositor(shot) or compat.new_compositor(shot)
    composite.made_compositor = composite.made_compositor or (fresh and not known)
    if composite.layer != layer.name:
        _give_depth_back(shot)
    composite.made_depth = composite.made_depth or not layer.use_pass_z
    layer.use_pass_z = True  # the Render Layers node has a Depth socket from now on
    composite.layer = layer.name
    if not nodes.insert(tree, shot, layer.name, new_heads_scene(shot)):
        take_heads_out(shot)
        raise UserError(
            f"The compositor does not use the picture of the view layer “{layer.name}”: connect its Render Layers node "
            "first, or choose the view layer it uses."
        )
    keep_in_step(shot)
    if not shot.render.use_compositing:
        known.append("Compositing is switched off under Output > Post Processing: the heads are seen once it is on.")
    return known


def take_heads_out(shot: Scene) -> None:
    """Undo `put_heads_in`: nodes, links, passes and the second scene are as they were."""
    tree, composite = compat.compositor(shot), composite_settings(shot)
    if tree is not None:
        nodes.remove(tree)
        if composite.made_compositor:
            compat.drop_compositor(shot)
    _give_depth_back(shot)
    composite.made_compositor, composite.layer = False, ""
    drop_heads_scene(shot)
    shadow.remove_shadows(shot)


def _give_depth_back(shot: Scene) -> None:
    composite = composite_settings(shot)
    layer: ViewLayer | None = shot.view_layers.get(composite.layer)
    if layer is not None and composite.made_depth:
        layer.use_pass_z = False
    composite.made_depth = False


def is_in(shot: Scene) -> bool:
    """Whether the shot's renders hold its heads."""
    tree = compat.compositor(shot)
    composite = composite_settings(shot)
    return composite.heads_scene is not None and tree is not None and bool(nodes.our_nodes(tree))


class EMODIFFTALK_OT_put_heads_in(Explained, Operator):
    """Put the heads into what this scene's engine renders."""

    bl_idname = "emodifftalk.put_heads_in"
    bl_label = "Put Heads into This Render"
    bl_description = (
        "Put the heads into what this scene's engine renders: hidden by what is nearer, hiding what is behind them. "
        "Adds a scene that renders the heads and nodes to the compositor; run again, it puts both in order"
    )
    bl_options = {"REGISTER", "UNDO"}

    layer: StringProperty(
        name="View Layer", description="The view layer whose picture the heads are put into (empty: the one in use)"
    )
    shadows: BoolProperty(
        name="Shadows from Heads",
        description="Give each head a rough hull that no camera sees but that throws its shadow on the scene",
        default=True,
    )

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With heads in a scene that another engine renders."""
        return why_not(context.scene)

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Start from the view layer that was chosen before."""
        self.layer = composite_settings(context.scene).layer or context.view_layer.name
        return self.execute(context)

    def draw(self, context: Context) -> None:
        """The view layer by its name, and the shadow."""
        self.layout.prop_search(self, "layer", context.scene, "view_layers")
        self.layout.prop(self, "shadows")

    def execute(self, context: Context) -> set[str]:
        """Put them in and say what there is to know."""
        shot = context.scene
        layer: ViewLayer | None = shot.view_layers.get(self.layer or context.view_layer.name)
        if layer is None:
            self.report({"ERROR"}, f"There is no view layer “{self.layer}”: choose one of the scene's.")
            return {"CANCELLED"}
        try:
            known = put_heads_in(shot, layer)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for sentence in known + _shadow(shot, self.shadows):
            self.report({"WARNING"}, sentence)
        return {"FINISHED"}


def _shadow(shot: Scene, wanted: bool) -> list[str]:
    """Give the heads shadows or take them away; returns why not."""
    if not wanted:
        shadow.remove_shadows(shot)
        return []
    try:
        shadow.add_shadows(shot)
    except UserError as error:
        return [f"A head throws no shadow. {error}"]
    shadow.keep_aside(shot)
    why_none = shadow.why_none(shot)
    return [why_none] if why_none else []


def why_not(scene: Scene) -> str:
    """Why heads cannot be put into a scene's render; empty when they can."""
    if composite_settings(scene).shot is not None:
        return "This scene renders the heads of another one: switch to that"
    if scene.render.engine == ENGINE:
        return "EmoDiffTalk renders heads itself: choose Cycles or EEVEE for everything else first"
    if scene.library is not None:
        return "This scene is linked from another file"
    if not any(True for _ in drawn(scene)):
        return "Import a subject first"
    return ""


class EMODIFFTALK_OT_take_heads_out(Explained, Operator):
    """Take the heads out of this scene's render."""

    bl_idname = "emodifftalk.take_heads_out"
    bl_label = "Take Heads out of This Render"
    bl_description = (
        "Take the heads out of this scene's render: our nodes, the scene of the heads and their hulls go, links are as "
        "they were before"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, context: Context) -> str:
        """When they are in."""
        heads_in = composite_settings(context.scene).heads_scene is not None or is_in(context.scene)
        return "" if heads_in else "No heads were put into this render"

    def execute(self, context: Context) -> set[str]:
        """Take them out."""
        take_heads_out(context.scene)
        return {"FINISHED"}


ADDS = Adds(classes=(EMODIFFTALK_OT_put_heads_in, EMODIFFTALK_OT_take_heads_out))
