"""How long a queue still takes, from the frames it has measured."""

from __future__ import annotations

from collections.abc import Sequence

from .work import ShotWork


def seconds_left(works: Sequence[ShotWork], jobs: int) -> float | None:
    """Seconds until every shot is done with so many Blenders at a time; None before anything was measured.

    A shot's own mean frame time counts; a shot not begun takes the mean of all the others.
    """
    times = [seconds for work in works for seconds in work.rendered.values()]
    if not times:
        return None
    mean = sum(times) / len(times)
    left = frames = 0.0
    for work in works:
        count = frames_left(work)
        frames += count
        left += count * (sum(work.rendered.values()) / len(work.rendered) if work.rendered else mean)
    return left / max(1.0, min(jobs, frames))


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
