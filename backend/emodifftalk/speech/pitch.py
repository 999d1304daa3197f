"""How high a voice is: autocorrelation, 50 times a second."""

from __future__ import annotations

import numpy as np

from .audio import SAMPLE_RATE

RATE = 50
_LOWEST, _HIGHEST = 60.0, 520.0  # Hz
_WINDOW, _FFT = 800, 2048  # 50 ms: three periods of the lowest voice
_OCTAVE = 0.04  # what a period twice as long must explain better to be believed
_HUM = 1400.0  # Hz above which overtones only confuse


def track_pitch(wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pitch in semitones above 100 Hz, and how periodic the sound is, 0..1: both (S // 320,) float32.

    wave: (S,) at 16 kHz. The pitch of what is hardly periodic is arbitrary.
    """
    hop = SAMPLE_RATE // RATE
    count = len(wave) // hop
    if not count:
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    padded = np.pad(wave.astype(np.float32), (_WINDOW // 2 - hop // 2, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::hop][:count]
    frames = frames - frames.mean(axis=1, keepdims=True)
    window = np.hanning(_WINDOW).astype(np.float32)
    correlation = _correlation(frames * window) / np.maximum(_correlation(window[None]), 1e-3)
    first, last = int(SAMPLE_RATE / _HIGHEST), int(SAMPLE_RATE / _LOWEST)
    lags = np.arange(first, last + 1)
    score = correlation[:, lags] - _OCTAVE * np.log2(lags / first)
    best = np.argmax(score, axis=1).clip(1, len(lags) - 2)
    rows = np.arange(count)
    left, middle, right = (correlation[rows, lags[best] + side] for side in (-1, 0, 1))
    curvature = left - 2 * middle + right
    shift = np.where(curvature < -1e-6, 0.5 * (left - right) / np.minimum(curvature, -1e-6), 0.0).clip(-0.5, 0.5)
    pitch = 12 * np.log2(SAMPLE_RATE / (lags[best] + shift) / 100)
    return pitch.astype(np.float32), middle.clip(0, 1).astype(np.float32)


def _correlation(frames: np.ndarray) -> np.ndarray:
    """Autocorrelation (n, lags) of the low frequencies of frames (n, _WINDOW), 1 at lag 0; silence is 0."""
    power = np.abs(np.fft.rfft(frames, _FFT)) ** 2
    power[:, int(_HUM / SAMPLE_RATE * _FFT) :] = 0
    found = np.fft.irfft(power)[:, : _WINDOW // 2]
    return found / np.maximum(found[:, :1], 1e-6)
