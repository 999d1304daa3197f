"""Lips that the codes close are closed: the last half millimetre of p, b and m.

The networks are trained to seal lips and mostly do; a gap that is left is small, and it is what a viewer sees first.
Where the AU codes press the lips together, their inner margins are brought together here, the skin around them with it.
"""

from __future__ import annotations

import numpy as np

from ..core.template import FacialTemplate
from ..emotion.edit import closure
from .contact import TouchingFace


class LipSeal:
    """Closes the lips of one head."""

    def __init__(self, template: FacialTemplate) -> None:
        face, lips = TouchingFace(template), len(template.landmarks["lip_inner_upper"])
        self._upper, self._lower = (template.landmarks[f"lip_inner_{side}"] for side in ("upper", "lower"))
        self._neutral_gaps = face.neutral_gaps[:lips]
        pairs, first = len(face.neutral_gaps), len(face.generators) - 2 * len(face.neutral_gaps)
        # What moves with each point of the upper and of the lower margin, per metre up: (lips, V).
        self._with_upper = face.generators[first : first + lips, :, 2]
        self._with_lower = face.generators[first + pairs : first + pairs + lips, :, 2]

    def __call__(self, offsets: np.ndarray, aus: np.ndarray) -> np.ndarray:
        """Offsets (T, V, 3) metres with the lips closed as far as the codes (T, 17), 0..1, close them."""
        shut = closure(aus, against=4.0)
        rows = np.flatnonzero(shut > 0)
        if not len(rows):
            return offsets
        moved = offsets[rows]
        # Gaps (rows, lips) that are open, and half of what is to close of each for either margin: lips meet in the
        # middle, and those that overlap already are left alone.
        gap = np.maximum(self._neutral_gaps + moved[:, self._upper, 2] - moved[:, self._lower, 2], 0)
        change = 0.5 * shut[rows, None] * gap
        sealed = offsets.copy()
        # One by one: a product of many rows differs in its last bits with their number, and takes are to be the same to
        # the bit however many of their frames are made anew.
        for row, some in zip(rows, change, strict=True):
            sealed[row, :, 2] += some @ self._with_lower - some @ self._with_upper
        return sealed
