"""What the strips of a head's voice play now: which part of which recording, when, how fast, and muted or not."""

from __future__ import annotations

from bpy.types import Object, Scene, Strip

from emodifftalk.core.clock import Clock, SoundSpan, sound_span
from emodifftalk.core.errors import UserError
from emodifftalk.core.retiming import RetimingKey, retimed_spans
from emodifftalk.core.voice_time import Stretch

from ..blender import compat
from ..scene.strips import scene_clock, voice_strips


def spans(strip: Strip, clock: Clock) -> list[SoundSpan]:
    """The parts of its recording that a sound strip plays, one for every speed it has; none when it is silent.

    Raises UserError when its retiming cannot be read.
    """
    left, right = _audible_part(strip)
    if right <= left:
        return []
    trimmed = compat.content_trim_start(strip)
    if not compat.is_retimed(strip):
        span = sound_span(clock, compat.content_start(strip), left, right, trimmed, strip.sound_offset)
        return [] if span is None else [span]
    return _retimed(compat.retiming_keys(strip), clock, left, right, trimmed)


def _retimed(keys: list[RetimingKey], clock: Clock, left: float, right: float, trimmed: float) -> list[SoundSpan]:
    second = 1 / clock.rate
    return [
        SoundSpan(clock.seconds(p.first), (p.content + trimmed) * second, (p.last - p.first) * second, p.speed)
        for p in retimed_spans(keys, left, right)
    ]


def _audible_part(strip: Strip) -> tuple[float, float]:
    """First and last frame of a strip, as far as the meta strips around it let it be heard."""
    left, right = compat.left_handle(strip), compat.right_handle(strip)
    parent = strip.parent_meta()
    while parent is not None:
        if compat.is_retimed(parent):
            raise UserError(f"“{strip.name}” lies in “{parent.name}”, a retimed meta strip: reset that or take it out.")
        left, right = max(left, compat.left_handle(parent)), min(right, compat.right_handle(parent))
        parent = parent.parent_meta()
    return left, right


def recording(strip: Strip) -> str:
    """What a strip's recording is known by: it stays when the file is moved, linked anew or packed."""
    return strip.sound.name if strip.sound is not None else ""


def heard_strips(head: Object, scene: Scene) -> list[Strip]:
    """The strips a head speaks that are not muted and have a length, earliest first."""
    return [
        strip
        for strip in voice_strips(head, scene)
        if compat.right_handle(strip) > compat.left_handle(strip) and not compat.is_silenced(strip)
    ]


def playing(head: Object, scene: Scene) -> tuple[Stretch, ...]:
    """What a head's voice plays, in seconds of the timeline (0 at frame 0), muted pieces included.

    A strip whose retiming cannot be read counts as silent. Equal answers are equal: they can be keys.
    """
    clock, found = scene_clock(scene), []
    for strip in voice_strips(head, scene):
        heard, name = not compat.is_silenced(strip), recording(strip)
        try:
            parts = spans(strip, clock)
        except UserError:
            continue
        found += [Stretch(name, part.start, part.offset, part.duration, part.speed, heard) for part in parts]
    return tuple(found)
