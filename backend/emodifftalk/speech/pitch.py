"""How high a voice is: autocorrelation, 50 times a second."""

from __future__ import annotations

import numpy as np
from scipy import fft

from .audio import SAMPLE_RATE

RATE = 50
_LOWEST, _HIGHEST = 60.0, 520.0  # Hz
_WINDOW, _FFT = 800, 2048  # 50 ms: three periods of the lowest voice
_OCTAVE = 0.04  # what a period twice as long must explain better to be believed
_VOICE, _BREATH = (0.0, 1400.0), (1500.0, 4000.0)  # Hz: where pitch is plain, and where breath is


def track_pitch(wave: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pitch in semitones above 100 Hz, how periodic the sound is, and how breathy, 0..1: each (S // 320,) float32.

    wave: (S,) at 16 kHz. The pitch of what is hardly periodic is arbitrary. A sound is breathy whose high frequencies
    do not repeat with the low ones.
    """
    hop = SAMPLE_RATE // RATE
    count = len(wave) // hop
    if not count:
        return (np.zeros(0, np.float32),) * 3
    padded = np.pad(wave.astype(np.float32), (_WINDOW // 2 - hop // 2, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::hop][:count]
    frames = frames - frames.mean(axis=1, keepdims=True)
    window = np.hanning(_WINDOW).astype(np.float32)
    power = np.abs(fft.rfft(frames * window, _FFT)) ** 2
    fading = _correlation(np.abs(fft.rfft(window[None], _FFT)) ** 2, 0, SAMPLE_RATE)
    correlation, high = (_correlation(power, *band) / np.maximum(fading, 1e-3) for band in (_VOICE, _BREATH))
    first, last = int(SAMPLE_RATE / _HIGHEST), int(SAMPLE_RATE / _LOWEST)
    lags = np.arange(first, last + 1)
    score = correlation[:, lags] - _OCTAVE * np.log2(lags / first)
    best = np.argmax(score, axis=1).clip(1, len(lags) - 2)
    rows = np.arange(count)
    left, middle, right = (correlation[rows, lags[best] + side] for side in (-1, 0, 1))
    curvature = left - 2 * middle + right
    shift = np.where(curvature < -1e-6, 0.5 * (left - right) / np.minimum(curvature, -1e-6), 0.0).clip(-0.5, 0.5)
    pitch = 12 * np.log2(SAMPLE_RATE / (lags[best] + shift) / 100)
    breath = 1 - np.maximum.reduce([high[rows, lags[best] + side] for side in (-1, 0, 1)])
    return tuple(part.astype(np.float32) for part in (pitch, middle.clip(0, 1), breath.clip(0, 1)))


def _correlation(power: np.ndarray, low: float, high: float) -> np.ndarray:
    """Autocorrelation (n, lags) of the frequencies from low to high Hz of power spectra (n, F), 1 at lag 0; silence is
    0."""
    frequencies = fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    found = fft.irfft(power * ((frequencies >= low) & (frequencies < high)))[:, : _WINDOW // 2]
    return found / np.maximum(found[:, :1], 1e-6)
