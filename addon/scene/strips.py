"""Finding voices and prompts among the strips of the sequencer. A strip is known by a uid it carries, not its name."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from bpy.types import Context, Object, PropertyGroup, Scene, Strip

from emodifftalk.core.clock import Clock
from emodifftalk.core.facs import AU_NAMES

from ..blender import compat
from ..blender.state import State
from . import memory
from .composite_settings import shot_of
from .heads import AU_PROPERTIES, is_head, settings

_NAME = 40
"""Letters of a prompt in its strip's name; Blender keeps about 60 bytes."""
_TEXT_BYTES = 500
"""Bytes of a prompt written on the strip; 4.5 keeps 511."""


@dataclass
class _Writing(State):
    """on: prompts' action units are being written by us, not moved by a hand."""

    on: bool = False


_writing = memory.keep(_Writing())


def strip_scene(head: Object | None, scene: Scene) -> Scene:
    """The scene whose sequencer a head listens to."""
    chosen = settings(head).sequencer_scene if head is not None else None
    return chosen or shot_of(scene)


def scene_clock(scene: Scene, zero: float = 0.0) -> Clock:
    """The timeline of a scene with second 0 at frame `zero`."""
    return Clock(scene.render.fps, scene.render.fps_base, zero)


def ensure_uid(strip: Strip) -> str:
    """The strip's own id, given to it now when it has none."""
    if not strip.emodifftalk.uid:
        strip.emodifftalk.uid = uuid.uuid4().hex
    return strip.emodifftalk.uid


def sound_strips(scene: Scene) -> list[Strip]:
    """The sound strips of a scene, earliest first."""
    found = [strip for strip in compat.all_strips(scene) if strip.type == "SOUND"]
    return sorted(found, key=compat.left_handle)


def strips_of(uid: str, scene: Scene) -> list[Strip]:
    """The sound strips that carry a uid (several when a strip was cut), earliest first."""
    if not uid:
        return []
    found = [s for s in compat.all_strips(scene) if s.type == "SOUND" and s.emodifftalk.uid == uid]
    return sorted(found, key=compat.left_handle)


def voice_strips(head: Object, scene: Scene) -> list[Strip]:
    """The strips a head speaks, earliest first."""
    return strips_of(settings(head).voice_uid, strip_scene(head, scene))


def choose_voice(head: Object, name: str, context: Context) -> None:
    """Let a head speak the sound strip of that name; an empty or unknown name takes its voice away."""
    head_settings = settings(head)
    scene = head_settings.sequencer_scene or compat.sequencer_scene(context)
    strip = next((strip for strip in sound_strips(scene) if strip.name == name), None)
    head_settings.voice_uid = ensure_uid(strip) if strip else ""
    if strip is not None and scene is not context.scene:
        head_settings.sequencer_scene = scene


def is_prompt(strip: Strip) -> bool:
    """Whether a strip is an emotion prompt."""
    return strip.type == "TEXT" and strip.emodifftalk.is_prompt


def prompt_strips(head: Object, scene: Scene) -> list[Strip]:
    """The prompts a head feels, earliest first."""
    mine = [s for s in compat.all_strips(strip_scene(head, scene)) if is_prompt(s) and feels(s, head)]
    return sorted(mine, key=lambda strip: (compat.left_handle(strip), strip.name))


def feels(strip: Strip, head: Object) -> bool:
    """Whether a prompt is meant for a head; one for no head (or for a deleted one) is meant for all."""
    owner = strip.emodifftalk.head
    return owner is None or not is_head(owner) or owner == head


def prompt_words(strip: Strip) -> str:
    """The feeling in full. What was typed into the strip itself, in the sequencer, counts as well."""
    kept = strip.emodifftalk
    return strip.text if strip.text != kept.shown else kept.text


def write_words(strip: Strip, words: str) -> None:
    """Put a feeling on a prompt: in full beside it, shortened where the sequencer shows it."""
    strip.emodifftalk.text = words
    show_words(strip.emodifftalk, strip)


def show_words(kept: PropertyGroup, strip: Strip | None = None) -> None:
    """Bring a prompt strip's visible words and name in line with its text."""
    strip = strip or owner_of(kept)
    if strip is None or not kept.is_prompt:
        return
    words = kept.text.strip()
    strip.text = words.encode()[:_TEXT_BYTES].decode(errors="ignore")
    kept.shown = strip.text
    strip.name = words if len(words) <= _NAME else words[: _NAME - 1].rstrip() + "…"


def owner_of(kept: PropertyGroup) -> Strip | None:
    """The strip that has these settings: a property group knows its data-block, here the scene, but not its strip."""
    return next((strip for strip in compat.all_strips(kept.id_data) if strip.emodifftalk == kept), None)


def au_values(group: PropertyGroup) -> dict[str, float]:
    """The action units a prompt holds, by name."""
    return {au: getattr(group, AU_PROPERTIES[au]) for au in AU_NAMES}


def write_aus(group: PropertyGroup, values: Mapping[str, float]) -> None:
    """Set the action units a prompt holds, those left out to 0, without its being taken for a hand's work."""
    _writing.on = True
    try:
        for au in AU_NAMES:
            setattr(group, AU_PROPERTIES[au], values.get(au, 0.0))
    finally:
        _writing.on = False


def nudged(group: PropertyGroup) -> None:
    """An action unit was moved: a prompt whose bar it was is set by hand from now on."""
    if _writing.on:
        return
    for strip in compat.all_strips(group.id_data):
        if strip.emodifftalk.aus == group and not strip.emodifftalk.by_hand:
            values = au_values(group)
            strip.emodifftalk.by_hand = True
            write_aus(group, values)


def give_own_uids(prompts: list[Strip]) -> None:
    """Duplicated prompts carry their original's uid: give every later one its own."""
    seen: set[str] = set()
    for strip in prompts:
        if not strip.emodifftalk.uid or strip.emodifftalk.uid in seen:
            strip.emodifftalk.uid = uuid.uuid4().hex
        seen.add(strip.emodifftalk.uid)
