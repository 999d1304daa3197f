"""When a training has learned what it can: a figure it never trains on stops getting better."""

from __future__ import annotations

import math


class EarlyStopping:
    """Watches one validation figure; says when its weights are worth keeping and when to stop.

    patience: measurements in a row without a gain before `stop` turns true. Raises ValueError for one under 1.
    higher_is_better: which way is a gain.
    least: the smallest gain that counts, in the figure's own unit. A figure that is not a number never counts.
    """

    def __init__(self, patience: int, higher_is_better: bool, least: float = 0.0) -> None:
        if patience < 1:
            raise ValueError("patience must be at least 1")
        self.patience, self._sign, self._least = patience, 1.0 if higher_is_better else -1.0, least
        self.best: float | None = None
        """The best figure so far, None before the first."""
        self.measured = self.since = 0
        """Measurements so far, and how many of them in a row brought no gain."""

    def better(self, value: float) -> bool:
        """Note a measurement; true when it is the best so far: keep these weights."""
        self.measured += 1
        gain = math.inf if self.best is None else self._sign * (value - self.best)
        if math.isfinite(value) and gain > self._least:
            self.best, self.since = float(value), 0
            return True
        self.since += 1
        return False

    @property
    def stop(self) -> bool:
        """Whether `patience` measurements in a row brought no gain."""
        return self.since >= self.patience
