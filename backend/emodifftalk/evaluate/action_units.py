"""Action units read off facial points, so that truth and prediction are read the same way.

The published AU error runs OpenFace on both videos. We have the points themselves (see `core.unit_reader`).
"""

from __future__ import annotations

import numpy as np

from ..core.facs import AU_INDEX, AU_NAMES

UPPER = tuple(AU_INDEX[name] for name in ("AU01", "AU02", "AU04", "AU05", "AU06", "AU07"))
LOWER = tuple(AU_INDEX[name] for name in AU_NAMES if name not in ("AU45",) and AU_INDEX[name] not in UPPER)
PROTOCOL = (
    "AU error: mean absolute difference of intensities 0..1, upper face (AU01 02 04 05 06 07) and lower face (AU09 10 "
    "12 14 15 17 23 24 25 26); both sides read off the facial points by least squares on the subject's template with "
    "intensities bounded to 0..1 (OpenFace is not used); blinks are muted, so AU45 is left out."
)


def au_errors(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Mean absolute errors of intensities (T, 17): `upper` and `lower` face."""
    error = np.abs(predicted - truth).mean(axis=0)
    return {"upper": float(error[list(UPPER)].mean()), "lower": float(error[list(LOWER)].mean())}
