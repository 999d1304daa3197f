"""Voices and emotion prompts on the sequencer's timeline: adding, finding and removing them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, TypeGuard

import bpy
import numpy as np
from bpy.props import StringProperty
from bpy.types import Context, Object, Operator, Scene, SoundStrip, Strip, TextStrip

from emodifftalk.core.errors import UserError

from ..backend import connection
from ..blender import compat
from ..blender.registering import Adds
from ..scene.content import remember_sound
from ..scene.heads import active_head, settings
from ..scene.operators import ForHead
from ..scene.properties import window_settings
from ..scene.strips import (
    ensure_uid,
    feels,
    is_prompt,
    prompt_strips,
    remove_strip,
    scene_clock,
    strip_scene,
    strip_settings,
    voice_strips,
    write_words,
)
from . import reading

_SECONDS = 3.0
"""Length of a prompt that nothing else ends."""
LAST_CHANNEL = 128
"""Of the sequencer."""


def add_prompt(
    head: Object, scene: Scene, words: str, frame: int | None = None, until: float | None = None
) -> tuple[TextStrip, TextStrip | None]:
    """Put an emotion prompt for a head at the playhead (or at `frame`); returns it and the prompt it cut short, if any.

    It lasts until the next prompt, else until frame `until`, else until the end of the voice, else three seconds. A
    prompt that is already there is shortened and crossfades into the new one. The strip is muted: an unmuted one would
    make Blender render the sequencer instead of the scene. Raises UserError without words or where another prompt
    begins.
    """
    words = words.strip()
    if not words:
        raise UserError("Type a feeling first, like “relieved but still shaking”.")
    frame = scene.frame_current if frame is None else frame
    rate = scene_clock(scene).rate
    covering, ends = _neighbours(head, scene, frame)
    ends += [compat.right_handle(strip) for strip in covering] if until is None else [until]
    if not ends:
        ends = [compat.right_handle(strip) for strip in voice_strips(head, scene)[-1:]]
    end = round(min((e for e in ends if e > frame), default=frame + _SECONDS * rate))
    end = max(end, frame + 1)
    for strip in covering:
        fade = frame + round(strip_settings(strip).ease_out * rate)
        compat.set_right_handle(strip, min(fade, round(compat.right_handle(strip))))
    editor = scene.sequence_editor or scene.sequence_editor_create()
    above = max((strip.channel for strip in voice_strips(head, scene)), default=0) + 1
    strip = compat.new_text_strip(editor, "Prompt", free_channel(scene, above, frame, end), frame, end)
    strip.mute = True
    prompt = strip_settings(strip)
    prompt.is_prompt, prompt.head = True, head
    ensure_uid(strip)
    write_words(strip, words)
    editor.active_strip = strip
    return strip, covering[-1] if covering else None


def _neighbours(head: Object, scene: Scene, frame: int) -> tuple[list[TextStrip], list[float]]:
    """A head's prompts that last over a frame, and where its next one begins, if any. Raises UserError when one begins
    at that very frame.

    Only strips near the frame are asked what they are: the thousandth prompt is added as fast as the first.
    """
    strips, _, left, right = compat.strip_spans(strip_scene(head, scene))

    def mine(strip: Strip) -> TypeGuard[TextStrip]:
        return is_prompt(strip) and feels(strip, head)

    if any(mine(strips[i]) for i in np.flatnonzero(left == frame)):
        raise UserError("A prompt begins at this frame already: change its words or move the playhead.")
    covering = [strips[i] for i in np.flatnonzero((left < frame) & (right > frame)) if mine(strips[i])]
    later = np.flatnonzero(left > frame)
    following = (float(left[i]) for i in later[np.argsort(left[later], kind="stable")] if mine(strips[i]))
    return sorted(covering, key=compat.left_handle), list(islice(following, 1))  # type: ignore[arg-type]  # all texts


def free_channel(scene: Scene, lowest: int, start: float, end: float) -> int:
    """The lowest channel from `lowest` up with nothing between two frames."""
    _, channels, left, right = compat.strip_spans(scene)
    taken = set(channels[(left < end) & (right > start)].tolist())
    return next((channel for channel in range(lowest, LAST_CHANNEL) if channel not in taken), LAST_CHANNEL)


def add_voice(head: Object, scene: Scene, path: Path, frame: int | None = None) -> SoundStrip:
    """Put a recording on the sequencer at the playhead (or at `frame`) and let the head speak it. Raises UserError."""
    if not path.is_file():
        raise UserError(f"The recording {path} does not exist.")
    frame = scene.frame_current if frame is None else frame
    editor = scene.sequence_editor or scene.sequence_editor_create()
    try:  # up where hardly anything is: how long it is shows when it is there
        strip: Any = editor.strips.new_sound(path.stem, str(path), LAST_CHANNEL, frame)
    except RuntimeError as error:
        raise UserError(f"{path.name} is not a recording that Blender can read.") from error
    if strip.sound is None or strip.sound.samplerate == 0:  # Blender makes a silent strip of anything
        unread = strip.sound
        editor.strips.remove(strip)
        if unread is not None and unread.users == 0:
            bpy.data.sounds.remove(unread)
        raise UserError(f"{path.name} is not a recording that Blender can read.")
    strip.channel = free_channel(scene, 1, frame, compat.right_handle(strip))
    settings(head).voice_uid = ensure_uid(strip)
    remember_sound(strip.sound, path)
    return strip


def find_prompt(head: Object, scene: Scene, uid: str) -> TextStrip | None:
    """A head's prompt by its uid."""
    return next((strip for strip in prompt_strips(head, scene) if strip_settings(strip).uid == uid), None)


