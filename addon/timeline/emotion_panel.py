"""The parts of our tab that have to do with feelings: prompts, what they mean on the face, labels to choose from."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.types import Context, Menu, Panel, TextStrip, UILayout

from emodifftalk.core.clock import clock_text
from emodifftalk.core.facs import AU_LABELS, AU_NAMES
from emodifftalk.core.labels import INTENSITIES, LABELS

from ..backend import connection
from ..backend.client import STARTING
from ..backend.panel import draw_remedy
from ..blender import compat
from ..scene.heads import AU_PROPERTIES, active_head
from ..scene.panel_parts import OfHead, draw_problem, draw_sentence, letters
from ..scene.properties import window_settings
from ..scene.strips import is_prompt, prompt_strips, prompt_words, scene_clock, strip_scene, strip_settings
from . import colours
from .prompts import active_prompt
from .reading import is_being_read, is_read

_SHOWN_AU = 0.05
"""An action unit below this is not worth a line."""


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
        scene, prompts = strip_scene(head, context.scene), prompt_strips(head, context.scene)
        chosen = active_prompt(head, context.scene)
        if prompts:
            column = layout.box().column(align=True)
            for strip in prompts:
                _draw_prompt_row(column, strip, scene, strip == chosen)
        else:
            draw_sentence(layout, "It goes on the timeline at the playhead, above the voice.", width=letters(context))
        if chosen is not None:
            _draw_prompt(layout, chosen, letters(context))


def _draw_prompt_row(layout: UILayout, strip: TextStrip, scene: bpy.types.Scene, chosen: bool) -> None:
    row = layout.row(align=True)
    uid = strip_settings(strip).uid
    start = scene_clock(scene, scene.frame_start).seconds(compat.left_handle(strip))
    split = row.split(factor=0.72, align=True)
    left = split.row(align=True)
    left.alignment = "LEFT"
    icon: Any = "RADIOBUT_ON" if chosen else "RADIOBUT_OFF"
    left.operator("emodifftalk.select_prompt", text=prompt_words(strip), icon=icon, emboss=False).uid = uid
    right = split.row(align=True)
    right.alignment = "RIGHT"
    right.label(text=clock_text(start))
    row.label(text="", icon=colours.icon(strip))
    row.operator("emodifftalk.remove_prompt", text="", icon="X", emboss=False).uid = uid


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


def _draw_prompt(layout: UILayout, strip: TextStrip, width: int) -> None:
    prompt = strip_settings(strip)
    row = layout.row(align=True)
    row.prop(prompt, "text", text="")
    row.popover("EMODIFFTALK_PT_presets", text="", icon="PRESET")
    column = layout.column()
    row = column.row(align=True)
    row.prop(strip, "blend_alpha", text="Intensity", slider=True)
    row.prop_decorator(strip, "blend_alpha")
    column.prop(prompt, "strength", slider=True)
    row = column.row(align=True)
    row.prop(prompt, "ease_in")
    row.prop(prompt, "ease_out")
    if not strip.mute:
        draw_problem(column, "Mute this strip: an audible one makes Blender render the sequencer instead.", width)
    if prompt.answer and not prompt.by_hand and is_read(strip):
        draw_problem(column, prompt.answer, width)
    _draw_meaning(column, strip, width)


def _draw_meaning(layout: UILayout, strip: TextStrip, width: int) -> None:
    prompt = strip_settings(strip)
    header, body = layout.panel("emodifftalk_meaning", default_closed=False)
    header.label(text="On the Face")
    header.prop(prompt, "by_hand", text="By Hand", toggle=True)
    if body is None:
        return
    if not prompt.by_hand and not is_read(strip):
        _draw_unread(body, strip, width)
        return
    window = window_settings(bpy.context)
    column = body.column(align=True)
    shown = [au for au in AU_NAMES if window.all_units or _is_meant(prompt, AU_PROPERTIES[au])]
    for au in shown:
        column.prop(prompt.aus, AU_PROPERTIES[au], text=AU_LABELS[au], slider=True)
    if not shown and not prompt.answer:
        column.label(text="These words leave the face as it is", icon="INFO")
    body.prop(window, "all_units")


def _is_meant(prompt: Any, name: str) -> bool:
    """Whether an action unit is worth a line: the words mean it, or a hand has moved it."""
    least = 0.001 if prompt.by_hand else _SHOWN_AU
    return getattr(prompt.read_aus, name) >= _SHOWN_AU or getattr(prompt.aus, name) >= least


def _draw_unread(layout: UILayout, strip: TextStrip, width: int) -> None:
    """Why there are no bars yet."""
    if not prompt_words(strip).strip():
        layout.label(text="Type a feeling above", icon="INFO")
    elif connection.unavailable_reason():
        draw_sentence(layout, "Nothing can read these words yet. By Hand works without the backend.", "INFO", width)
        draw_remedy(layout, width)
    elif is_being_read(strip):
        starting = connection.client.state == STARTING
        layout.label(text="Starting the backend…" if starting else "Reading…", icon="SORTTIME")
    else:
        button = layout.operator("emodifftalk.read_prompt", text="Read These Words", icon="VIEWZOOM")
        button.uid = strip_settings(strip).uid


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
        _draw_prompt(self.layout, strip, letters(context))
