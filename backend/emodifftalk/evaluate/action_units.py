"""Action units read off facial points, so that truth and prediction are read the same way.

The published AU error runs OpenFace on both videos. We have the points themselves: their offsets are explained by the
17 action units and 6 articulations of the subject's template, each between 0 and 1, in the least squares sense.
"""

from __future__ import annotations

import numpy as np

from ..core.facs import AU_INDEX, AU_NAMES
from ..core.template import FacialTemplate

UPPER = tuple(AU_INDEX[name] for name in ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07"))
LOWER = tuple(AU_INDEX[name] for name in AU_NAMES if name not in ("AU45",) and AU_INDEX[name] not in UPPER)
_SWEEPS = 200
_RIDGE = 1e-4
"""Share of the mean squared length of a unit: decides between units that move the same points."""

PROTOCOL = (
    "AU error: mean absolute difference of intensities 0..1, upper face (AU01 02 04 05 06 07) and lower face (AU09 10 "
    "12 14 15 17 23 24 25 26); both sides read off the facial points by least squares on the subject's template with "
    "intensities bounded to 0..1 (OpenFace is not used); blinks are muted, so AU45 is left out."
)


class AUReader:
    """Reads a subject's points. basis: the template's action units and articulations."""

    def __init__(self, template: FacialTemplate) -> None:
        basis = np.concatenate([template.au_basis, template.articulation_basis]).astype(np.float64)
        # What moves no point cannot be read; it stays at 0.
        self._basis = basis.reshape(len(basis), -1)
        gram = self._basis @ self._basis.T
        self._gram = gram + _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))

    def read(self, offsets: np.ndarray) -> np.ndarray:
        """Intensities (T, 17), 0..1, of offsets (T, V, 3) metres: coordinate descent on the bounded least squares."""
        towards = np.asarray(offsets, np.float64).reshape(len(offsets), -1) @ self._basis.T
        found = np.zeros_like(towards)
        gradient = -towards
        for _ in range(_SWEEPS):
            largest = 0.0
            for unit in range(len(self._gram)):
                before = found[:, unit]
                after = np.clip(before - gradient[:, unit] / self._gram[unit, unit], 0, 1)
                step = after - before
                found[:, unit] = after
                gradient += step[:, None] * self._gram[unit]
                largest = max(largest, float(np.abs(step).max(initial=0)))
            if largest < 1e-5:
                break
        return found[:, : len(AU_NAMES)]


def au_errors(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Mean absolute errors of intensities (T, 17): `upper` and `lower` face."""
    error = np.abs(found - truth).mean(axis=0)
    return {"upper": float(error[list(UPPER)].mean()), "lower": float(error[list(LOWER)].mean())}
