"""How heads are drawn in this scene: by whom, with how many samples of motion blur, and how finely in viewports."""

from __future__ import annotations

from typing import Any

from bpy.props import BoolProperty, EnumProperty, IntProperty
from bpy.types import Context, PropertyGroup, Scene, ViewLayer

from ..blender.redraw import VIEWS, redraw
from ..blender.registering import Adds
from ..blender.unforeseen import guarded


@guarded("Showing the change")
def _redraw(self: PropertyGroup, context: Context) -> None:
    redraw(VIEWS)


@guarded("Showing the change")
def _passes_changed(self: PropertyGroup, context: Context) -> None:
    scene: Any = self.id_data
    for layer in scene.view_layers:
        layer.update_render_passes()


class SceneRenderSettings(PropertyGroup):
    """Drawing heads in a scene."""

    rasterizer: EnumProperty(
        name="Drawn By",
        description="Who draws the heads of final frames. All make the same picture",
        items=(
            ("AUTO", "Automatic", "The graphics card in a window; without one the backend, or else NumPy"),
            ("CARD", "Graphics Card", "Blender's own drawing, also on software OpenGL"),
            ("BACKEND", "Backend", "The backend's rasterizer; NumPy where it is not installed"),
            ("NUMPY", "NumPy", "Inside Blender on the processor: works everywhere, slowest"),
        ),
        options=set(),
    )
    blur_samples: IntProperty(
        name="Steps",
        description="Pictures drawn between shutter opening and closing; few show as ghosts, each costs a picture's "
        "time. Used when motion blur is on",
        default=16,
        min=2,
        soft_max=64,
        max=256,
        options=set(),
    )
    share: IntProperty(
        name="Gaussians",
        description="Share of every head's Gaussians drawn in viewports, the most important first. Final frames have "
        "all of them",
        default=100,
        min=10,
        max=100,
        subtype="PERCENTAGE",
        options=set(),
        update=_redraw,
    )
    resolution: IntProperty(
        name="Resolution",
        description="Pixels of heads in viewports: at 50% each covers two by two of the screen's",
        default=100,
        min=25,
        max=100,
        subtype="PERCENTAGE",
        options=set(),
        update=_redraw,
    )
    full_when_still: BoolProperty(
        name="Full When Still",
        description="Draw heads in viewports in full once nothing has moved for a moment",
        default=True,
        options=set(),
        update=_redraw,
    )


class LayerSettings(PropertyGroup):
    """Passes of a view layer that Blender does not know itself."""

    mask_per_head: BoolProperty(
        name="Mask per Head",
        description="A mask with soft edges for every head, named after its object, beside the one of all heads",
        options=set(),
        update=_passes_changed,
    )


def drawing_settings(scene: Scene) -> SceneRenderSettings:
    """Those of a scene."""
    return scene.emodifftalk_render  # type: ignore[attr-defined]  # ADDS puts it there


def layer_settings(layer: ViewLayer) -> LayerSettings:
    """Those of a view layer."""
    return layer.emodifftalk_render  # type: ignore[attr-defined]  # ADDS puts it there


ADDS = Adds(
    classes=(SceneRenderSettings, LayerSettings),
    properties=(
        (Scene, "emodifftalk_render", SceneRenderSettings, {}),
        (ViewLayer, "emodifftalk_render", LayerSettings, {}),
    ),
)
