"""Blinks: a seeded random process, because a voice does not say when its owner blinks.

Intervals follow what is measured in conversation (about 15 to 20 a minute, irregular), and pauses attract them. The
shape is a fast closing and a slower opening, 0.3 s in all.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..core.facs import AU_INDEX, FPS
from .audio import frame_energy, level

_SHAPE = np.array([0.35, 1.0, 1.0, 0.65, 0.3, 0.1], np.float32)  # frames of 40 ms
_MEAN_GAP, _LEAST_GAP = 3.4, 1.0  # seconds


def add_blinks(aus: np.ndarray, wave: np.ndarray, seed: int) -> np.ndarray:
    """The AU track (T, 17) with blinks on AU45. wave (S,) at 16 kHz tells where the pauses are."""
    frames = len(aus)
    blinked = aus.copy()
    index = AU_INDEX["AU45"]
    blinked[:, index] = np.maximum(blinked[:, index], blink_curve(frames, blink_frames(frames, wave, seed)))
    return blinked


def blink_curve(frames: int, starts: Iterable[int]) -> np.ndarray:
    """AU45 (frames,) float32 of blinks that begin at frames `starts`."""
    curve = np.zeros(frames, np.float32)
    for start in starts:
        length = min(len(_SHAPE), frames - start)
        curve[start : start + length] = np.maximum(curve[start : start + length], _SHAPE[:length])
    return curve


def blink_frames(frames: int, wave: np.ndarray, seed: int) -> list[int]:
    """First frames of all blinks."""
    rng = np.random.default_rng([seed, 0xB11])
    quiet = _quiet(frames, wave)
    # Gaps of a second and a gamma variate: irregular, never too soon. A pause within 0.4 s attracts the blink.
    starts: list[int] = []
    at = float(rng.uniform(0.4, 2.0))
    while at * FPS < frames:
        around = np.arange(max(0, round((at - 0.4) * FPS)), min(frames, round((at + 0.4) * FPS) + 1))
        pauses = around[quiet[around]]
        frame = int(pauses[0]) if len(pauses) else round(at * FPS)
        if frame < frames and (not starts or frame - starts[-1] > _LEAST_GAP * FPS):
            starts.append(frame)
        at += _LEAST_GAP + float(rng.gamma(2.0, (_MEAN_GAP - _LEAST_GAP) / 2))
    return starts


def _quiet(frames: int, wave: np.ndarray) -> np.ndarray:
    """Frames (frames,) bool in which the voice is not heard; behind its end it is not."""
    energy = frame_energy(level(wave), 16000 // FPS)
    padded = np.zeros(frames, np.float32)
    padded[: min(frames, len(energy))] = energy[:frames]
    return padded < 2e-4
