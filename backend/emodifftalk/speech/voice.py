"""The voice strips of a Performance, mixed onto one time axis."""

from __future__ import annotations

import numpy as np

from ..core.errors import UserError
from ..core.performance import Performance, VoiceStrip
from .audio import load_audio
from .tempo import change_tempo

SAMPLE_RATE = 16000


def assemble_voice(performance: Performance) -> tuple[np.ndarray, float]:
    """All strips mixed: samples (S,) float32 at 16 kHz from second 0, and the Performance's duration in seconds.

    Strips that begin before second 0 lose what lies before it. What is played faster or slower is heard at its own
    pitch: the lips say the same words, whether or not the player lets the voice rise. Raises UserError when there is
    neither a voice nor a duration, or a file cannot be read.
    """
    recordings = {path: load_audio(path, SAMPLE_RATE) for path in dict.fromkeys(s.path for s in performance.voice)}
    pieces = [(strip, _used_part(strip, recordings[strip.path])) for strip in performance.voice]
    heard = max((strip.start + len(wave) / SAMPLE_RATE for strip, wave in pieces), default=0.0)
    seconds = heard if performance.duration is None else performance.duration
    if seconds <= 0:
        raise UserError("There is no voice to perform: choose a sound strip, or give the performance a duration.")
    mix = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    for strip, wave in pieces:
        # What begins before second 0 loses its beginning, what reaches beyond the end its end; strips add up.
        begin = round(strip.start * SAMPLE_RATE)
        wave = wave[max(-begin, 0) :]
        begin = max(begin, 0)
        wave = wave[: max(len(mix) - begin, 0)]
        mix[begin : begin + len(wave)] += strip.gain * wave
    return mix, seconds


def _used_part(strip: VoiceStrip, wave: np.ndarray) -> np.ndarray:
    # `duration` is as it is heard: of a recording played faster, so many times more seconds are used.
    first = round(strip.offset * SAMPLE_RATE)
    last = None if strip.duration is None else first + round(strip.duration * strip.speed * SAMPLE_RATE)
    return change_tempo(wave[first:last], strip.speed)
