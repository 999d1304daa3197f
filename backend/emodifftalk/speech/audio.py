"""Recordings as samples: any rate, any number of channels, in; 16 kHz mono out."""

from __future__ import annotations

import os
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..core.errors import UserError
from ..core.opening import opened
from ..core.outside import ask_outside

SAMPLE_RATE = 16000
_SPEECH_LEVEL = 0.06  # root mean square of active speech after `level`
_CONTRAST = 6.0  # speech comes and goes: its loud moments have many times the power of its quiet ones
_NOTHING = 1e-7  # mean square, at that level, under which nothing is heard (47 dB under speech)
_MOST_BYTES = 4 << 30
_RATIO = 8192
"""Least common steps of two rates, past which they are rounded: by a part in a hundred million."""
_SECONDS = 120.0
"""A decoder that has not finished by then never will: two hours take ten seconds."""
_SHORT, _RECORDINGS = 60.0, 8
"""Seconds of a recording, and how many, that are remembered decoded: 30 MB at most."""
_lately: OrderedDict[tuple[Path, int, int, int], np.ndarray] = OrderedDict()
_REACH = 0.24  # seconds a face goes on after and starts before a sound: longer than any closure inside a word


def load_audio(path: str | os.PathLike, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Samples (S,) float32, -1..1, mono at `sample_rate`.

    Raises UserError when the file is missing, damaged, empty, in a format the decoder does not know, or longer than
    two hours.
    """
    path = Path(path).absolute()
    with opened(path, _MOST_BYTES, "The recording") as stream:
        status = os.fstat(stream.fileno())
    # A film of many cuts asks for one recording again and again, a preview after every edit.
    key = (path, status.st_size, status.st_mtime_ns, sample_rate)
    wave = _lately.get(key)
    if wave is None:
        wave = _decoded(path, sample_rate)
        if len(wave) <= _SHORT * sample_rate:
            _lately[key] = wave
        while len(_lately) > _RECORDINGS:
            _lately.popitem(last=False)
    return wave.copy()


def _decoded(path: Path, sample_rate: int) -> np.ndarray:
    from scipy.signal import resample_poly

    header, pieces = ask_outside("emodifftalk.speech.decoding", [str(path)], path.name, _SECONDS)
    mono = np.concatenate(list(pieces.values()))
    if len(mono) == 0:
        raise UserError(f"{path.name} contains no sound.")
    # The usual rates as they are; of odd ones (44101 Hz) the filter would be longer than the recording.
    ratio = Fraction(sample_rate, int(header["rate"])).limit_denominator(_RATIO)
    if ratio != 1:
        mono = resample_poly(mono, ratio.numerator, ratio.denominator)
    return mono.astype(np.float32)


def level(wave: np.ndarray) -> np.ndarray:
    """The recording at a common loudness (S,), so that a whisper close up and a shout far away look alike.

    Only what clearly stands out of the background counts as speech; silence and steady noise are not made louder.
    """
    if len(wave) == 0:
        return wave
    energy = frame_energy(wave)
    loud = energy[energy > max(0.1 * float(np.quantile(energy, 0.97)), 1e-8)]
    if len(loud) == 0:
        return wave
    gain = _SPEECH_LEVEL / float(np.sqrt(loud.mean()))
    # Power of the loudest moments over that of the quietest: hum and noise have little, speech has much.
    quiet, strong = np.quantile(energy, (0.1, 0.97))
    most = 60.0 if strong > _CONTRAST * quiet else 1.0
    return (wave * min(gain, most)).astype(np.float32)


def frame_energy(wave: np.ndarray, hop: int = 160) -> np.ndarray:
    """Mean square (n,) of each 10 ms."""
    count = max(1, -(-len(wave) // hop))
    # Whole hops (n, hop), the last filled up with silence.
    padded = np.zeros(count * hop, np.float32)
    padded[: len(wave)] = wave
    return (padded.reshape(count, hop) ** 2).mean(axis=1)


def heard(leveled: np.ndarray, frames: int, fps: int) -> np.ndarray:
    """Whether there is any sound near each video frame: (frames,) float32, 0 in silence, 1 near sound, a ramp between.

    leveled: (S,) at 16 kHz from `level`. Frames whose surroundings are silent for `_REACH` seconds are 0.
    """
    from scipy.ndimage import maximum_filter1d, uniform_filter1d

    loud = (frame_energy(leveled) > _NOTHING).astype(np.float32)
    width = 2 * round(_REACH * 100) + 1
    # Of 10 ms steps: loud ones spread by _REACH to both sides, then averaged over 150 ms, which makes the ramp; read at
    # the frames' times.
    near = maximum_filter1d(np.pad(loud, width), width)
    near = uniform_filter1d(near, 15)[width:]
    at = np.minimum((np.arange(frames) * 100) // fps, len(loud) - 1)
    inside = np.arange(frames) * SAMPLE_RATE < (len(leveled) + _REACH * SAMPLE_RATE) * fps
    return np.where(inside, near[at], 0.0).astype(np.float32).clip(0, 1)
