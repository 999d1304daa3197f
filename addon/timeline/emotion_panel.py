"""The parts of our tab that have to do with feelings: prompts, what they mean on the face, labels to choose from."""

from __future__ import annotations

import textwrap
from typing import Any

from bpy.types import Context, Menu, Panel, TextStrip, UILayout

from emodifftalk.core.facs import AU_NAMES
from emodifftalk.core.labels import INTENSITIES, LABELS

from ..backend import connection
from ..backend.client import STARTING
from ..scene.heads import AU_PROPERTIES, active_head
from ..scene.panel_parts import BESIDE_VALUE, NARROW, OfHead, draw_lines, letters, unit_name
from ..scene.properties import window_settings
from ..scene.strips import is_prompt, prompt_words, scene_clock, strip_settings
from .prompt_list import draw_prompts, list_settings
from .prompts import active_prompt
from .reading import is_being_read, is_read

_SHOWN_AU = 0.05
"""An action unit below this is not worth a line."""
_ROOM = 6
"""Rows that the bars of a prompt have at least: between most prompts nothing below them moves."""


class EMODIFFTALK_PT_emotion(OfHead, Panel):
    """What the head feels."""

    bl_label = "Emotion"

    def draw(self, context: Context) -> None:
        """A field for a new feeling, the prompts there are, the chosen one in detail."""
        layout, head = self.layout, active_head(context)
        row = layout.row(align=True)
        row.prop(window_settings(context), "new_prompt", text="", placeholder="Type a feeling")
        row.operator("emodifftalk.add_prompt", text="", icon="ADD")
        row.menu("EMODIFFTALK_MT_labels", text="", icon="DOWNARROW_HLT")
        row.menu("EMODIFFTALK_MT_markers", text="", icon="MARKER")
        draw_prompts(layout, head, context.scene, context)
        _draw_prompt(layout, active_prompt(head, context.scene), context)


class EMODIFFTALK_MT_labels(Menu):
    """The plain emotions at two intensities, as prompts to add."""

    bl_idname = "EMODIFFTALK_MT_labels"
    bl_label = "Add Emotion"
    bl_description = "Add one of the plain emotions at the playhead"

    def draw(self, context: Context) -> None:
        """Every label, mild and strong."""
        for label in LABELS:
            words = [label] if LABELS[label] == "neutral" else [f"{label}, {degree}" for degree in INTENSITIES]
            for text in words:
                self.layout.operator("emodifftalk.add_prompt", text=text.capitalize()).text = text


def _draw_prompt(layout: UILayout, strip: TextStrip | None, context: Context) -> None:
    """The chosen prompt; where none is chosen the same, empty and greyed out, so that nothing jumps."""
    prompt: Any = strip_settings(strip) if strip is not None else list_settings(context).nobody
    row = layout.row(align=True)
    words = row.row(align=True)
    words.enabled = strip is not None
    words.prop(prompt, "text", text="", placeholder="No feeling at the playhead")
    row.popover("EMODIFFTALK_PT_presets", text="", icon="PRESET")
    remove = row.row(align=True)
    remove.enabled = strip is not None
    remove.operator("emodifftalk.remove_prompt", text="", icon="X").uid = prompt.uid
    column = layout.column()
    column.enabled = strip is not None
    row = column.row(align=True)
    if strip is not None:
        row.prop(strip, "blend_alpha", text="Intensity", slider=True)
        row.prop_decorator(strip, "blend_alpha")
    else:
        row.prop(prompt, "strength", text="Intensity", slider=True)
        row.label(text="", icon="BLANK1")
    column.prop(prompt, "strength", slider=True)
    narrow, rate = letters(context) < NARROW, scene_clock(context.scene).rate
    pair = column.column(align=True) if narrow else column.row(align=True)
    pair.prop(prompt, "ease_in", text=f"In {round(prompt.ease_in * rate)} f")
    pair.prop(prompt, "ease_out", text=f"Out {round(prompt.ease_out * rate)} f")
    _draw_meaning(column, strip, prompt, context)


