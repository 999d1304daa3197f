"""The timeline of one head, read once: its clock, the voices it speaks, the prompts it feels, as frozen plain values.

Whoever wants to know what a head is asked to do is handed a `Timeline` and does not look at the strips again. Times are
frames of the timeline where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.types import Object, Scene, SoundStrip, Strip, TextStrip

from emodifftalk.core.clock import Clock, SoundSpan, sound_span
from emodifftalk.core.errors import UserError
from emodifftalk.core.retiming import RetimingKey, retimed_spans
from emodifftalk.core.voice_time import Stretch

from ..blender import compat
from ..blender.compat import StripTimes
from ..scene.heads import settings
from ..scene.strips import au_values, feels, is_prompt, is_sound, prompt_words, strip_scene, strip_settings


@dataclass(frozen=True)
class Voice:
    """A sound strip that a head speaks.

    name, uid: the strip's.
    recording: what its recording is known by; it stays when the file is moved, linked anew or packed.
    file: where the recording lies, or lay before it was packed; None when the strip has none.
    sound: session uid of the sound, 0 without one.
    packed: whether it is packed into the .blend.
    times: of the strip.
    audible: first frame and frame after the last, as far as the meta strips around it let it be heard.
    delay: seconds by which the sound was moved inside its strip.
    retiming: its speed from key to key; empty at its own speed.
    volume: the strip's, 1 as recorded.
    silenced: it is muted, or what it lies in.
    problem: why it cannot be told what it plays, one sentence.
    """

    name: str
    uid: str
    recording: str
    file: Path | None
    sound: int
    packed: bool
    times: StripTimes
    audible: tuple[float, float]
    delay: float
    retiming: tuple[RetimingKey, ...]
    volume: float
    silenced: bool
    problem: str = ""

    @property
    def heard(self) -> bool:
        """Whether it is not muted and has a length."""
        return not self.silenced and self.times.right > self.times.left

    def spans(self, clock: Clock) -> list[SoundSpan]:
        """The parts of its recording that it plays, seconds of `clock`, one for every speed; none when it is silent or
        cannot be told."""
        left, right = self.audible
        if self.problem or right <= left:
            return []
        if not self.retiming:
            span = sound_span(clock, self.times.content_start, left, right, self.times.trimmed, self.delay)
            return [] if span is None else [span]
        second = 1 / clock.rate
        return [
            SoundSpan(
                clock.seconds(part.first),
                (part.content + self.times.trimmed) * second,
                (part.last - part.first) * second,
                part.speed,
            )
            for part in retimed_spans(self.retiming, left, right)
        ]


@dataclass(frozen=True)
class PromptStrip:
    """A Text strip with a feeling.

    uid: what it is known by.
    name: the strip's.
    words: the feeling in full.
    times: of the strip.
    ease_in, ease_out: seconds in which it rises and fades.
    strength: its own factor.
    opacity, opacity_path: the strip's, and the scene's path to it, which may be animated.
    aus: action units 0..1 set by hand; None when the words count.
    """

    uid: str
    name: str
    words: str
    times: StripTimes
    ease_in: float
    ease_out: float
    strength: float
    opacity: float
    opacity_path: str
    aus: Mapping[str, float] | None


@dataclass(frozen=True)
class Timeline:
    """What a head is asked to say and feel.

    clock: with second 0 at frame 0.
    voices, prompts: earliest first.
    """

    clock: Clock
    voices: tuple[Voice, ...]
    prompts: tuple[PromptStrip, ...]

    @property
    def heard(self) -> tuple[Voice, ...]:
        """The voices that are not muted and have a length."""
        return tuple(voice for voice in self.voices if voice.heard)

    @property
    def reach(self) -> tuple[float, float] | None:
        """First frame, and frame after the last, of everything that is performed; None when nothing is."""
        times = [*(voice.times for voice in self.heard), *(prompt.times for prompt in self.prompts)]
        return (min(t.left for t in times), max(t.right for t in times)) if times else None


def read_timeline(head: Object, scene: Scene) -> Timeline:
    """What lies on the timeline for a head that stands in `scene`."""
    scene = strip_scene(head, scene)
    uid, strips = settings(head).voice_uid, compat.all_strips(scene)
    prompts = [_prompt(strip) for strip in strips if is_prompt(strip) and feels(strip, head)]
    return Timeline(
        Clock(scene.render.fps, scene.render.fps_base),
        _voices(strips, uid),
        tuple(sorted(prompts, key=lambda prompt: (prompt.times.left, prompt.name))),
    )


def playing(head: Object, scene: Scene) -> tuple[Stretch, ...]:
    """What a head's voice plays, in seconds of the timeline (0 at frame 0), muted pieces included.

    A strip of which it cannot be told counts as silent. Equal answers are equal: they can be keys.
    """
    scene = strip_scene(head, scene)
    clock = Clock(scene.render.fps, scene.render.fps_base)
    return tuple(
        Stretch(voice.recording, span.start, span.offset, span.duration, span.speed, not voice.silenced)
        for voice in _voices(compat.all_strips(scene), settings(head).voice_uid)
        for span in voice.spans(clock)
    )


def _voices(strips: list[Strip], uid: str) -> tuple[Voice, ...]:
    """The strips that carry the uid of a head's voice, several when it was cut."""
    spoken = [_voice(s) for s in filter(is_sound, strips) if strip_settings(s).uid == uid] if uid else []
    return tuple(sorted(spoken, key=lambda voice: voice.times.left))


def _voice(strip: SoundStrip) -> Voice:
    times, sound, problem = compat.strip_times(strip), strip.sound, ""
    audible = (times.left, times.right)
    retiming: tuple[RetimingKey, ...] = ()
    try:
        audible = _audible_part(strip, times)
        retiming = compat.retiming(strip)
    except UserError as error:
        problem = str(error)
    has_file = sound is not None and bool(sound.filepath)
    return Voice(
        name=strip.name,
        uid=strip_settings(strip).uid,
        recording=sound.name if sound is not None else "",
        file=Path(bpy.path.abspath(sound.filepath, library=sound.library)) if has_file else None,
        sound=sound.session_uid if sound is not None else 0,
        packed=has_file and sound.packed_file is not None,
        times=times,
        audible=audible,
        delay=strip.sound_offset,
        retiming=retiming,
        volume=strip.volume,
        silenced=compat.is_silenced(strip),
        problem=problem,
    )


def _audible_part(strip: Strip, times: StripTimes) -> tuple[float, float]:
    """First and last frame of a strip, as far as the meta strips around it let it be heard. Raises UserError."""
    left, right = times.left, times.right
    parent = strip.parent_meta()
    while parent is not None:
        if compat.is_retimed(parent):
            raise UserError(f"“{strip.name}” lies in “{parent.name}”, a retimed meta strip: reset that or take it out.")
        around = compat.strip_times(parent)
        left, right = max(left, around.left), min(right, around.right)
        parent = parent.parent_meta()
    return left, right


def _prompt(strip: TextStrip) -> PromptStrip:
    prompt = strip_settings(strip)
    return PromptStrip(
        uid=prompt.uid,
        name=strip.name,
        words=prompt_words(strip).strip(),
        times=compat.strip_times(strip),
        ease_in=prompt.ease_in,
        ease_out=prompt.ease_out,
        strength=prompt.strength,
        opacity=strip.blend_alpha,
        opacity_path=f"{strip.path_from_id()}.blend_alpha",
        aus=au_values(prompt.aus) if prompt.by_hand else None,
    )
