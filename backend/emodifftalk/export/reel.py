"""A shot as the writers of a single file read it: frame after frame, none of them kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..core.gaussians import Gaussians
from ..core.watch import UNWATCHED, Watch


@dataclass(frozen=True)
class Reel:
    """What goes into the file.

    frame: the Gaussians of frame i, from 0 on, in `axes`; the same rows in each.
    numbers: of the frames, in time order; time codes where a format has them.
    fps: frames per second.
    axes: one of `core.axes.AXES`.
    watch: over the writing.
    """

    frame: Callable[[int], Gaussians]
    numbers: list[int]
    fps: float
    axes: str
    watch: Watch = UNWATCHED

    def __len__(self) -> int:
        return len(self.numbers)

    def written(self, i: int) -> None:
        """To be called after each frame. Raises Cancelled."""
        self.watch.check()
        self.watch.say((i + 1) / len(self), f"Writing frame {i + 1} of {len(self)}")
