"""Whoever waits for long work: it is told how far it is, and can cancel it between two steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .errors import Cancelled


def _unheard(fraction: float, stage: str, text: str) -> None:
    """Nobody listens."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Watch:
    """One watch goes through all the work; whoever hands a piece of it on hands on a `part` of the watch.

    progress: called with the fraction 0..1 of the whole, the name of the stage (may be empty), and a sentence.
    cancelled: asked between two steps; true once the animator wants no more of it.
    stage: what the work under this watch is called.
    first, last: where it begins and ends in the whole, 0..1.
    """

    progress: Callable[[float, str, str], None] = _unheard
    cancelled: Callable[[], bool] = _never
    stage: str = ""
    first: float = 0.0
    last: float = 1.0

    def say(self, fraction: float, text: str) -> None:
        """Tell how far the work under this watch is; fraction: 0..1 of it, what lies outside is held at the ends."""
        within = min(max(fraction, 0.0), 1.0)
        self.progress(self.first + (self.last - self.first) * within, self.stage, text)

    def check(self) -> None:
        """Raises Cancelled when the work is cancelled."""
        if self.cancelled():
            raise Cancelled

    def part(self, first: float, last: float, stage: str | None = None) -> Watch:
        """The watch over a piece of the work, from `first` to `last` (0..1 of it), named anew when `stage` is given."""
        return replace(
            self,
            first=self.first + (self.last - self.first) * first,
            last=self.first + (self.last - self.first) * last,
            stage=self.stage if stage is None else stage,
        )


UNWATCHED = Watch()
"""Nobody listens and nobody cancels."""
