"""The lower jaw: how far it is open, read off the face, and what rides on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Floats
from .facs import AU_INDEX
from .template import FacialTemplate

TONGUE = 0.8
"""How much of the jaw's way the tongue goes along."""
_BONY = 0.6
"""Share of the greatest movement from which on skin moves as the bone beneath it does."""


@dataclass(frozen=True)
class Jaw:
    """A lower jaw, which turns about an axis from ear to ear.

    turn: radians at AU26 = 1, positive opens.
    hinge: (2,) y and z, metres, of that axis.
    """

    turn: float
    hinge: tuple[float, float]

    @staticmethod
    def of(template: FacialTemplate) -> Jaw:
        """As the template's own AU26 moves its chin: a first guess, the teeth may know better."""
        move, points = template.au_basis[AU_INDEX["AU26"]].astype(float), template.neutral.astype(float)
        size = np.linalg.norm(move, axis=1)
        bony = size > _BONY * max(size.max(), 1e-12)
        y, z, dy, dz = points[bony, 1], points[bony, 2], move[bony, 1], move[bony, 2]
        # dy = -turn (z - hinge_z), dz = turn (y - hinge_y): linear in turn and turn * hinge, so one least squares over
        # all bony points finds turn, turn * hinge_y, turn * hinge_z (the columns of `rows`).
        rows = [np.stack([-z, 0 * z, np.ones_like(z)], axis=-1), np.stack([y, -np.ones_like(y), 0 * y], axis=-1)]
        (turn, turn_y, turn_z), *_ = np.linalg.lstsq(np.concatenate(rows), np.concatenate([dy, dz]), rcond=None)
        if turn < 1e-3:
            return Jaw(0.0, (0.0, 0.0))
        return Jaw(float(turn), (float(turn_y / turn), float(turn_z / turn)))

    def carried(self, points: Floats, opening: float) -> Floats:
        """Movement (N, 3) of points (N, 3) fixed to the jaw, metres: straight, as skin goes, so teeth stay by lips."""
        y, z = points[:, 1] - self.hinge[0], points[:, 2] - self.hinge[1]
        # Angle times (axis x arm), with the axis along x: the first order of a rotation.
        moved: Floats = opening * self.turn * np.stack([np.zeros(len(points)), -z, y], axis=-1)
        return moved

    def quat(self, opening: float) -> Floats:
        """How what is fixed to the jaw turns, (4,) wxyz."""
        half = 0.5 * np.arctan(opening * self.turn)
        return np.array([np.cos(half), np.sin(half), 0.0, 0.0])


def jaw_reading(template: FacialTemplate) -> Floats:
    """(V, 3) per metre: the sum of its products with the template's offsets is the AU26 in them, and nothing else.

    The chin moves for many reasons; only what no other unit explains opens the jaw.
    """
    # Row AU26 of (B B^T)^-1 B, B (23, V * 3) the fields of all units: the dual of its field, which gives 1 with itself
    # and 0 with every other. The chin's own field alone would also answer to a smile.
    fields = np.concatenate([template.au_basis, template.articulation_basis]).astype(float)
    flat = fields.reshape(len(fields), -1)
    gram = flat @ flat.T
    # Ridge: a template may be without some unit.
    gram += 1e-6 * max(np.trace(gram), 1e-12) / len(gram) * np.eye(len(gram))
    reading: Floats = np.linalg.solve(gram, flat)[AU_INDEX["AU26"]].reshape(-1, 3)
    return reading


def jaw_opening(reading: Floats, offsets: Floats) -> Floats:
    """Intensity of AU26 (...,) in the movement (..., V, 3) of the template points, metres: 0 closed, 1 wide open."""
    # Summed over points and axes, (..., V, 3) with (V, 3). Cut beyond what a jaw does: motion gone astray must not
    # throw the teeth out of the head.
    return np.clip(np.tensordot(offsets, reading, axes=2), -0.2, 1.5)
