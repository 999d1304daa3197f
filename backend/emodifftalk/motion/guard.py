"""The out-of-range guard: what the face is asked for, and what it does, stay near what its training saw.

Action-unit codes are limited one by one to the range the capture showed. Motion is limited as a whole: all faces that
action units and articulations within their ranges can make are a convex set, and what lies beyond the nearest of them
is let through as far as lips and lids that touch need it, then held back (lips pressed shut on a wide open jaw need
more, and no capture shows that face). Both are soft: inside nothing changes, not even the last bit; outside a knee
bends smoothly to a bound. Everything is decided frame by frame.

How far outside a frame was is its confidence, exp(-(a + m)): `a` how far the codes asked beyond their ranges (root of
the sum of squares, in halves of full intensity), `m` how far the farthest point was beyond what is let through (in
4 mm, on a head of our size). So 1 inside, 0.37 where one unit was asked for half its full strength too much.
"""

from __future__ import annotations

import numpy as np

from ..core.facs import AU_NAMES
from ..core.subject import Subject
from ..core.template import FacialTemplate, load_template

MARGIN = 0.05
"""Of full intensity: this much beyond the range is still inside."""
ROOM = 0.1
"""Of full intensity: the knee's bound lies this far beyond the margin."""
FALLBACK = 0.35
"""Share of a unit that training never saw which is still shown."""
_UNSEEN = 0.05  # a unit whose greatest intensity in training is less was not seen
_ASKED, _MOVED = 0.5, 4e-3  # intensity and metres that cost one e-fold of confidence
# Metres a point may lie beside the nearest face in range: everywhere, more near the lips and near the lids.
_FREE, _LIPS, _LIDS = 2.0e-3, 4.0e-3, 1.5e-3
_LIPS_REACH, _LIDS_REACH = 6e-3, 5e-3
_KNEE = 1e-3  # metres from there to the bound
_SWEEPS = 20
_RIDGE = 1e-6


class Guard:
    """The guard of one Subject.

    known: whether its training saw any action unit at all. Where it did not, nothing is known of its range: nothing is
    limited, and every unit that is asked for costs confidence.
    """

    def __init__(self, subject: Subject) -> None:
        most = subject.au_range[:, 1].astype(np.float64)
        self.known = bool((most > _UNSEEN).any())
        self._unseen = most <= _UNSEEN
        self._most = np.minimum(most, 1.0) + MARGIN
        template = subject.template
        self._size = float((template.neutral.std(axis=0) / load_template().neutral.std(axis=0)).mean())
        self._free = self._size * _free(template, self._size)
        units = np.concatenate([template.au_basis, template.articulation_basis]).astype(np.float64)
        self._units = units.reshape(len(units), -1)
        # G = U Uᵀ (23, 23) and a ridge in proportion to its mean diagonal: some units move the same skin, and their
        # shares would be left to chance.
        gram = self._units @ self._units.T
        self._gram = gram + _RIDGE * max(np.trace(gram), 1e-12) / len(gram) * np.eye(len(gram))
        self._low = np.full(len(units), -MARGIN)
        self._high = np.full(len(units), 1 + MARGIN)
        if self.known:
            self._high[: len(AU_NAMES)] = np.where(self._unseen, FALLBACK, self._most)

    def codes(self, aus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """AU intensities (T, 17) 0..1 softly limited, float32, and the term `a` of each frame's confidence (T,).

        Up to the range and its margin they are left alone; beyond, a knee rises to ROOM more and never falls. Of units
        that training never saw FALLBACK is left.
        """
        aus = np.asarray(aus, np.float32)
        # most + ROOM (1 - exp(-over / ROOM)), (T, 17): slope 1 where it begins, so no corner shows, and bounded.
        over = np.maximum(aus - self._most, 0)
        beyond = np.where(self._unseen, np.maximum(aus - MARGIN, 0), over)
        term = np.sqrt((beyond**2).sum(axis=1)) / _ASKED
        if not self.known:
            return aus, term
        knee = self._most + ROOM * -np.expm1(-over / ROOM)
        seen = np.where(over > 0, knee.clip(0, 1), aus)
        return np.where(self._unseen, FALLBACK * aus, seen).astype(np.float32), term

    def motion(self, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Offsets (n, V, 3) metres softly limited, float32, and the term `m` of each frame's confidence (n,).

        A point stays within `_free` and a millimetre (on a head of our size) of the nearest face in range. Frames do
        not influence each other, but the last bits may depend on how many there are: give always as many, see
        `MotionModel.blocks`.
        """
        offsets = np.asarray(offsets, np.float32)
        # What a point lies beside the nearest face, (n, V, 3), keeps its direction; its length d becomes
        # f + k (1 - exp(-(d - f) / k)) beyond f (V,), with slope 1 at f: no point stops with a jerk.
        beside = offsets - self._nearest(offsets)
        far = np.linalg.norm(beside, axis=2)
        over = np.maximum(far - self._free, 0)
        knee = self._size * _KNEE
        taken = over - knee * -np.expm1(-over / knee)
        limited = offsets - beside * (taken / np.maximum(far, 1e-12))[:, :, None]
        term = over.max(axis=1) / (self._size * _MOVED)
        return np.where(over[:, :, None] > 0, limited, offsets).astype(np.float32), term

    def _nearest(self, offsets: np.ndarray) -> np.ndarray:
        """The nearest motion (n, V, 3) that units within their ranges make: least squares in a box, by coordinates.

        A fixed number of sweeps, so that it is a continuous function of the offsets.
        """
        # min |x - i U|², low <= i <= high, i (n, 23), U (23, V * 3): from the clipped free solution on, one unit after
        # the other is solved exactly and clipped, for all frames at once. Only x Uᵀ is needed of the points.
        projections = offsets.reshape(len(offsets), -1).astype(np.float64) @ self._units.T
        intensities = np.linalg.solve(self._gram, projections.T).T.clip(self._low, self._high)
        for _ in range(_SWEEPS):
            for unit, own in enumerate(np.diag(self._gram)):
                if own > 0:
                    step = (projections[:, unit] - (intensities * self._gram[unit]).sum(axis=1)) / own
                    intensities[:, unit] = (intensities[:, unit] + step).clip(self._low[unit], self._high[unit])
        return (intensities @ self._units).reshape(offsets.shape)


def confidence(codes: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """exp(-(a + m)), (T,) float32 in 0..1, of the terms that `Guard.codes` and `Guard.motion` return."""
    return np.exp(-(np.asarray(codes, np.float64) + motion)).astype(np.float32)


def _free(template: FacialTemplate, size: float) -> np.ndarray:
    """Metres (V,) on a head of our size: lips and lids that meet are pushed aside as no unit pushes them."""
    points = template.neutral / size
    lips = [name for name in template.landmarks if name.startswith("lip")]
    lids = [name for name in template.landmarks if name.startswith("lid")]
    # Distance (V,) of each point to the nearest lip and the nearest lid landmark, at our size.
    near_lips, near_lids = (
        np.linalg.norm(points[:, None] - points[np.concatenate([template.landmarks[n] for n in names])], axis=2).min(1)
        for names in (lips, lids)
    )
    return _FREE + _LIPS * np.exp(-((near_lips / _LIPS_REACH) ** 2)) + _LIDS * np.exp(-((near_lids / _LIDS_REACH) ** 2))
