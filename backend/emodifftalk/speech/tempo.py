"""A recording played faster or slower at its own pitch, so that words are heard as the speech models know them."""

from __future__ import annotations

import numpy as np

from .audio import SAMPLE_RATE

_WINDOW = round(0.04 * SAMPLE_RATE)
_HOP = _WINDOW // 2
_SEARCH = round(0.008 * SAMPLE_RATE)
"""Samples by which a window may be taken earlier or later to fit the one before: more than half a period of most
voices. All of them are counted from where they belong, so nothing adds up."""
_LEAST = round(0.25 * SAMPLE_RATE)
"""Shorter pieces, as of a speed that changes slowly, have no room for windows: they take their pitch along."""


def change_tempo(wave: np.ndarray, speed: float) -> np.ndarray:
    """The recording (S,) float32 at 16 kHz in round(S / speed) samples, at the same pitch.

    Windows are laid over each other at another distance than they had, each a little shifted to where it continues the
    last one (WSOLA). At any time it is within 8 ms of the exact place, from beginning to end.
    """
    from scipy.signal import resample

    length = round(len(wave) / speed)
    if speed == 1 or length == 0:
        return wave[:length]
    if length < _LEAST:
        return resample(wave, length).astype(np.float32)
    # Periodic Hann windows half a window apart add up to 1, so laying them over each other needs no division.
    hann = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    margin = _WINDOW + _SEARCH
    padded = np.pad(wave, (margin, margin + _WINDOW + round(_HOP * speed)))
    out = np.zeros(length + 2 * _WINDOW, np.float32)
    last = None
    for at in range(-_HOP, length, _HOP):  # places in the result; the first window fades in before it begins
        centre = min(max(round((at + _HOP) * speed) - _HOP, -_HOP), len(wave)) + margin
        start = centre if last is None else centre + _fitting(padded, centre, last + _HOP)
        out[at + _WINDOW : at + 2 * _WINDOW] += hann * padded[start : start + _WINDOW]
        last = start
    return out[_WINDOW : _WINDOW + length]


def _fitting(padded: np.ndarray, centre: int, following: int) -> int:
    """By how many samples, within the search, a window at `centre` fits best what the last one goes on with."""
    wanted = padded[following : following + _WINDOW]
    around = padded[centre - _SEARCH : centre + _SEARCH + _WINDOW]
    # Cross-correlation with each of the 2 _SEARCH + 1 places, over the root of the power there: the place most alike,
    # not the loudest.
    likeness = np.correlate(around, wanted, "valid")
    power = np.convolve(around**2, np.ones(_WINDOW, np.float32), "valid")
    return int(np.argmax(likeness / np.sqrt(power + 1e-6))) - _SEARCH
