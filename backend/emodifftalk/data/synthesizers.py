"""Synthesizers that tell when each phoneme is spoken: espeak-ng through its library, flite through its command."""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from ..core.errors import UserError

SAMPLE_RATE = 16000

# Every symbol either synthesizer uses, as ARPAbet. Longest match wins.
_ESPEAK = {
    "p": "p", "b": "b", "m": "m", "f": "f", "v": "v", "T": "th", "D": "dh", "t": "t", "d": "d", "t#": "d", "*": "d",
    "s": "s", "z": "z", "S": "sh", "Z": "zh", "tS": "ch", "dZ": "jh", "k": "k", "g": "g", "N": "ng", "n": "n",
    "h": "hh", "l": "l", "r": "r", "r-": "r", "w": "w", "j": "y", "x": "k", "?": "pau",
    "i:": "iy", "i": "iy", "I": "ih", "I2": "ih", "e": "eh", "E": "eh", "eI": "ey", "a": "ae", "aa": "ae", "A": "aa",
    "A:": "aa", "A@": "aa", "0": "aa", "0#": "aa", "O": "ao", "O:": "ao", "O@": "ao", "o@": "ao", "V": "ah",
    "@": "ax", "@2": "ax", "@5": "ax", "@L": "l", "3": "er", "3:": "er", "U": "uh", "U@": "uh", "u": "uw", "u:": "uw",
    "aI": "ay", "aI@": "ay", "aI3": "ay", "aU": "aw", "aU@": "aw", "oU": "ow", "OI": "oy", "e@": "eh", "i@": "ih",
    "i@3": "ih", "n-": "n", "m-": "m", "l-": "l",
}  # fmt: skip
PHONEMES = (
    "pau", "p", "b", "m", "f", "v", "th", "dh", "t", "d", "s", "z", "sh", "zh", "ch", "jh", "k", "g", "ng", "n", "hh",
    "l", "r", "w", "y", "iy", "ih", "eh", "ey", "ae", "aa", "ao", "ah", "ax", "er", "uh", "uw", "ay", "aw", "ow", "oy",
)  # fmt: skip
VOWELS = frozenset(PHONEMES[PHONEMES.index("iy") :])
BILABIALS = frozenset("pbm")
_STOPS = frozenset(("p", "b", "t", "d", "k", "g", "ch", "jh"))


@dataclass(frozen=True)
class Phoneme:
    """symbol: ARPAbet, one of PHONEMES. start, end: seconds. stressed: a prominent vowel."""

    symbol: str
    start: float
    end: float
    stressed: bool = False


@dataclass(frozen=True)
class Utterance:
    """wave (S,) float32 at 16 kHz and exact phoneme times."""

    wave: np.ndarray
    phonemes: tuple[Phoneme, ...]
    text: str
    voice: str


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
_PHONEME_EVENT, _RETRIEVAL, _PHONEME_EVENTS = 7, 1, 1
_RATE, _PITCH, _RANGE = 1, 3, 4


class Espeak:
    """libespeak-ng, one per process. Raises UserError when the library is not installed."""

    def __init__(self) -> None:
        try:
            self._lib = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
        except OSError as error:
            raise UserError("Making training speech needs espeak-ng: install the package espeak-ng.") from error
        self._rate = self._lib.espeak_Initialize(_RETRIEVAL, 200, None, _PHONEME_EVENTS)
        self._samples: list[np.ndarray] = []
        self._events: list[tuple[str, int]] = []
        self._callback = _CALLBACK(self._receive)
        self._lib.espeak_SetSynthCallback(self._callback)

    def _receive(self, wave, count: int, events) -> int:
        if wave and count > 0:
            self._samples.append(np.ctypeslib.as_array(wave, (count,)).copy())
        i = 0
        while events[i].type != 0:
            if events[i].type == _PHONEME_EVENT:
                self._events.append((events[i].id.string.decode("utf-8", "replace"), events[i].sample))
            i += 1
        return 0

    def speak(self, text: str, voice: str, rate: int = 165, pitch: int = 50, pitch_range: int = 50) -> Utterance:
        """Speak `text` with an espeak voice name such as `en-us+f2`. rate: words a minute; pitch, range: 0..100."""
        self._samples, self._events = [], []
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise UserError(f"espeak-ng has no voice {voice}.")
        for parameter, value in ((_RATE, rate), (_PITCH, pitch), (_RANGE, pitch_range)):
            self._lib.espeak_SetParameter(parameter, int(value), 0)
        data = text.encode()
        self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, 1, None, None)
        self._lib.espeak_Synchronize()
        wave = np.concatenate([*self._samples, np.zeros(1, np.int16)]).astype(np.float32) / 32768
        ends = [sample for _, sample in self._events[1:]] + [len(wave)]
        phonemes = [
            Phoneme(_espeak_symbol(name), start / self._rate, end / self._rate)
            for (name, start), end in zip(self._events, ends, strict=True)
            if end > start
        ]
        wave = resample_poly(wave, 320, 441) if self._rate == 22050 else resample_poly(wave, SAMPLE_RATE, self._rate)
        wave = wave.astype(np.float32)
        return Utterance(wave, _with_stress(_with_closures(phonemes, wave)), text, f"espeak {voice}")


