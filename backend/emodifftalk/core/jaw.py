"""The lower jaw: how far it is open, read off the face, and what rides on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .facs import AU_INDEX
from .template import FacialTemplate

TONGUE = 0.8
"""How much of the jaw's way the tongue goes along."""
_BONY = 0.6
"""Share of the greatest movement from which on skin moves as the bone beneath it does."""


@dataclass(frozen=True)
class Jaw:
    """The lower jaw of a template: it turns about an axis from ear to ear.

    hinge: (3,) metres, a point of that axis. turn: radians per intensity of AU26, positive opens.
    reading: (V, 3) per metre; the sum of its products with the template's offsets is the intensity of AU26 in them.
    """

    hinge: np.ndarray
    turn: float
    reading: np.ndarray

    @staticmethod
    def of(template: FacialTemplate) -> Jaw:
        """Fitted to how the template's own AU26 moves the chin; nothing that another unit does counts as opening."""
        fields = np.concatenate([template.au_basis, template.articulation_basis]).astype(float)
        row = AU_INDEX["AU26"]
        flat = fields.reshape(len(fields), -1)
        # Ridge: a template without some unit has a field of zeros.
        gram = flat @ flat.T
        gram += 1e-6 * np.trace(gram) / len(gram) * np.eye(len(gram))
        reading = np.linalg.solve(gram, flat)[row].reshape(-1, 3)
        move, points = fields[row], template.neutral.astype(float)
        size = np.linalg.norm(move, axis=1)
        bony = size > _BONY * max(size.max(), 1e-12)
        y, z, dy, dz = points[bony, 1], points[bony, 2], move[bony, 1], move[bony, 2]
        # dy = -turn (z - hinge_z), dz = turn (y - hinge_y): linear in turn and turn * hinge.
        rows = [np.stack([-z, np.zeros_like(z), np.ones_like(z)], -1), np.stack([y, -np.ones_like(y), 0 * y], -1)]
        (turn, turn_y, turn_z), *_ = np.linalg.lstsq(np.concatenate(rows), np.concatenate([dy, dz]), rcond=None)
        if turn < 1e-3:
            return Jaw(np.zeros(3), 0.0, reading)
        return Jaw(np.array([0.0, turn_y / turn, turn_z / turn]), float(turn), reading)

    def opening(self, offsets: np.ndarray) -> np.ndarray:
        """Intensity of AU26 (...,) in the movement (..., V, 3) of the template points, metres; 0 closed, 1 wide open."""
        return np.clip(np.tensordot(offsets, self.reading, axes=2), -0.2, 1.5)

    def carried(self, points: np.ndarray, opening: float) -> np.ndarray:
        """Movement (N, 3) of points (N, 3) fixed to the jaw, metres. Straight, as the skin's own: teeth stay by lips."""
        arm = np.asarray(points, float) - self.hinge
        return opening * self.turn * np.stack([np.zeros(len(arm)), -arm[:, 2], arm[:, 1]], axis=-1)

    def quat(self, opening: float) -> np.ndarray:
        """The turn of what is fixed to the jaw, (4,) wxyz."""
        half = 0.5 * np.arctan(opening * self.turn)
        return np.array([np.cos(half), np.sin(half), 0.0, 0.0])
