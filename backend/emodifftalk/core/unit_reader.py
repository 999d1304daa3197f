"""Action units and articulations read off facial points.

The offsets of the points are explained by the 17 action units and 6 articulations of the subject's template, each
between 0 and 1, in the least squares sense.
"""

from __future__ import annotations

import numpy as np

from .arrays import Floats
from .facs import AU_NAMES
from .template import FacialTemplate

_SWEEPS = 200
_RIDGE = 1e-4
"""Share of the mean squared length of a unit: decides between units that move the same points."""


class UnitReader:
    """Reads a subject's points by the action units and articulations of its template."""

    def __init__(self, template: FacialTemplate) -> None:
        basis = np.concatenate([template.au_basis, template.articulation_basis]).astype(np.float64)
        # What moves no point cannot be read; it stays at 0.
        self._basis = basis.reshape(len(basis), -1)
        gram = self._basis @ self._basis.T
        self._gram = gram + _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))

    def __len__(self) -> int:
        return len(self._gram)

    def units(self, offsets: Floats) -> Floats:
        """Intensities (T, 23), 0..1, of offsets (T, V, 3) metres: the 17 action units, then the 6 articulations.

        Coordinate descent on the bounded least squares.
        """
        # towards (T, 23): offsets times the basis of each unit, all that least squares needs to know of the points.
        towards = np.asarray(offsets, np.float64).reshape(len(offsets), -1) @ self._basis.T
        units = np.zeros_like(towards)
        # The gradient of all frames is units @ gram - towards (T, 23). A step of one unit, cut to 0..1, moves it by one
        # row of gram, so that product is never made again.
        gradient = -towards
        for _ in range(_SWEEPS):
            largest = 0.0
            for unit in range(len(self._gram)):
                before = units[:, unit]
                after = np.clip(before - gradient[:, unit] / self._gram[unit, unit], 0, 1)
                step = after - before
                units[:, unit] = after
                gradient += step[:, None] * self._gram[unit]
                largest = max(largest, float(np.abs(step).max(initial=0)))
            if largest < 1e-5:
                break
        return units

    def aus(self, offsets: Floats) -> Floats:
        """The action units alone, (T, 17)."""
        return self.units(offsets)[:, : len(AU_NAMES)]
