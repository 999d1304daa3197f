"""Valence and arousal, two sliders, as action units.

The plane of pleasantness and energy is spanned by prototypes (their places follow the labelled valence-arousal points
of EmoTalkingGaussian's supplement S6, their AUs EMFACS); a point between them blends the nearest ones and fades to
nothing at the centre.
"""

from __future__ import annotations

import numpy as np

from ..core.facs import AU_INDEX, AU_NAMES

# (valence, arousal) -> AU intensities
_PROTOTYPES: tuple[tuple[tuple[float, float], dict[str, float]], ...] = (
    ((0.9, 0.2), {"AU06": 0.6, "AU12": 0.8}),  # happy
    ((0.7, 0.7), {"AU01": 0.3, "AU02": 0.3, "AU05": 0.3, "AU06": 0.6, "AU12": 0.9, "AU25": 0.4}),  # delighted
    ((0.1, 0.9), {"AU01": 0.8, "AU02": 0.8, "AU05": 0.7, "AU25": 0.3, "AU26": 0.3}),  # surprised
    ((-0.5, 0.8), {"AU01": 0.7, "AU02": 0.5, "AU04": 0.5, "AU05": 0.6, "AU07": 0.3, "AU25": 0.2}),  # afraid
    ((-0.7, 0.6), {"AU04": 0.8, "AU05": 0.4, "AU07": 0.5, "AU23": 0.5, "AU24": 0.3}),  # angry
    ((-0.8, 0.1), {"AU09": 0.6, "AU10": 0.5, "AU15": 0.3, "AU17": 0.4}),  # disgusted
    ((-0.8, -0.5), {"AU01": 0.7, "AU04": 0.4, "AU15": 0.7, "AU17": 0.4}),  # sad
    ((0.0, -0.9), {"AU07": 0.35}),  # tired
    ((0.6, -0.6), {"AU06": 0.25, "AU12": 0.35}),  # content
)
_PLACES = np.array([place for place, _ in _PROTOTYPES])
_AUS = np.zeros((len(_PROTOTYPES), len(AU_NAMES)))
for _row, (_, _aus) in enumerate(_PROTOTYPES):
    for _name, _value in _aus.items():
        _AUS[_row, AU_INDEX[_name]] = _value


def affect_offsets(valence: np.ndarray, arousal: np.ndarray) -> np.ndarray:
    """AU offsets (T, 17) float32 in 0..1 of valence (T,) and arousal (T,), each -1..1; zero at the origin."""
    point = np.stack([valence, arousal], axis=-1)
    distance2 = ((point[:, None] - _PLACES) ** 2).sum(axis=-1)
    weights = np.exp(-distance2 / (2 * 0.3**2))
    weights /= weights.sum(axis=1, keepdims=True) + 1e-9
    strength = np.clip(np.linalg.norm(point, axis=1), 0, 1)
    return (strength[:, None] * (weights @ _AUS)).astype(np.float32)