def _with_closures(phonemes: list[Phoneme], wave: np.ndarray) -> list[Phoneme]:
    """espeak reports a stop at its burst; the closure before it belongs to the stop too, and is what the lips do.

    The closure reaches back to where the preceding sound falls under a seventh of its strength, at most 90 ms.
    """
    hop = SAMPLE_RATE // 200  # 5 ms
    count = len(wave) // hop
    strength = np.sqrt((wave[: count * hop].reshape(count, hop) ** 2).mean(axis=1))
    found: list[Phoneme] = []
    for phoneme in phonemes:
        if phoneme.symbol in _STOPS:
            last = min(round(phoneme.start * 200), count)
            first = max(0, last - 18)
            before = strength[max(0, first - 10) : last]
            loud = np.flatnonzero(strength[first:last] > 0.15 * before.max()) if len(before) else []
            start = (first + loud[-1] + 1 if len(loud) else first) / 200
            start = min(start, phoneme.start)
            if found:
                start = max(start, found[-1].start + 0.01)
                found[-1] = replace(found[-1], end=start)
            phoneme = replace(phoneme, start=start)
        found.append(phoneme)
    return found


def _espeak_symbol(name: str) -> str:
    name = name.strip("',%=_:|;~\"")
    while name:
        if name in _ESPEAK:
            return _ESPEAK[name]
        name = name[:-1]
    return "pau"


@lru_cache(maxsize=1)
def espeak() -> Espeak:
    """The process's espeak-ng."""
    return Espeak()


def flite(text: str, voice: str, stretch: float = 1.0, pitch: float = 0.0) -> Utterance:
    """Speak with flite (voices kal, awb, rms, slt).

    stretch: duration factor. pitch: mean F0 in Hz, 0 keeps the voice's.
    Raises UserError when flite is not installed.
    """
    if not shutil.which("flite"):
        raise UserError("Making training speech needs flite: install the package flite.")
    import soundfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice.wav"
        command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch}", "-psdur"]
        command += ["-t", text, "-o", str(path)]
        if pitch:
            command[1:1] = ["--setf", f"int_f0_target_mean={pitch}"]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
        wave, rate = soundfile.read(path, dtype="float32")
    phonemes, last = [], 0.0
    for symbol, end in re.findall(r"([a-z]+):([\d.]+)", answer.stdout):
        phonemes.append(Phoneme(symbol if symbol in PHONEMES else "pau", last, float(end)))
        last = float(end)
    divisor = int(np.gcd(rate, SAMPLE_RATE))
    wave = resample_poly(wave, SAMPLE_RATE // divisor, rate // divisor).astype(np.float32)
    return Utterance(wave, _with_stress(phonemes), text, f"flite {voice}")


def _with_stress(phonemes: list[Phoneme]) -> tuple[Phoneme, ...]:
    """Mark prominent vowels: full vowels clearly longer than this utterance's vowels usually are."""
    lengths = [p.end - p.start for p in phonemes if p.symbol in VOWELS]
    usual = float(np.median(lengths)) if lengths else 0.1
    full = VOWELS - {"ax"}
    return tuple(replace(p, stressed=p.symbol in full and p.end - p.start > 1.25 * usual) for p in phonemes)
