"""Synthesizers that tell when each phoneme is spoken: espeak-ng, flite through its command."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from ...core.child_process import environment, find_program
from ...core.errors import UserError
from .espeak_process import NO_LIBRARY, NO_VOICE, ask
from .ipa import mouth_shapes

SAMPLE_RATE = 16000

PHONEMES = (
    "pau", "p", "b", "m", "f", "v", "th", "dh", "t", "d", "s", "z", "sh", "zh", "ch", "jh", "k", "g", "ng", "n", "hh",
    "l", "r", "w", "y", "iy", "ih", "eh", "ey", "ae", "aa", "ao", "ah", "ax", "er", "uh", "uw", "ay", "aw", "ow", "oy",
)  # fmt: skip
VOWELS = frozenset(PHONEMES[PHONEMES.index("iy") :])
BILABIALS = frozenset("pbm")
_STOPS = frozenset(("p", "b", "t", "d", "k", "g", "ch", "jh"))


@dataclass(frozen=True)
class Phoneme:
    """One sound of an utterance.

    symbol: ARPAbet, one of PHONEMES.
    start, end: seconds.
    stressed: a prominent vowel.
    steady: a vowel that keeps the shape with which the English diphthong of its name begins.
    """

    symbol: str
    start: float
    end: float
    stressed: bool = False
    steady: bool = False


@dataclass(frozen=True)
class Utterance:
    """Something spoken, with exact times.

    wave: (S,) float32 at 16 kHz.
    phonemes: in order, in seconds of the wave.
    text, voice: what is said, and by which synthesizer and voice.
    feeling: AU names and intensities that the voice carries.
    """

    wave: np.ndarray
    phonemes: tuple[Phoneme, ...]
    text: str
    voice: str
    feeling: tuple[tuple[str, float], ...] = ()


_SHORTEST_PAUSE = 0.03  # seconds


class Espeak:
    """espeak-ng, every utterance in a process of its own: the same words are the same samples, always."""

    def speak(self, text: str, voice: str, rate: int = 165, pitch: int = 50, pitch_range: int = 50) -> Utterance:
        """Speak `text`.

        voice: espeak's name of it, such as `en-us+f2`.
        rate: words a minute.
        pitch, pitch_range: 0..100.

        Raises UserError when the library is not installed or has no such voice.
        """
        code, samples, events, made_at = ask(text, voice, int(rate), int(pitch), int(pitch_range))
        if code == NO_LIBRARY:
            raise UserError("Making training speech needs espeak-ng: install the package espeak-ng.")
        if code == NO_VOICE:
            raise UserError(f"espeak-ng has no voice {voice}.")
        if code:
            raise UserError(f"espeak-ng could not say “{text}” with the voice {voice} (it ended with {code}).")
        wave = np.concatenate([np.frombuffer(samples, np.int16), np.zeros(1, np.int16)]).astype(np.float32) / 32768
        ends = [sample for _, sample in events[1:]] + [len(wave)]
        phonemes: list[Phoneme] = []
        for (name, first), last in zip(events, ends, strict=True):
            if last > first:
                _append(phonemes, name, first / made_at, last / made_at)
        wave = resample_poly(wave, 320, 441) if made_at == 22050 else resample_poly(wave, SAMPLE_RATE, made_at)
        wave = wave.astype(np.float32)
        return Utterance(wave, with_stress(_with_closures(phonemes, wave)), text, f"espeak {voice}")


def _with_closures(phonemes: list[Phoneme], wave: np.ndarray) -> list[Phoneme]:
    """espeak reports a stop at its burst; the closure before it belongs to the stop too, and is what the lips do.

    The closure reaches back to where the preceding sound falls under a seventh of its strength, at most 90 ms.
    """
    hop = SAMPLE_RATE // 200  # 5 ms
    count = len(wave) // hop
    strength = np.sqrt((wave[: count * hop].reshape(count, hop) ** 2).mean(axis=1))
    closed: list[Phoneme] = []
    for phoneme in phonemes:
        if phoneme.symbol in _STOPS:
            last = min(round(phoneme.start * 200), count)
            first = max(0, last - 18)
            # In steps of 5 ms: up to 18 of them before the burst; the last one louder than 0.15 of what went before
            # is still the preceding sound.
            before = strength[max(0, first - 10) : last]
            if len(before) and len(loud := np.flatnonzero(strength[first:last] > 0.15 * before.max())):
                first += int(loud[-1]) + 1
            start = min(first / 200, phoneme.start)
            if closed:
                start = max(start, closed[-1].start + 0.01)
                closed[-1] = replace(closed[-1], end=start)
            phoneme = replace(phoneme, start=start)
        closed.append(phoneme)
    return closed


def _append(phonemes: list[Phoneme], name: str, start: float, end: float) -> None:
    """One event of espeak-ng. What is no sound of its own, and a gap too short to be a pause, prolongs what was."""
    silent = not name.strip("_:| ")
    shapes = [("pau", False)] if silent else [] if name.startswith("(") else mouth_shapes(name)
    if phonemes and (not shapes or (silent and end - start < _SHORTEST_PAUSE)):
        phonemes[-1] = replace(phonemes[-1], end=end)
        return
    for i, (symbol, steady) in enumerate(shapes):
        first, last = (start + (end - start) * at / len(shapes) for at in (i, i + 1))
        phonemes.append(Phoneme(symbol, first, last, steady=steady))


@lru_cache(maxsize=1)
def espeak() -> Espeak:
    """The process's espeak-ng."""
    return Espeak()


