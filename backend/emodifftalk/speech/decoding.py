"""Decodes a recording in a process of its own: a library in C reads it, which a damaged file may crash.

`python -m emodifftalk.speech.decoding MEGABYTES PATH`, started by `audio.py`, which has asked that it is a plain file.
The answer: `rate`, Hz, and the samples of all channels' mean in pieces of at most `_PIECE`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile

from ..core.errors import UserError
from ..core.opening import opened
from ..core.outside import answer_outside, limit_memory

MOST_BYTES = 4 << 30
MOST_SECONDS = 2 * 3600
RATES = (4000, 384_000)
"""Hz: from worse than a telephone to more than any studio records."""
MOST_CHANNELS = 64
MOST_SAMPLES = MOST_SECONDS * 48_000
"""Of one channel: 1.4 GB."""
LOUDEST = 1e6
"""Where 1 is full scale: some write floats as large as their integers would be."""
_BLOCK = 1 << 20
"""Numbers that are decoded at a time."""
_PIECE = 1 << 24


class _Forward(soundfile.SoundFile):
    """Read from beginning to end: to seek behind each block, as the package does, spoils the next one of MP3."""

    def seekable(self) -> bool:
        return False


def decode(path: Path) -> tuple[int, list[np.ndarray]]:
    """The rate, Hz, and the samples of a recording, mono, float32, -1..1, as pieces to be joined.

    No more memory is taken than what is really in the file, whatever its header says. Raises UserError when it cannot
    be decoded, or when it has a rate, a length or so many channels as no recording has.
    """
    try:
        # By its name, since the library knows some formats by their endings alone.
        with opened(path, MOST_BYTES, "The recording"), _Forward(str(path)) as sound:
            _expect_honest(path.name, sound)
            return sound.samplerate, _samples(path.name, sound)
    except (RuntimeError, OSError, ValueError, TypeError, MemoryError, OverflowError, AssertionError) as error:
        raise UserError(f"{path.name} is not a recording that can be read (wav, flac, ogg or mp3).") from error


def _expect_honest(name: str, sound: soundfile.SoundFile) -> None:
    rate, channels = sound.samplerate, sound.channels
    if not RATES[0] <= rate <= RATES[1]:
        raise UserError(
            f"{name} says it has {rate} samples a second, {RATES[0]} to {RATES[1]} can be read: save it again."
        )
    if not 1 <= channels <= MOST_CHANNELS:
        raise UserError(f"{name} says it has {channels} channels, {MOST_CHANNELS} can be read: save it again.")
    # 2^63 - 1 is how the library says that the file does not know.
    if _most(rate) < sound.frames < 2**62:
        raise _too_long(name, rate)


def _samples(name: str, sound: soundfile.SoundFile) -> list[np.ndarray]:
    block = max(_BLOCK // sound.channels, 1)
    pieces, count, last = [np.zeros(0, np.float32)], 0, block
    while last == block:
        wave = sound.read(block, dtype="float32", always_2d=True)
        last = len(wave)
        count += last
        if count > _most(sound.samplerate):
            raise _too_long(name, sound.samplerate)
        # What is no number, and what no microphone gives, is taken for silence and for full scale.
        with np.errstate(over="ignore", invalid="ignore"):
            mono = np.nan_to_num(wave.mean(axis=1), nan=0.0, posinf=1.0, neginf=-1.0).clip(-LOUDEST, LOUDEST)
        if len(pieces[-1]) + last > _PIECE:
            pieces.append(mono)
        else:
            pieces[-1] = np.concatenate([pieces[-1], mono])
    return pieces


def _most(rate: int) -> int:
    """Samples of a channel."""
    return min(MOST_SECONDS * rate, MOST_SAMPLES)


def _too_long(name: str, rate: int) -> UserError:
    most = f"{_most(rate) // rate // 60} minutes, the most that is read at its rate"
    return UserError(f"{name} lasts more than {most}, or says so: cut it, or save it again.")


def main() -> None:
    """Answer once, with the samples or with a sentence."""
    limit_memory(int(sys.argv[1]))
    try:
        rate, pieces = decode(Path(sys.argv[2]))
    except UserError as error:
        answer_outside({"error": str(error)})
    else:
        answer_outside({"rate": rate}, {f"piece {i}": piece for i, piece in enumerate(pieces)})


if __name__ == "__main__":
    main()
