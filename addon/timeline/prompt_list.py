"""The prompts of a head as a list in the tab: of a fixed height, however many there are."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import CollectionProperty, IntProperty, PointerProperty
from bpy.types import Context, Object, PropertyGroup, Scene, TextStrip, UILayout, UIList, WindowManager

from ..blender import compat
from ..blender.registering import Adds
from ..blender.unforeseen import guarded
from ..scene.heads import active_head
from ..scene.panel_parts import NARROW, letters, time_text
from ..scene.properties import StripSettings
from ..scene.strips import feels, is_prompt, prompt_words, scene_clock, strip_scene
from . import colours
from .prompts import active_prompt, select_prompt

_ROWS = 4


@guarded("Choosing a prompt", -1)
def _get_row(self: PropertyGroup) -> int:
    """The chosen prompt among all strips, -1 for none."""
    context = bpy.context
    head = active_head(context)
    chosen = active_prompt(head, context.scene) if head is not None else None
    strips = compat.all_strips(strip_scene(head, context.scene)) if chosen is not None else []
    return next((row for row, strip in enumerate(strips) if strip == chosen), -1)


@guarded("Choosing a prompt")
def _set_row(self: PropertyGroup, row: int) -> None:
    strips = compat.all_strips(strip_scene(active_head(bpy.context), bpy.context.scene))
    for strip in filter(is_prompt, strips[row : row + 1] if row >= 0 else ()):
        select_prompt(strip)


class PromptListSettings(PropertyGroup):
    """What the list is drawn with; kept while Blender runs."""

    row: IntProperty(
        name="Prompt",
        description="The prompt that is shown below. Choosing one puts the playhead on it",
        get=_get_row,
        set=_set_row,
        options=set(),
    )
    nobody: PointerProperty(type=StripSettings, options={"HIDDEN"})
    none: CollectionProperty(type=StripSettings, options={"HIDDEN"})


def list_settings(context: Context) -> Any:
    """Those of this Blender. Any, as `heads.settings` says."""
    return context.window_manager.emodifftalk_prompt_list  # type: ignore[attr-defined]  # from ADDS


class EMODIFFTALK_UL_prompts(UIList):
    """The prompts of the active head."""

    bl_idname = "EMODIFFTALK_UL_prompts"

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:
        """Colour, words, and when it begins: seconds from the scene's start, and the frame."""
        scene = strip_scene(active_head(context), context.scene)
        narrow = letters(context) < NARROW
        split = layout.split(factor=0.75 if narrow else 0.64, align=True)
        split.label(text=prompt_words(item), icon=colours.icon(item))
        right = split.row()
        right.alignment = "RIGHT"
        right.active = False
        frame = compat.left_handle(item)
        seconds = scene_clock(scene, scene.frame_start).seconds(frame)
        right.label(text=f"{frame:.0f}" if narrow else time_text(scene, seconds, frame))

    def draw_filter(self, context: Context, layout: UILayout) -> None:
        """Nothing to choose."""

    def filter_items(self, context: Context, data: Any, property: str) -> tuple[list[int], list[int]]:
        """The active head's prompts alone, in the order of the timeline."""
        head, strips = active_head(context), list(getattr(data, property))
        mine = [isinstance(strip, TextStrip) and is_prompt(strip) and feels(strip, head) for strip in strips]
        order = sorted(range(len(strips)), key=lambda row: (compat.left_handle(strips[row]), strips[row].name))
        places = [0] * len(strips)
        for place, row in enumerate(order):
            places[row] = place
        return [self.bitflag_filter_item if shown else 0 for shown in mine], places


def draw_prompts(layout: UILayout, head: Object, scene: Scene, context: Context) -> None:
    """The list; without prompts it is there and empty."""
    listed, editor = list_settings(context), strip_scene(head, scene).sequence_editor
    data, name = (editor, "strips_all") if editor is not None else (listed, "none")
    layout.template_list("EMODIFFTALK_UL_prompts", "", data, name, listed, "row", rows=_ROWS, maxrows=_ROWS)


ADDS = Adds(
    classes=(PromptListSettings,),
    properties=((WindowManager, "emodifftalk_prompt_list", PromptListSettings, {}),),
)
