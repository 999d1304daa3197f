"""From Blender's timeline to a Performance: voices, prompts, curves and style, in seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.types import Object, Scene, Strip

from emodifftalk.core.clock import CURVE_FPS, Clock, SoundSpan, sampled_curve
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_NAMES
from emodifftalk.core.voice_time import Stretch

from ..blender import compat
from ..blender.animation import Evaluate, evaluators
from ..curves import au_curves
from ..playback.take_time import Anchor
from ..scene.heads import settings, user_folder
from ..scene.names import au_property
from ..scene.strips import give_own_uids, prompt_strips, prompt_words, scene_clock, strip_scene, voice_strips
from ..timeline.voice_pieces import heard_strips, recording, spans

if TYPE_CHECKING:
    from emodifftalk.core.performance import Curve, Performance, Prompt, VoiceStrip


@dataclass(frozen=True)
class Request:
    """A Performance and its place on the timeline. spoken: which recording is performed when, one for each of the
    Performance's voices."""

    performance: Performance
    anchor: Anchor
    spoken: tuple[Stretch, ...] = ()


def build_performance(head: Object, scene: Scene, looking: bool = False) -> Request:
    """What a head is asked to do: it begins with its first voice or prompt strip and ends with its last. What is muted
    is not performed.

    looking: only to see what is asked for; then nothing in the file or beside it is touched. Raises UserError, one
    sentence, when there is nothing to perform or a strip cannot be used.
    """
    from emodifftalk.core.performance import Performance, Style

    scene = strip_scene(head, scene)
    voices, prompts = heard_strips(head, scene), prompt_strips(head, scene)
    if not looking:
        give_own_uids(prompts)
    used = voices + prompts
    if not used:
        muted = voice_strips(head, scene)
        remedy = "unmute the voice" if muted else "choose a voice"
        raise UserError(f"There is nothing to perform: {remedy}, or add an emotion prompt.")
    clock = scene_clock(scene, min(compat.left_handle(strip) for strip in used))
    duration = clock.seconds(max(compat.right_handle(strip) for strip in used))
    kept, acting = settings(head), _acting(head, scene, clock, duration)
    spoken = [(strip, span) for strip in voices for span in _spans(strip, clock)]
    performance = Performance(
        voice=tuple(_voice(strip, span, looking) for strip, span in spoken),
        prompts=_prompts(prompts, scene, clock, duration),
        **acting,
        au_gains=au_curves.gains(head),
        seed=kept.seed,
        duration=duration,
        style=Style(**{name: getattr(kept, name) for name in Style.__dataclass_fields__}),
    )
    stretches = (Stretch(recording(s), span.start, span.offset, span.duration, span.speed) for s, span in spoken)
    return Request(performance, _anchor(voices, clock), tuple(stretches))


def _frames(clock: Clock, duration: float) -> list[float]:
    """The frames at which curves of so many seconds are sampled."""
    return [clock.frame(i / CURVE_FPS) for i in range(math.ceil(duration * CURVE_FPS - 1e-6) + 1)]


def _acting(head: Object, scene: Scene, clock: Clock, duration: float) -> dict[str, Any]:
    """The Performance's curves that lie on the head itself."""
    offsets = {au: f"emodifftalk.aus.{au_property(au)}" for au in AU_NAMES}
    drawn = {au: au_curves.path_of(au) for au in au_curves.drawn_over(head)}
    paths = ["emodifftalk.valence", "emodifftalk.arousal", *offsets.values(), *drawn.values()]
    animated = evaluators(head, scene, paths, _frames(clock, duration))

    def curve(path: str) -> Curve:
        if path in animated:
            return sampled_curve(animated[path], clock, 0.0, duration)
        value = head.path_resolve(path)
        return ((0.0, value),) if value else ()

    return {
        "valence": curve("emodifftalk.valence"),
        "arousal": curve("emodifftalk.arousal"),
        "au_offsets": {au: keys for au, path in offsets.items() if (keys := curve(path))},
        "au_curves": {
            au: au_curves.sampled(head, scene, au, animated[path], clock, duration)
            for au, path in drawn.items()
            if path in animated
        },
    }


def _anchor(voices: list[Strip], clock: Clock) -> Anchor:
    if not voices:
        return Anchor("", 0.0, clock.zero)
    first = voices[0]
    return Anchor(first.emodifftalk.uid, -clock.seconds(compat.content_start(first)), clock.zero)


def _spans(strip: Strip, clock: Clock) -> list[SoundSpan]:
    found = spans(strip, clock)
    if not found:
        raise UserError(f"The voice “{strip.name}” is moved out of its own strip: reset its sound offset.")
    return found


def _voice(strip: Strip, span: SoundSpan, looking: bool) -> VoiceStrip:
    from emodifftalk.core.performance import VoiceStrip

    return VoiceStrip(_recording(strip, looking), span.start, span.offset, span.duration, strip.volume, span.speed)


def _recording(strip: Strip, looking: bool) -> Path:
    sound = strip.sound
    if sound is None or not sound.filepath:
        raise UserError(f"The voice “{strip.name}” has no recording.")
    path = Path(bpy.path.abspath(sound.filepath, library=sound.library))
    if sound.packed_file is None:
        if not path.is_file():
            raise UserError(f"The recording {path.name} of the voice “{strip.name}” is missing: relink or replace it.")
        return path
    # The backend reads files: what is packed into the .blend is laid beside it for the time of the work.
    unpacked = user_folder("voices") / f"{sound.session_uid}_{path.name}"
    if not looking:
        unpacked.write_bytes(sound.packed_file.data)
    return unpacked


def _prompts(strips: list[Strip], scene: Scene, clock: Clock, duration: float) -> tuple[Prompt, ...]:
    paths = [f"{strip.path_from_id()}.blend_alpha" for strip in strips]
    animated = evaluators(scene, scene, paths, _frames(clock, duration))
    return tuple(_prompt(strip, clock, animated.get(path)) for strip, path in zip(strips, paths, strict=True))


def _prompt(strip: Strip, clock: Clock, opacity: Evaluate | None) -> Prompt:
    from emodifftalk.core.performance import Prompt

    kept = strip.emodifftalk
    words = prompt_words(strip).strip()
    if not words and not kept.by_hand:
        frame = compat.left_handle(strip)
        raise UserError(f"The prompt at frame {frame:.0f} has no words: type a feeling or delete it.")
    start, end = clock.seconds(compat.left_handle(strip)), clock.seconds(compat.right_handle(strip))
    strength = kept.strength
    constant = ((0.0, strength * strip.blend_alpha),)
    return Prompt(
        text=words,
        start=start,
        end=end,
        ease_in=kept.ease_in,
        ease_out=kept.ease_out,
        intensity=constant
        if opacity is None
        else tuple((t, strength * v) for t, v in sampled_curve(opacity, clock, start, end)),
        aus={au: getattr(kept.aus, au_property(au)) for au in AU_NAMES} if kept.by_hand else None,
        id=kept.uid,
    )
