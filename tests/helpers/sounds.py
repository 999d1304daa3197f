"""Recordings made by the tests."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

RATE = 8000


def save_ramp(path: Path, seconds: float) -> Path:
    """A recording whose loudness tells the time: sample value = seconds into the file / 10."""
    times = np.arange(round(RATE * seconds)) / RATE
    return save_wave(path, times / 10)


def save_wave(path: Path, samples: np.ndarray) -> Path:
    """Samples (S,), -1..1, as a 16 bit mono .wav."""
    with wave.open(str(path), "wb") as stream:
        stream.setparams((1, 2, RATE, 0, "NONE", ""))
        stream.writeframes(np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def read_ramp(path: Path) -> np.ndarray:
    """Seconds into the ramp heard at every sample; a sound without a ramp's value reads 0."""
    with wave.open(str(path)) as stream:
        samples = np.frombuffer(stream.readframes(stream.getnframes()), "<i2")
    return samples / 32767 * 10
