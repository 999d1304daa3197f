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
        nothing = np.zeros(0, np.float32)
        return nothing, nothing, nothing
    padded = np.pad(wave.astype(np.float32), (_WINDOW // 2 - hop // 2, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::hop][:count]
    frames = frames - frames.mean(axis=1, keepdims=True)
    window = np.hanning(_WINDOW).astype(np.float32)
    # Windowing fades the correlation as lags grow: divided by the window's own (`fading`), a periodic sound has 1 at
    # its period (Boersma 1993).
    power = np.abs(fft.rfft(frames * window, _FFT)) ** 2
    fading = _correlation(np.abs(fft.rfft(window[None], _FFT)) ** 2, 0, SAMPLE_RATE)
    correlation, high = (_correlation(power, *band) / np.maximum(fading, 1e-3) for band in (_VOICE, _BREATH))
    first, last = int(SAMPLE_RATE / _HIGHEST), int(SAMPLE_RATE / _LOWEST)
    lags = np.arange(first, last + 1)
    # A sound of period p repeats after 2 p too: the longer lag must be better by _OCTAVE for each octave.
    score = correlation[:, lags] - _OCTAVE * np.log2(lags / first)
    best = np.argmax(score, axis=1).clip(1, len(lags) - 2)
    rows = np.arange(count)
    left, middle, right = (correlation[rows, lags[best] + side] for side in (-1, 0, 1))
    # The top of the parabola through the best lag and its neighbours, a fraction of a sample away.
    curvature = left - 2 * middle + right
    shift = np.where(curvature < -1e-6, 0.5 * (left - right) / np.minimum(curvature, -1e-6), 0.0).clip(-0.5, 0.5)
    pitch = 12 * np.log2(SAMPLE_RATE / (lags[best] + shift) / 100)
    breath = 1 - np.maximum.reduce([high[rows, lags[best] + side] for side in (-1, 0, 1)])
    return pitch.astype(np.float32), middle.clip(0, 1).astype(np.float32), breath.clip(0, 1).astype(np.float32)


def _correlation(power: np.ndarray, low: float, high: float) -> np.ndarray:
    """Autocorrelation (n, lags) of the frequencies from low to high Hz of power spectra (n, F), 1 at lag 0; silence is
    0."""
    frequencies = fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    # The inverse transform of a power spectrum is the autocorrelation; a band of it is that of the band-passed sound.
    correlation = fft.irfft(power * ((frequencies >= low) & (frequencies < high)))[:, : _WINDOW // 2]
    return correlation / np.maximum(correlation[:, :1], 1e-6)
