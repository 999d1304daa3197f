"""What a shot remembers about the heads in its render, and their scene about the shot."""

from __future__ import annotations

from bpy.props import BoolProperty, PointerProperty, StringProperty
from bpy.types import Context, PropertyGroup, Scene

from ..blender.registering import Adds
from ..blender.unforeseen import guarded
from .bells import COLOURS_CHANGED


@guarded("Showing the change")
def _colours_changed(self: CompositeSettings, context: Context) -> None:
    COLOURS_CHANGED.ring(self.id_data)


class CompositeSettings(PropertyGroup):
    """On the shot: the scene of its heads, and what was switched on for them. On that scene: the shot."""

    heads_scene: PointerProperty(type=Scene, name="Heads", description="The scene that renders this shot's heads")
    shot: PointerProperty(type=Scene, name="Shot", description="The scene whose heads this one renders")
    layer: StringProperty(name="View Layer", description="The view layer whose picture the heads are put into")
    keep_colours: BoolProperty(
        name="Keep the Head's Colours",
        description="Undo the shot's view transform for the heads, so that they look as they were captured",
        default=True,
        update=_colours_changed,
        options=set(),
    )
    made_compositor: BoolProperty(options={"HIDDEN"})
    made_depth: BoolProperty(options={"HIDDEN"})


def composite_settings(scene: Scene) -> CompositeSettings:
    """What a scene keeps about heads in renders."""
    return scene.emodifftalk_composite  # type: ignore[attr-defined]  # from ADDS


def shot_of(scene: Scene) -> Scene:
    """The shot a scene renders heads for; any other scene itself."""
    return composite_settings(scene).shot or scene


ADDS = Adds(classes=(CompositeSettings,), properties=((Scene, "emodifftalk_composite", CompositeSettings, {}),))
