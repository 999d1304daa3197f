"""Valence and arousal, two sliders, as action units.

The plane of pleasantness (valence) and energy (arousal), Russell's circumplex (1980), is spanned by faces of EMFACS
(Ekman and Friesen 1983; `prototypes`) at places that agree with EmoTalkingGaussian's twelve labelled points (its
supplement, S6), contempt in the pleasant and quiet quarter among them. A point between the places blends the faces
around it, and everything fades to nothing at the centre: the map is continuous.
"""

from __future__ import annotations

import numpy as np

from ..core.labels import AFFECT_PLACES
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
_POINTS = np.array([place for place, _, _ in AFFECT_PLACES])
_FACES = np.stack([prototype(name, degree) for _, name, degree in AFFECT_PLACES])
_WIDTH = 0.2
"""How far a face reaches on the rim."""


def affect_offsets(valence: np.ndarray, arousal: np.ndarray) -> np.ndarray:
    """AU offsets (T, 17) float32 in 0..1 of valence (T,) and arousal (T,), each -1..1; zero at the origin."""
    point = np.stack([valence, arousal], axis=-1).astype(np.float64)
    radius = np.linalg.norm(point, axis=1, keepdims=True)
    # |p| Σ_f w_f face_f, w_f in proportion to exp(-|p/|p| - q_f/|q_f||² / 2σ²): points p (T, 2), places q (F, 2).
    # Faces are met by direction: the inner ring shows what the rim shows, fainter.
    rim = point / np.maximum(radius, 1e-9)
    distance2 = ((rim[:, None] - _POINTS / np.linalg.norm(_POINTS, axis=1, keepdims=True)) ** 2).sum(axis=-1)
    weights = np.exp(-distance2 / (2 * _WIDTH**2))
    weights /= weights.sum(axis=1, keepdims=True)
    return (radius.clip(0, 1) * (weights @ _FACES)).clip(0, 1).astype(np.float32)
