"""Gestures of brows and lids in the training truth: on stressed vowels, other in every take, and mostly untold.

The pipeline makes them at prominent moments of the voice (`speech.gestures`); in training they are in the truth whether
the AU codes tell of them or not, so that the model follows such codes and does not take their absence for a command.
"""

from __future__ import annotations

import numpy as np

from ...core.facs import FPS
from ...speech.gestures import HOLDS, au_vector, gesture_track
from .synthesizers import Utterance


def gestures(utterance: Utterance, frames: int, rng: np.random.Generator) -> np.ndarray:
    """AU intensities (frames, 17), 0..1 float32, to be added to a speaking face; nothing where nobody speaks."""
    stressed = [(p.start + p.end) / 2 for p in utterance.phonemes if p.stressed]
    # One expression held while speaking, of any strength from hardly to exaggerated, under the gestures.
    hold = rng.uniform(0.2, 1.2) * au_vector(HOLDS[rng.integers(len(HOLDS))])
    moved = gesture_track(frames, stressed, rng) + _speaking(utterance, np.arange(frames) / FPS)[:, None] * hold
    return moved.clip(0, 1).astype(np.float32)


def _speaking(utterance: Utterance, times: np.ndarray) -> np.ndarray:
    """1 while the utterance lasts, rising and falling over a third of a second around it."""
    voiced = [p for p in utterance.phonemes if p.symbol != "pau"]
    if not voiced:
        return np.zeros(len(times))
    outside = np.maximum(np.maximum(voiced[0].start - times, times - voiced[-1].end), 0)
    return np.clip(1 - outside / 0.33, 0, 1)
