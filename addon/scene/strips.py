"""Finding voices and prompts among the strips of the sequencer. A strip is known by a uid it carries, not its name."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from bpy.types import Context, Object, PropertyGroup, Scene, SoundStrip, Strip, TextStrip

from emodifftalk.core.clock import Clock
from emodifftalk.core.facs import AU_NAMES

from ..blender import compat
from ..blender.state import State
from . import memory
from .bells import HEAD_CHANGED
from .composite_settings import shot_of
from .heads import AU_PROPERTIES, is_head, settings


@dataclass
class _Writing(State):
    """on: prompts' action units are being written by us, not moved by a hand. strip: the one whose words are."""

    on: bool = False
    strip: TextStrip | None = None


_writing = memory.keep(_Writing())


def strip_settings(strip: Strip) -> Any:
    """What EmoDiffTalk knows about a strip: a `properties.StripSettings`. Any, as `heads.settings` says."""
    return strip.emodifftalk  # type: ignore[attr-defined]  # from `properties.ADDS`


def strip_scene(head: Object | None, scene: Scene) -> Scene:
    """The scene whose sequencer a head listens to."""
    chosen = settings(head).sequencer_scene if head is not None else None
    return chosen or shot_of(scene)


def scene_clock(scene: Scene, zero: float = 0.0) -> Clock:
    """The timeline of a scene with second 0 at frame `zero`."""
    return Clock(scene.render.fps, scene.render.fps_base, zero)


def ensure_uid(strip: Strip) -> str:
    """The strip's own id, given to it now when it has none."""
    known = strip_settings(strip)
    if not known.uid:
        known.uid = uuid.uuid4().hex
    return known.uid


def is_sound(strip: Strip) -> TypeGuard[SoundStrip]:
    """Whether a strip plays a recording."""
    return strip.type == "SOUND"


def sound_strips(scene: Scene) -> list[SoundStrip]:
    """The sound strips of a scene, earliest first."""
    return sorted(filter(is_sound, compat.all_strips(scene)), key=compat.left_handle)


def strips_of(uid: str, scene: Scene) -> list[SoundStrip]:
    """The sound strips that carry a uid (several when a strip was cut), earliest first."""
    if not uid:
        return []
    return [strip for strip in sound_strips(scene) if strip_settings(strip).uid == uid]


def voice_strips(head: Object, scene: Scene) -> list[SoundStrip]:
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
    HEAD_CHANGED.ring(scene)


def is_prompt(strip: Strip) -> TypeGuard[TextStrip]:
    """Whether a strip is an emotion prompt."""
    return strip.type == "TEXT" and strip_settings(strip).is_prompt


def prompt_strips(head: Object, scene: Scene) -> list[TextStrip]:
    """The prompts a head feels, earliest first."""
    prompts = filter(is_prompt, compat.all_strips(strip_scene(head, scene)))
    mine = [strip for strip in prompts if feels(strip, head)]
    return sorted(mine, key=lambda strip: (compat.left_handle(strip), strip.name))


def feels(strip: TextStrip, head: Object) -> bool:
    """Whether a prompt is meant for a head; one for no head (or for a deleted one) is meant for all."""
    owner = strip_settings(strip).head
    return owner is None or not is_head(owner) or owner == head


def prompt_words(strip: TextStrip) -> str:
    """The feeling in full. What was typed into the strip itself, in the sequencer, counts as well."""
    return strip.text if is_typed_on(strip) else strip_settings(strip).text


def is_typed_on(strip: TextStrip) -> bool:
    """Whether other words were typed into the strip itself than stand there because of us."""
    return strip.text != strip_settings(strip).shown and bool(strip.text.strip())


def write_words(strip: TextStrip, words: str) -> None:
    """Put a feeling on a prompt."""
    _writing.strip = strip
    try:
        strip_settings(strip).text = words
    finally:
        _writing.strip = None


def forget_typed(strip: TextStrip) -> None:
    """The words beside a prompt's strip count from now on, not others that were typed into the strip itself."""
    if strip.text.strip() != strip_settings(strip).text.strip() and strip.text:
        strip.text = ""
    strip_settings(strip).shown = strip.text


def owner_of(prompt: Any) -> Any:
    """The strip that has these settings, None when it is gone.

    A property group knows its data-block, here the scene, but not its strip: all of them are looked through, but for
    the one that is being written.
    """
    if _writing.strip is not None and strip_settings(_writing.strip) == prompt:
        return _writing.strip
    return next((strip for strip in compat.all_strips(prompt.id_data) if strip_settings(strip) == prompt), None)


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


def nudged(group: Any) -> None:
    """An action unit was moved: a prompt whose bar it was is set by hand from now on."""
    if _writing.on:
        return
    for strip in compat.all_strips(group.id_data):
        prompt = strip_settings(strip)
        if prompt.aus == group and not prompt.by_hand:
            values = au_values(group)
            prompt.by_hand = True
            write_aus(group, values)


def remove_strip(strip: Strip) -> None:
    """Take a strip off the timeline, or out of the meta strip it lies in."""
    scene: Any = strip.id_data
    owner: Any = strip.parent_meta() or scene.sequence_editor
    owner.strips.remove(strip)


def give_own_uids(strips: Sequence[Strip]) -> None:
    """Duplicated prompts carry their original's uid: give every later one its own."""
    seen: set[str] = set()
    for prompt in map(strip_settings, strips):
        if not prompt.uid or prompt.uid in seen:
            prompt.uid = uuid.uuid4().hex
        seen.add(prompt.uid)
