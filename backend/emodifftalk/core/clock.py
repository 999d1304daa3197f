"""Frames of a timeline and seconds of a Performance: plain arithmetic, no Blender.

All times of a Performance are seconds, so that neither the scene's frame rate nor the recording's sample rate can make
the voice drift away from the face.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

CURVE_FPS = 25
"""Curves are sampled at the rate of AU tracks."""


@dataclass(frozen=True)
class Clock:
    """A timeline of `fps / fps_base` frames per second whose second 0 lies at frame `zero` (may be fractional)."""

    fps: float
    fps_base: float = 1.0
    zero: float = 0.0

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.fps / self.fps_base

    def seconds(self, frame: float) -> float:
        """Seconds of a frame."""
        return (frame - self.zero) * self.fps_base / self.fps

    def frame(self, seconds: float) -> float:
        """Frame, fractional, at a time in seconds."""
        return self.zero + seconds * self.fps / self.fps_base


@dataclass(frozen=True)
class SoundSpan:
    """Which part of a recording is heard.

    start: seconds of the Performance at which it is first heard.
    offset: seconds into the file.
    duration: seconds for which it is heard.
    speed: seconds of the file that pass in one of them.
    """

    start: float
    offset: float
    duration: float
    speed: float = 1.0


def sound_span(
    clock: Clock,
    content_start: float,
    left_handle: float,
    right_handle: float,
    trimmed: float = 0.0,
    delay: float = 0.0,
) -> SoundSpan | None:
    """What a sound strip plays; None when nothing is heard.

    content_start, left_handle, right_handle: frames of the timeline.
    trimmed: frames of the file that lie before the content's start.
    delay: seconds by which the sound was moved inside its strip.
    """
    offset = (left_handle - content_start + trimmed) * clock.fps_base / clock.fps - delay
    start, end = clock.seconds(left_handle), clock.seconds(right_handle)
    if offset < 0:
        start, offset = start - offset, 0.0
    if end - start <= 1e-6:
        return None
    return SoundSpan(start, offset, end - start)


def sampled_curve(
    evaluate: Callable[[float], float], clock: Clock, start: float, end: float
) -> tuple[tuple[float, float], ...]:
    """Keys (seconds, value) of an animation curve between two times in seconds, sampled 25 times a second.

    evaluate: value at a (fractional) frame. Where the value stands still, only the ends of that are kept.
    """
    first, last = math.floor(start * CURVE_FPS + 1e-6), math.ceil(end * CURVE_FPS - 1e-6)
    points = [(i / CURVE_FPS, float(evaluate(clock.frame(i / CURVE_FPS)))) for i in range(first, max(last, first) + 1)]
    keys = points[:1]
    for here, after in pairwise(points[1:]):
        if abs(here[1] - keys[-1][1]) > 1e-7 or abs(after[1] - here[1]) > 1e-7:
            keys.append(here)
    return tuple(keys + points[1:][-1:])


def clock_text(seconds: float) -> str:
    """Seconds as people write them: 4.20 s, 1:04.2."""
    if abs(seconds) < 60:
        return f"{seconds:.2f} s"
    minutes, remaining = divmod(abs(seconds), 60)
    return f"{'-' if seconds < 0 else ''}{int(minutes)}:{remaining:04.1f}"
