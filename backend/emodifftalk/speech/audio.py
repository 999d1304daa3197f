"""Recordings as samples: any rate, any number of channels, in; 16 kHz mono out."""

from __future__ import annotations

import os
from math import gcd
from pathlib import Path

import numpy as np

from ..core.errors import UserError

SAMPLE_RATE = 16000
_SPEECH_LEVEL = 0.06  # root mean square of active speech after `level`
_CONTRAST = 6.0  # speech comes and goes: its loud moments have many times the power of its quiet ones
_NOTHING = 1e-7  # mean square, at that level, under which nothing is heard (47 dB under speech)
_REACH = 0.24  # seconds a face goes on after and starts before a sound: longer than any closure inside a word


def load_audio(path: str | os.PathLike, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Samples (S,) float32, -1..1, mono at `sample_rate`.

    Raises UserError when the file is missing, damaged, empty or in a format the decoder does not know.
    """
    import soundfile
    from scipy.signal import resample_poly

    path = Path(path)
    if not path.is_file():
        raise UserError(f"The recording {path} does not exist.")
    try:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, OSError, ValueError) as error:
        raise UserError(f"{path.name} is not a recording that can be read (wav, flac, ogg or mp3).") from error
    if len(wave) == 0:
        raise UserError(f"{path.name} contains no sound.")
    mono = np.nan_to_num(wave.mean(axis=1), nan=0.0, posinf=1.0, neginf=-1.0)
    divisor = gcd(int(rate), sample_rate)
    if rate != sample_rate:
        mono = resample_poly(mono, sample_rate // divisor, int(rate) // divisor)
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