def _draw_meaning(layout: UILayout, strip: TextStrip | None, prompt: Any, context: Context) -> None:
    header, body = layout.panel("emodifftalk_meaning", default_closed=False)
    header.label(text="Face" if letters(context) < NARROW else "On the Face")
    window = window_settings(context)
    header.prop(prompt, "by_hand", text="By Hand", toggle=True)
    header.prop(window, "all_units", text="", icon="COLLAPSEMENU", toggle=True)
    if body is None:
        return
    column = body.column(align=True)
    used = _draw_remark(column, strip, letters(context)) if strip is not None else 0
    shown = _shown_units(strip, prompt, window.all_units)
    for au in shown:
        column.prop(prompt.aus, AU_PROPERTIES[au], text=unit_name(au, letters(context) - BESIDE_VALUE), slider=True)
    for _ in range(used + len(shown), _ROOM):
        column.label(text="")


def _shown_units(strip: TextStrip | None, prompt: Any, everything: bool) -> list[str]:
    if strip is None or not (prompt.by_hand or is_read(strip)):
        return []
    return [au for au in AU_NAMES if everything or _is_meant(prompt, AU_PROPERTIES[au])]


def _is_meant(prompt: Any, name: str) -> bool:
    """Whether an action unit is worth a line: the words mean it, or a hand has moved it."""
    least = 0.001 if prompt.by_hand else _SHOWN_AU
    return getattr(prompt.read_aus, name) >= _SHOWN_AU or getattr(prompt.aus, name) >= least


def _draw_remark(layout: UILayout, strip: TextStrip, width: int) -> int:
    """What there is to say about a prompt, in the room of its bars; returns how many rows of it that takes."""
    prompt = strip_settings(strip)
    if not prompt.by_hand and not is_read(strip) and _can_be_read(strip):
        button = layout.operator("emodifftalk.read_prompt", text="Read These Words", icon="VIEWZOOM")
        button.uid = prompt.uid
        return 1
    sentence, icon = _remark(strip)
    if not sentence:
        return 0
    lines = min(len(textwrap.wrap(sentence, width - 4)), _ROOM - 1)
    rows = layout.column(align=True)
    rows.alert = icon == "ERROR"
    draw_lines(rows, sentence, lines, width - 4, icon, height=1.0)
    return lines


def _can_be_read(strip: TextStrip) -> bool:
    return bool(prompt_words(strip).strip()) and not connection.unavailable_reason() and not is_being_read(strip)


def _remark(strip: TextStrip) -> tuple[str, str]:
    """One sentence and its icon; empty when the bars say all."""
    prompt = strip_settings(strip)
    if not strip.mute:
        return "Mute this strip: an audible one makes Blender render the sequencer instead.", "ERROR"
    if prompt.by_hand:
        return "", "NONE"
    if not prompt_words(strip).strip():
        return "Type a feeling above", "INFO"
    if is_read(strip):
        calm = "" if _shown_units(strip, prompt, False) else "These words leave the face as it is"
        return prompt.answer or calm, "ERROR" if prompt.answer else "INFO"
    if is_being_read(strip):
        starting = connection.client.state == STARTING
        return "Starting the backend…" if starting else "Reading…", "SORTTIME"
    return "Nothing can read these words yet. By Hand works without the backend.", "INFO"


class EMODIFFTALK_PT_prompt(Panel):
    """The active prompt, beside the strips."""

    bl_label = "Emotion Prompt"
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "EmoDiffTalk"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """With a prompt active in the sequencer."""
        strip = getattr(context, "active_strip", None)
        return strip is not None and is_prompt(strip)

    def draw(self, context: Context) -> None:
        """Its words, intensity and meaning."""
        strip: Any = context.active_strip  # a prompt, says `poll`
        _draw_prompt(self.layout, strip, context)
