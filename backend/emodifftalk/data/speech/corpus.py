"""Labelled speech without recordings: many synthetic voices and languages, exact phoneme times, feelings, real wear.

All of it is synthetic and said to be so. Held out, never trained on: the flite voice `slt`, the espeak variant `f5`,
the synthesizer Festival, the language Italian, and the sentences of `TEST_SENTENCES`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .augmentation import augment, faster, pad, with_breaths
from .festival import festival
from .languages import HELD_OUT_LANGUAGE, HELD_OUT_SENTENCES, foreign_sentence
from .prosody import CALM, STATES, Mood, colour, draw_mood
from .rooms import nobody
from .sentences import TEST_SENTENCES, sentence
from .synthesizers import Utterance, espeak, flite

__all__ = ["generate", "pad"]

HELD_OUT_FLITE = "slt"
HELD_OUT_VARIANT = "f5"
HELD_OUT_ESPEAK = f"gmw/en-US+{HELD_OUT_VARIANT}"
# Usual pitch and its spread in Hz; rms keeps its own whatever it is told.
_FLITE_PITCH: dict[str, tuple[float, float]] = {
    "kal": (95, 11),
    "kal16": (95, 11),
    "awb": (130, 14),
    "rms": (0, 0),
    "slt": (170, 14),
}
_TRAIN_FLITE = ("kal", "kal16", "awb", "awb", "rms", "rms", "rms", "awb")
MOODY_FLITE = ("kal", "kal16", "awb", "awb", "awb")
ACCENTS = ("gmw/en", "gmw/en-US", "gmw/en-GB-scotland", "gmw/en-GB-x-rp", "gmw/en-029")
VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m7", "f1", "f2", "f3", "f4", "Alex", "linda", "Michael")
_NOBODY, _FOREIGN, _FLITE, _BREATHING = 0.06, 0.24, 0.6, 0.2
"""Shares: recordings without a voice; of the others, other languages; of English, flite; with audible breaths."""


def generate(count: int, seed: int, split: str = "train") -> Iterator[Utterance]:
    """`count` utterances, the same for the same seed.

    split: `train` training voices, languages and states, worn by augmentation. All others are clean: `voices`
    TEST_SENTENCES by training voices, calm; `test` the same by flite slt; `test_espeak` by the espeak variant held out;
    `test_festival` by Festival; `test_language` Italian sentences; `feelings` TEST_SENTENCES by the held-out voices,
    every state of `prosody.STATES` in turn at full strength. Raises UserError when a synthesizer is not installed.
    """
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        text = TEST_SENTENCES[i % len(TEST_SENTENCES)]
        if split == "test":
            yield flite(text, HELD_OUT_FLITE)
        elif split == "test_espeak":
            yield espeak().speak(text, HELD_OUT_ESPEAK)
        elif split == "test_festival":
            yield festival(text)
        elif split == "test_language":
            italian = HELD_OUT_SENTENCES[i % len(HELD_OUT_SENTENCES)]
            yield espeak().speak(italian, HELD_OUT_LANGUAGE, rate=140)
        elif split == "feelings":
            mood = Mood(list(STATES.values())[i % len(STATES)], 1.0)
            slt = i // len(STATES) % 2 == 0
            if slt:
                yield colour(flite_in_mood(text, HELD_OUT_FLITE, 1.0, mood), mood, rng)
            else:
                yield colour(espeak_in_mood(text, HELD_OUT_ESPEAK, 1.0, mood, rng), mood, rng)
        elif split == "voices":
            yield _english(text, 1.0, CALM, rng)
        else:
            yield _training(rng)


def _training(rng: np.random.Generator) -> Utterance:
    if rng.random() < _NOBODY:
        return augment(nobody(rng), rng)
    # Played faster, a voice is higher and its throat smaller: men become women and children.
    size = float(np.exp(rng.uniform(np.log(0.88), np.log(1.4))))
    mood = draw_mood(rng)
    if rng.random() < _FOREIGN:
        language, text = foreign_sentence(rng)
        utterance = espeak_in_mood(text, f"{language}+{rng.choice(VARIANTS)}", 1.15 * size, mood, rng)
    else:
        utterance = _english(sentence(rng), size, mood, rng)
    utterance = pad(faster(colour(utterance, mood, rng), size), rng.uniform(0.05, 0.8), rng.uniform(0.1, 0.9))
    if rng.random() < _BREATHING:
        utterance = with_breaths(utterance, rng)
    return augment(utterance, rng)


def _english(text: str, size: float, mood: Mood, rng: np.random.Generator) -> Utterance:
    """`text` by a training voice, slowed down by `size` so that playing it that much faster sounds usual."""
    if rng.random() < _FLITE:
        voice = str(rng.choice(_TRAIN_FLITE if mood is CALM else MOODY_FLITE))
        return flite_in_mood(text, voice, size, mood, float(rng.uniform(0.8, 1.6)), float(rng.uniform(0.85, 1.2)))
    return espeak_in_mood(text, f"{rng.choice(ACCENTS)}+{rng.choice(VARIANTS)}", size, mood, rng)


def flite_in_mood(
    text: str, voice: str, size: float, mood: Mood, register: float = 1.0, stretch: float = 1.0
) -> Utterance:
    """`text` by a flite voice with the mood's rate, pitch and range but not its colour, `size` times too slow.

    register, stretch: the speaker's own factors of pitch and duration. Raises UserError when flite is not installed.
    """
    # Mean and spread of F0 follow register and mood alike; the mood's range widens the spread alone.
    pitch, spread = _FLITE_PITCH[voice]
    pitch *= register * mood.pitch
    return flite(text, voice, size * stretch / mood.rate, pitch, spread * register * mood.pitch * mood.pitch_range)


def espeak_in_mood(text: str, voice: str, size: float, mood: Mood, rng: np.random.Generator) -> Utterance:
    """The same by an espeak-ng voice; `rng` draws the speaker's own rate, pitch and range.

    espeak's pitch 0..100 is about an octave and a half, its range 0..100 from flat to twice the usual. Raises UserError
    when espeak-ng is not installed.
    """
    rate = max(80, round(rng.uniform(135, 205) * mood.rate / size))
    # A factor on pitch is a sum on espeak's scale: 60 of its 100 steps to an octave.
    pitch = np.clip(rng.uniform(25, 65) + 60 * np.log2(mood.pitch), 0, 99)
    pitch_range = np.clip(rng.uniform(38, 58) * mood.pitch_range, 0, 100)
    return espeak().speak(text, voice, rate, round(pitch), round(pitch_range))
