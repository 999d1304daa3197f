"""Small gestures of brows and lids while a voice speaks: a seeded random process, because words do not decide them.

They fall on prominent moments of the voice, where speakers put them; whether, which and how strong is chance, so
another seed is another performance above the mouth and the same words below it. They are ordinary action units of the
track, to be seen, scaled and drawn over like all others, and they stop with the voice.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from ..core.facs import AU_INDEX, AU_NAMES, FPS
from .audio import frame_energy, level

GESTURES: tuple[tuple[float, dict[str, float]], ...] = (
    (0.40, {"AU01": 0.42, "AU02": 0.36, "AU05": 0.16}),
    (0.16, {"AU01": 0.45, "AU04": 0.12}),
    (0.24, {"AU04": 0.38, "AU07": 0.12}),
    (0.20, {"AU06": 0.22, "AU07": 0.28}),
)
"""How often each is chosen, and its action units at usual strength."""
HOLDS: tuple[dict[str, float], ...] = (
    {"AU01": 0.16, "AU02": 0.14},
    {"AU04": 0.16},
    {"AU07": 0.14},
    {},
)
"""What a face may hold all through a phrase."""
_CHANCE = 0.45
_LOUD = 2e-4  # mean square at common level, from which on a voice is heard (as in `blinks`)
_APART = 0.3  # least seconds between two prominent moments
_PHRASE = 4.0  # seconds a held look lasts, about


def add_gestures(aus: np.ndarray, wave: np.ndarray, seed: int, liveliness: float = 1.0) -> np.ndarray:
    """The AU track (T, 17) with gestures added, 0..1. wave (S,) at 16 kHz; liveliness scales them, 0 leaves the track
    as it is."""
    if liveliness <= 0:
        return aus
    rng = np.random.default_rng([seed, 0x6E57])
    speaking, moments = _prominent(wave, len(aus))
    gestures = gesture_track(len(aus), moments, rng) + _held(len(aus), rng)
    return (aus + liveliness * speaking[:, None] * gestures).clip(0, 1).astype(np.float32)


def gesture_track(frames: int, moments: Iterable[float], rng: np.random.Generator) -> np.ndarray:
    """AU intensities (frames, 17) of gestures at some of the prominent moments, seconds."""
    times = np.arange(frames) / FPS
    track = np.zeros((frames, len(AU_NAMES)))
    shares = np.array([share for share, _ in GESTURES])
    for moment in moments:
        if rng.random() < _CHANCE:
            _, units = GESTURES[rng.choice(len(GESTURES), p=shares / shares.sum())]
            middle, length, strength = moment + rng.normal(0, 0.04), rng.uniform(0.10, 0.26), rng.gamma(3.0, 1 / 3)
            # A bell (frames,) over the units; where two gestures meet the stronger one shows, they do not add up.
            bell = strength * np.exp(-(((times - middle) / length) ** 2))
            track = np.maximum(track, bell[:, None] * au_vector(units))
    return track


def au_vector(units: dict[str, float]) -> np.ndarray:
    """AU intensities (17,) of units by name."""
    vector = np.zeros(len(AU_NAMES))
    for name, value in units.items():
        vector[AU_INDEX[name]] = value
    return vector


def _held(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Looks (frames, 17) held for a phrase each, one passing into the next."""
    count = 2 + int(frames / FPS / _PHRASE)
    looks = np.stack([rng.uniform(0.2, 1.2) * au_vector(HOLDS[rng.integers(len(HOLDS))]) for _ in range(count)])
    # at (frames,) counts phrases, from a random place in the first; in the last fifth of each its look passes into the
    # next one.
    at = np.arange(frames) / FPS / _PHRASE + rng.random()
    part = np.clip((at % 1 - 0.8) / 0.2, 0, 1)[:, None]
    first = at.astype(int)
    return (1 - part) * looks[first % count] + part * looks[(first + 1) % count]


def _prominent(wave: np.ndarray, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """How much the voice is heard around each frame (frames,) 0..1, and its prominent moments, seconds."""
    loud = np.zeros(frames)
    energy = frame_energy(level(wave), 16000 // FPS)[:frames]
    loud[: len(energy)] = energy
    heard = maximum_filter1d((loud > _LOUD).astype(float), 7)
    strength = gaussian_filter1d(np.sqrt(loud), 1.5)
    # A peak is the greatest of its own neighbourhood, and loud: two of them are never nearer than _APART.
    peaks = (strength == maximum_filter1d(strength, 2 * round(_APART * FPS) + 1)) & (loud > _LOUD)
    return gaussian_filter1d(heard, 2.0), np.flatnonzero(peaks) / FPS