def flite(text: str, voice: str, stretch: float = 1.0, pitch: float = 0.0, spread: float = 0.0) -> Utterance:
    """Speak with flite (voices kal, awb, rms, slt).

    stretch: duration factor.
    pitch, spread: mean and standard deviation of F0 in Hz, 0 keeps the voice's.

    Raises UserError when flite is not installed.
    """
    program = find_program("flite")
    if program is None:
        raise UserError("Making training speech needs flite: install the package flite.")
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice.wav"
        command = [program, "-voice", voice, "--setf", f"duration_stretch={stretch}", "-psdur"]
        command += ["-t", text, "-o", str(path)]
        if pitch:
            command[1:1] = ["--setf", f"int_f0_target_mean={pitch}"]
        if spread:
            command[1:1] = ["--setf", f"int_f0_target_stddev={spread}"]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder, env=environment())
        wave, rate = soundfile.read(path, dtype="float32")
    phonemes, last = [], 0.0
    for symbol, end in re.findall(r"([a-z]+):([\d.]+)", answer.stdout):
        phonemes.append(Phoneme(symbol if symbol in PHONEMES else "pau", last, float(end)))
        last = float(end)
    # Resampled by the smallest whole ratio.
    divisor = int(np.gcd(rate, SAMPLE_RATE))
    wave = resample_poly(wave, SAMPLE_RATE // divisor, rate // divisor).astype(np.float32)
    return Utterance(wave, with_stress(phonemes), text, f"flite {voice}")


def with_stress(phonemes: list[Phoneme]) -> tuple[Phoneme, ...]:
    """With the prominent vowels marked: full vowels clearly longer than this utterance's vowels usually are."""
    lengths = [p.end - p.start for p in phonemes if p.symbol in VOWELS]
    usual = float(np.median(lengths)) if lengths else 0.1
    full = VOWELS - {"ax"}
    return tuple(replace(p, stressed=p.symbol in full and p.end - p.start > 1.25 * usual) for p in phonemes)


def missing_synthesizers() -> tuple[str, ...]:
    """Names of the packages that making training speech lacks on this machine; empty when it can be made."""
    missing = [] if find_program("flite") else ["flite"]
    try:
        espeak()
    except UserError:
        missing.insert(0, "espeak-ng")
    return tuple(missing)
