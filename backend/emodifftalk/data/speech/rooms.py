"""Recordings in which nobody speaks: clicks, hum, noise, music and drums, so that sound alone does not open the mouth.

All made here from sines and noise.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfilt

from .synthesizers import SAMPLE_RATE, Phoneme, Utterance


def nobody(rng: np.random.Generator) -> Utterance:
    """Two to five seconds of something that is not a voice."""
    count = round(rng.uniform(2.0, 5.0) * SAMPLE_RATE)
    wave = noise(count, rng) * 10 ** rng.uniform(-3.5, -1.2)
    kind = rng.random()
    if kind < 0.2:
        wave += rng.uniform(0.0, 0.05) * np.sin(2 * np.pi * rng.uniform(48, 400) * np.arange(count) / SAMPLE_RATE)
        wave += _clicks(count, rng)
    elif kind < 0.75:
        wave += music(count, rng) * rng.uniform(0.05, 0.3)
    elif kind < 0.9:
        wave += _gusts(count, rng) * rng.uniform(0.02, 0.3)
    return Utterance(wave.astype(np.float32).clip(-1, 1), (Phoneme("pau", 0.0, count / SAMPLE_RATE),), "", "nobody")


def noise(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count,) of unit strength: white, or falling with frequency like most rooms."""
    white = rng.normal(size=count)
    if rng.random() < 0.4:
        return white
    # White noise divided by f to some power between 0.3 and 1, flat under 30 Hz.
    spectrum = np.fft.rfft(white)
    frequencies = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    spectrum /= np.maximum(frequencies, 30.0) ** rng.uniform(0.3, 1.0)
    coloured = np.fft.irfft(spectrum, count)
    return coloured / (coloured.std() + 1e-9)


def music(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count,) of about unit strength: chords or a tune on a made-up instrument, with or without drums."""
    wave = np.zeros(count)
    beat = int(SAMPLE_RATE * 60 / rng.uniform(70, 170) / rng.choice([1, 2]))
    # The instrument: partials 1/k^a, a fast or slow attack, a decay. Chords in thirds of a major scale, cut off where
    # partials would fold back over half the sample rate.
    partials = 1.0 / np.arange(1, int(rng.integers(2, 14))) ** rng.uniform(0.5, 2.0)
    root, fade, chord = rng.uniform(80, 400), rng.uniform(0.1, 1.5), rng.choice([1, 3, 4])
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16])
    drums, plays = rng.random() < 0.5, rng.random() < 0.85
    for start in range(int(rng.integers(0, beat)), count, beat):
        length = min(count - start, int(4 * fade * SAMPLE_RATE))
        times = np.arange(length) / SAMPLE_RATE
        if plays and rng.random() < 0.85:
            envelope = np.exp(-times / fade) * np.minimum(times / rng.choice([0.003, 0.05]), 1)
            degree = int(rng.integers(0, 6))
            for voice in range(chord):
                pitch = root * 2 ** (scale[min(degree + 2 * voice, 9)] / 12)
                for k, strength in enumerate(partials, 1):
                    if k * pitch < 7500:
                        wave[start : start + length] += strength * envelope * np.sin(2 * np.pi * k * pitch * times)
        if drums:
            wave[start : start + length] += 3 * _drum(times, rng)
    return wave / (wave.std() + 1e-6)


def _drum(times: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < 0.5:  # a bass drum: a tone that falls
        return np.sin(2 * np.pi * (50 * times + 4 * (1 - np.exp(-times / 0.03)))) * np.exp(-times / 0.12)
    return 0.5 * rng.normal(size=len(times)) * np.exp(-times / rng.choice([0.02, 0.08, 0.2]))


def _clicks(count: int, rng: np.random.Generator) -> np.ndarray:
    wave = np.zeros(count)
    for at in rng.integers(0, count - 400, int(rng.integers(1, 7))):
        wave[at : at + 400] += rng.uniform(0.01, 0.2) * rng.normal(size=400) * np.exp(-np.arange(400) / 60)
    return wave


def _gusts(count: int, rng: np.random.Generator) -> np.ndarray:
    """Noise in a band that swells and fades: wind, traffic, rustling."""
    low = rng.uniform(60, 1500)
    band = butter(2, [low, min(low * rng.uniform(1.5, 6), 7500)], "band", fs=SAMPLE_RATE, output="sos")
    wave = sosfilt(band, rng.normal(size=count))
    knots = rng.uniform(0, 1, max(2, int(count / SAMPLE_RATE * rng.uniform(0.5, 6)))) ** 2
    wave *= np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots)
    return wave / (wave.std() + 1e-9)
