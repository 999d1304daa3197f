"""Timeline markers become emotion prompts and prompts become markers: feelings are often spotted as markers first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from bpy.props import BoolProperty
from bpy.types import Context, Menu, Object, Operator, Scene, TimelineMarker

from emodifftalk.core.errors import UserError

from ..blender import compat
from ..blender.registering import Adds
from ..scene.heads import active_head
from ..scene.operators import ForHead
from ..scene.strips import prompt_strips, prompt_words, remove_strip, scene_clock, strip_scene, voice_strips
from .prompts import add_prompt, listening_scene

_UNNAMED = re.compile(r"F_\d+|Marker(\.\d+)?", re.IGNORECASE)
"""What Blender calls a marker that nobody has named."""
_SECONDS, _FADE = 3.0, 0.3
"""How long the last one lasts without a voice, and how far each fades into the next."""
_NAME_BYTES = 63
"""Blender cuts a marker's name there."""


def markers_with_words(scene: Scene, selected: bool) -> list[TimelineMarker]:
    """The markers that say something, in order; those bound to a camera are not ours."""
    markers = [m for m in scene.timeline_markers if m.camera is None and (m.select or not selected)]
    named = [m for m in markers if m.name.strip() and not _UNNAMED.fullmatch(m.name.strip())]
    return sorted(named, key=lambda marker: marker.frame)


def prompts_from_markers(head: Object, scene: Scene, selected: bool, keep: bool) -> tuple[int, list[str]]:
    """Turn markers into prompts that last till the next; returns how many, and a sentence for each that was left."""
    made, left = 0, []
    markers = markers_with_words(scene, selected)
    rate = scene_clock(scene).rate
    voice_end = max((compat.right_handle(strip) for strip in voice_strips(head, scene)), default=0.0)
    for marker, following in zip_longest(markers, [marker.frame for marker in markers[1:]]):
        if following is not None:
            until = following + _FADE * rate
        else:
            until = voice_end if voice_end > marker.frame else marker.frame + _SECONDS * rate
        try:
            add_prompt(head, scene, marker.name, marker.frame, until)
        except UserError as error:
            left.append(f"“{marker.name}” at frame {marker.frame}: {error}")
            continue
        made += 1
        if not keep:
            scene.timeline_markers.remove(marker)
    return made, left


def markers_from_prompts(head: Object, scene: Scene, selected: bool, keep: bool) -> tuple[int, list[str]]:
    """Turn prompts into markers at their beginnings; returns how many, and the words that no marker can hold."""
    made, left = 0, []
    for strip in prompt_strips(head, scene):
        words = prompt_words(strip).strip()
        if (selected and not strip.select) or not words:
            continue
        if len(words.encode()) > _NAME_BYTES:
            left.append(f"“{words[:30]}…” is too long for a marker")
            continue
        scene.timeline_markers.new(words, frame=round(compat.left_handle(strip)))
        made += 1
        if not keep:
            remove_strip(strip)
    return made, left


class _Convert(ForHead):
    bl_options = {"REGISTER", "UNDO"}
    nothing = ""

    selected: BoolProperty(name="Only Selected", description="Leave those alone that are not selected")
    keep: BoolProperty(name="Keep", description="Keep what was converted as well")

    @staticmethod
    def source(head: Object, scene: Scene) -> Sequence[object]:
        """What there is to convert."""
        raise NotImplementedError

    @staticmethod
    def convert(head: Object, scene: Scene, selected: bool, keep: bool) -> tuple[int, list[str]]:
        """Convert it; returns how many were made, and a sentence for each that was left."""
        raise NotImplementedError

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a head, and something to convert."""
        head, reason = active_head(context), super().why_not(context)
        if not reason and not cls.source(head, strip_scene(head, context.scene)):
            reason = cls.nothing
        return reason

    def execute(self, context: Context) -> set[str]:
        """Convert, and say what was left."""
        head = active_head(context)
        made, left = type(self).convert(head, listening_scene(head, context), self.selected, self.keep)
        for sentence in left:
            self.report({"WARNING"}, f"Left alone: {sentence}")
        if not made and not left:
            self.report({"WARNING"}, "None of them is selected" if self.selected else self.nothing)
        return {"FINISHED"} if made else {"CANCELLED"}


class EMODIFFTALK_OT_prompts_from_markers(_Convert, Operator):
    """Make an emotion prompt of every named marker."""

    bl_idname = "emodifftalk.prompts_from_markers"
    bl_label = "Markers to Emotion Prompts"
    bl_description = (
        "Make an emotion prompt of every named marker: its name in words, from its frame to the next. Markers bound to "
        "a camera are left alone"
    )
    nothing = "Name markers by feelings first, like “relieved”"
    source = staticmethod(lambda head, scene: markers_with_words(scene, False))
    convert = staticmethod(prompts_from_markers)


class EMODIFFTALK_OT_markers_from_prompts(_Convert, Operator):
    """Make a marker of every prompt of this head."""

    bl_idname = "emodifftalk.markers_from_prompts"
    bl_label = "Emotion Prompts to Markers"
    bl_description = (
        "Make a marker of every prompt of this head, with its words, where it begins. Intensity, eases and values set "
        "by hand go with the prompt: keep it if they matter. Words too long for a marker stay a prompt"
    )
    nothing = "This head has no prompts"
    source = staticmethod(prompt_strips)
    convert = staticmethod(markers_from_prompts)


class EMODIFFTALK_MT_markers(Menu):
    """Markers and prompts turned into one another"""

    bl_idname = "EMODIFFTALK_MT_markers"
    bl_label = "Markers and Emotion Prompts"

    def draw(self, context: Context) -> None:
        """Both ways, all or selected."""
        for name, text in (
            ("emodifftalk.prompts_from_markers", "Markers to Prompts"),
            ("emodifftalk.markers_from_prompts", "Prompts to Markers"),
        ):
            self.layout.operator(name, text=text).selected = False
            self.layout.operator(name, text=f"Selected {text}").selected = True


def _draw_in_menu(menu: Menu, context: Context) -> None:
    menu.layout.separator()
    menu.layout.menu("EMODIFFTALK_MT_markers")


_CLASSES = (EMODIFFTALK_OT_prompts_from_markers, EMODIFFTALK_OT_markers_from_prompts, EMODIFFTALK_MT_markers)
_MENUS = ("TIME_MT_marker", "DOPESHEET_MT_marker", "GRAPH_MT_marker", "NLA_MT_marker", "SEQUENCER_MT_marker")


ADDS = Adds(classes=_CLASSES, menus=tuple((name, _draw_in_menu) for name in _MENUS))
