"""How long a queue still takes, from the frames it has measured."""

from __future__ import annotations

from collections.abc import Sequence

from .work import ShotWork

_LATEST = 6


def seconds_left(works: Sequence[ShotWork], jobs: int) -> float | None:
    """Seconds until every shot is done with so many Blenders at a time; None before anything was measured.

    A shot's own latest frames count (the first ones of a Blender wait for what is loaded); a shot not begun takes the
    mean of all the others.
    """
    latest = [list(work.rendered.values())[-_LATEST:] for work in works]
    times = [seconds for seconds in map(_mean, latest) if seconds is not None]
    mean = _mean(times)
    if mean is None:
        return None
    left = frames = 0.0
    for work, its_own in zip(works, map(_mean, latest), strict=True):
        count = frames_left(work)
        frames += count
        left += count * (mean if its_own is None else its_own)
    return left / max(1.0, min(jobs, frames))


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def frames_left(work: ShotWork) -> int:
    """Frames of a shot still to be finished; 0 while nobody knows."""
    if work.over or work.frames is None:
        return 0
    return len(work.frames) - len(work.finished) - len(work.failed)


def in_words(seconds: float | None) -> str:
    """A time left as people say it."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s left"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min left"
    return f"{seconds / 3600:.1f} h left"
