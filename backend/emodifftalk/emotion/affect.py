"""Valence and arousal, two sliders, as action units.

The plane of pleasantness (valence) and energy (arousal), Russell's circumplex (1980), is spanned by faces of EMFACS
(Ekman and Friesen 1983; `prototypes`). A point between their places blends the faces around it, and everything fades to
nothing at the centre: the map is continuous.

There are two such planes (`core.labels`). On the one that takes are made with, contempt is unpleasant. The published
one, for `evaluate`, has it in the pleasant and quiet quarter: all of EmoTalkingGaussian's twelve labelled points (its
supplement, S6) land on their labels there, on the other one the eight that are not contempt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.labels import AFFECT_PLACES, PUBLISHED_PLACES, Places
from .prototypes import prototype

S6_POINTS: tuple[tuple[float, float, str], ...] = (
    (0.74, 0.31, "happy"),
    (0.31, 0.74, "surprised"),
    (-0.31, 0.74, "angry"),
    (-0.74, 0.31, "disgusted"),
    (-0.74, -0.31, "sad"),
    (-0.31, -0.74, "sad"),
    (0.31, -0.74, "contemptuous"),
    (0.74, -0.31, "contemptuous"),
    (0.35, 0.35, "happy"),
    (-0.35, 0.35, "angry"),
    (-0.35, -0.35, "sad"),
    (0.35, -0.35, "contemptuous"),
)
"""Valence, arousal and prototype of EmoTalkingGaussian's evaluation points."""
_WIDTH = 0.2
"""How far a face reaches on the rim."""


@dataclass(frozen=True, eq=False)
class Plane:
    """Faces at their places, spanning valence and arousal.

    directions: (F, 2), unit vectors, where each face lies.
    faces: (F, 17) AU intensities at the rim.
    """

    directions: np.ndarray
    faces: np.ndarray


def _plane(places: Places) -> Plane:
    points = np.array([place for place, _, _ in places])
    faces = np.stack([prototype(name, degree) for _, name, degree in places])
    return Plane(points / np.linalg.norm(points, axis=1, keepdims=True), faces)


ANIMATORS, PUBLISHED = _plane(AFFECT_PLACES), _plane(PUBLISHED_PLACES)


def affect_offsets(valence: np.ndarray, arousal: np.ndarray, plane: Plane = ANIMATORS) -> np.ndarray:
    """AU offsets (T, 17) float32 in 0..1 of valence (T,) and arousal (T,), each -1..1; zero at the origin."""
    point = np.stack([valence, arousal], axis=-1).astype(np.float64)
    radius = np.linalg.norm(point, axis=1, keepdims=True)
    # |p| Σ_f w_f face_f, w_f in proportion to exp(-|p/|p| - q_f/|q_f||² / 2σ²): points p (T, 2), places q (F, 2).
    # Faces are met by direction: the inner ring shows what the rim shows, fainter.
    rim = point / np.maximum(radius, 1e-9)
    distance2 = ((rim[:, None] - plane.directions) ** 2).sum(axis=-1)
    weights = np.exp(-distance2 / (2 * _WIDTH**2))
    weights /= weights.sum(axis=1, keepdims=True)
    return (radius.clip(0, 1) * (weights @ plane.faces)).clip(0, 1).astype(np.float32)