def active_prompt(head: Object, scene: Scene) -> TextStrip | None:
    """The prompt to show in detail: the sequencer's active strip, else the one at the playhead."""
    scene = strip_scene(head, scene)
    mine = prompt_strips(head, scene)
    active = scene.sequence_editor.active_strip if scene.sequence_editor is not None else None
    if active is not None and active in mine:
        return active
    now = scene.frame_current
    here = [strip for strip in mine if compat.left_handle(strip) <= now < compat.right_handle(strip)]
    return here[-1] if here else None


def listening_scene(head: Object, context: Context) -> Scene:
    """The scene whose sequencer new strips go to; remembered on the head where it is not the scene in view."""
    head_settings = settings(head)
    if head_settings.sequencer_scene is None and compat.sequencer_scene(context) != context.scene:
        head_settings.sequencer_scene = compat.sequencer_scene(context)
    scene = strip_scene(head, context.scene)
    compat.show_in_sequencer(context, scene)
    return scene


class EMODIFFTALK_OT_add_prompt(ForHead, Operator):
    """Put this feeling on the timeline at the playhead, as a strip above the voice"""

    bl_idname = "emodifftalk.add_prompt"
    bl_label = "Add Emotion Prompt"
    bl_options = {"REGISTER", "UNDO"}

    text: StringProperty(name="Feeling", description="A feeling in plain words", options={"SKIP_SAVE"})

    def execute(self, context: Context) -> set[str]:
        """Add it; its words are read when there is a backend for it."""
        head, window = active_head(context), window_settings(context)
        try:
            strip, shortened = add_prompt(head, listening_scene(head, context), self.text or window.new_prompt)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not self.text:
            window.new_prompt = ""
        if shortened is not None:
            self.report({"INFO"}, f"“{shortened.name}” now fades where “{strip.name}” begins")
        return {"FINISHED"}


class _ForPrompt(ForHead):
    """Operators on one prompt, named by its uid."""

    uid: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def prompt(self, context: Context) -> TextStrip | None:
        """The prompt, or None (reported) when it is gone."""
        head = active_head(context)
        strip = find_prompt(head, context.scene, self.uid)
        if strip is None:
            self.report({"WARNING"}, "This prompt does not exist any more")
        return strip


def select_prompt(strip: TextStrip) -> None:
    """Select a prompt alone, make it the active strip and put the playhead on it."""
    scene: Any = strip.id_data
    for other in scene.sequence_editor.strips_all:
        other.select = other == strip
    scene.sequence_editor.active_strip = strip
    scene.frame_set(round(compat.left_handle(strip)))


class EMODIFFTALK_OT_select_prompt(_ForPrompt, Operator):
    """Show this prompt below and put the playhead on it"""

    bl_idname = "emodifftalk.select_prompt"
    bl_label = "Select Prompt"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        """Select it."""
        strip = self.prompt(context)
        if strip is None:
            return {"CANCELLED"}
        select_prompt(strip)
        return {"FINISHED"}


class EMODIFFTALK_OT_remove_prompt(_ForPrompt, Operator):
    """Delete this prompt"""

    bl_idname = "emodifftalk.remove_prompt"
    bl_label = "Delete Prompt"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Context) -> set[str]:
        """Delete it."""
        strip = self.prompt(context)
        if strip is None:
            return {"CANCELLED"}
        remove_strip(strip)
        return {"FINISHED"}


class EMODIFFTALK_OT_read_prompt(_ForPrompt, Operator):
    """See what these words will do to the face"""

    bl_idname = "emodifftalk.read_prompt"
    bl_label = "Read Prompt"
    bl_options = {"REGISTER"}

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a head and a backend."""
        return super().why_not(context) or connection.unavailable_reason()

    def execute(self, context: Context) -> set[str]:
        """Ask the backend."""
        strip = self.prompt(context)
        if strip is None:
            return {"CANCELLED"}
        try:
            number = reading.read_prompt(strip)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if bpy.app.background and number is not None:
            connection.wait(number)
        return {"FINISHED"}


_CLASSES = (
    EMODIFFTALK_OT_add_prompt,
    EMODIFFTALK_OT_select_prompt,
    EMODIFFTALK_OT_remove_prompt,
    EMODIFFTALK_OT_read_prompt,
)

ADDS = Adds(classes=_CLASSES)
