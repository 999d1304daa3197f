"""A compact space of facial point offsets, and what a head's neutral shape says about it.

The denoiser outputs the offsets of all V points, as in the paper, through their principal components: 1855 points move
together in a few dozen ways, so a network over K coefficients is a hundredth of the size and time of one over 5565
numbers, needs no days of training, and cannot tear neighbouring points apart. The components are orthonormal, so a
squared error over points is the squared error over coefficients; and no mean is taken off, so zero is the neutral face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.errors import UserError
from ..core.template import FacialTemplate, load_template

COEFFICIENTS = 64
HEAD_NUMBERS = 3
_FLOOR = 0.01  # least spread, as a share of the greatest: no component is blown up into noise


@dataclass(frozen=True)
class MotionBasis:
    """Offsets are metres in the shipped template's size; coefficients are divided by `spread`, so about 1 in size.

    components: (K, V * 3) float32, orthonormal rows.
    spread: (K,) float32 metres, the usual size of each coefficient.
    """

    components: np.ndarray
    spread: np.ndarray

    @property
    def points(self) -> int:
        """V."""
        return self.components.shape[1] // 3

    def encode(self, offsets: np.ndarray) -> np.ndarray:
        """Coefficients (T, K) of offsets (T, V, 3)."""
        # z = C x / spread, x (T, V * 3), C (K, V * 3): on orthonormal rows a projection is the least squares fit.
        return offsets.reshape(len(offsets), -1) @ self.components.T / self.spread

    def decode(self, coefficients: np.ndarray) -> np.ndarray:
        """Offsets (T, V, 3) float32 of coefficients (T, K)."""
        flat = (coefficients * self.spread).astype(np.float32) @ self.components
        return flat.reshape(len(coefficients), -1, 3)


def fit_basis(generators: np.ndarray, moment: np.ndarray, count: int = COEFFICIENTS) -> MotionBasis:
    """Principal components of offsets = drivers @ generators.

    generators: (D, V, 3) metres, what one unit of each driver moves.
    moment: (D, D), second moment of the drivers.
    count: of components at most; those beyond the data's rank are left out.
    """
    # R (D, D) with RᵀR the moment: R G (D, V * 3) has the second moment of all offsets, so its right singular vectors
    # are their principal components, and no frame has to be laid out.
    values, vectors = np.linalg.eigh(moment.astype(np.float64))
    root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    spread, components = _svd(root @ generators.reshape(len(generators), -1).astype(np.float64))
    rank = min(count, int((spread > 1e-4 * spread[0]).sum()))
    return MotionBasis(
        components[:rank].astype(np.float32), np.maximum(spread[:rank], _FLOOR * spread[0]).astype(np.float32)
    )


def _svd(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # Singular values (D,) and right singular vectors (D, V * 3) of A (D, V * 3), from A Aᵀ = U σ² Uᵀ and Vᵀ = Uᵀ A / σ:
    # D is a hundred or two, V * 3 more than five thousand.
    values, vectors = np.linalg.eigh(matrix @ matrix.T)
    order = np.argsort(values)[::-1]
    spread = np.sqrt(np.maximum(values[order], 1e-30))
    return spread, (vectors[:, order].T @ matrix) / spread[:, None]


@dataclass(frozen=True)
class HeadShape:
    """The shape P of a head.

    size: (3,), its extent along x, y, z over the shipped template's.
    code: (3,), what the network is told of its shape, 0 for the shipped head: the rest gap of the lips (millimetres
    more) and the eyes' openings (share more).
    """

    size: np.ndarray
    code: np.ndarray


def head_shape(neutral: np.ndarray) -> HeadShape:
    """The shape P of a head in Equation 4, from its neutral points (V, 3) in metres.

    How far a muscle's pull carries grows with the head, exactly; how far the lips and lids have to go until they meet
    is what the network has to know. Raises UserError when the points are not those of our template.
    """
    template = load_template()
    neutral = np.asarray(neutral, np.float32)
    if neutral.shape != template.neutral.shape or not np.isfinite(neutral).all():
        raise UserError(
            f"This head has {neutral.shape[0] if neutral.ndim else 0} facial points, the motion model moves "
            f"{len(template.neutral)}: train the subject with this version of EmoDiffTalk."
        )
    # Ratio of standard deviations (3,): of all points, so that the outermost two alone do not decide.
    size = neutral.std(axis=0) / template.neutral.std(axis=0)
    if not (0.02 < size.min() and size.max() < 50):
        raise UserError("This head's neutral face is flat, or not in metres: train the subject again.")
    return HeadShape(size, head_code(template, *_openings(template, neutral / size)))


def head_code(template: FacialTemplate, lips: float, left: float, right: float) -> np.ndarray:
    """The network's code (3,) of a head, see `HeadShape`.

    template: the shipped one.
    lips: rest gap of the lips, metres at our size.
    left, right: mean openings of the eyes, metres at our size.
    """
    # (lips - ours in mm, left / ours - 1, right / ours - 1), held within about what training draws heads from: what
    # lies beyond the network has never been told.
    own = _openings(template, template.neutral)
    code = [1e3 * (lips - own[0]), left / own[1] - 1, right / own[2] - 1]
    return np.clip(code, [-0.6, -0.3, -0.3], [3.0, 0.4, 0.4]).astype(np.float32)


def _openings(template: FacialTemplate, neutral: np.ndarray) -> tuple[float, float, float]:
    openings = []
    for upper, lower in (
        ("lip_inner_upper", "lip_inner_lower"),
        ("lid_upper_left", "lid_lower_left"),
        ("lid_upper_right", "lid_lower_right"),
    ):
        # Upper minus lower z of the pairs; of the lips the middle third, as `lip_opening` does: corners always meet.
        gaps = neutral[template.landmarks[upper], 2] - neutral[template.landmarks[lower], 2]
        third = len(gaps) // 3 if upper.startswith("lip") else 0
        openings.append(float(gaps[third : len(gaps) - third].mean()))
    lips, left, right = openings
    return lips, left, right
