"""Speech whose valence and arousal are known: synthetic speakers talking for a while, in one mood or in several.

A session is one speaker at one microphone. The moods are those of `prosody.STATES`; between neighbouring ones lies a
pause. What feeling does to loudness belongs here and not to `prosody`: single utterances are all brought to one level.
Held out, never trained on: what `corpus` holds out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...core.facs import FPS
from .augmentation import augment, faster
from .corpus import ACCENTS, HELD_OUT_ESPEAK, HELD_OUT_FLITE, MOODY_FLITE, VARIANTS, espeak_in_mood, flite_in_mood
from .festival import festival
from .languages import HELD_OUT_LANGUAGE, HELD_OUT_SENTENCES, SENTENCES
from .prosody import CALM, STATES, Mood, colour
from .rooms import nobody
from .sentences import TEST_SENTENCES, sentence
from .synthesizers import SAMPLE_RATE, Utterance

MOODS: dict[str, Mood] = {"neutral": CALM, **{name: Mood(state, 1.0) for name, state in STATES.items()}}
"""Every state at full strength, and none."""
_NOBODY, _FOREIGN, _FLITE, _NEUTRAL, _CHANGING = 0.08, 0.3, 0.45, 0.25, 0.4
"""Shares: sessions without a voice; of the others, other languages; of English, flite; of moods, none; of sessions,
several moods."""
_SLOWER = 1.15  # what foreign sentences, dense with syllables, need to sound as quick as English ones
_LOUDER = 6.0  # decibels of full arousal; ours, like all numbers of `prosody`
_UNEVEN = 1.5  # decibels by which phrases differ for no reason

Speaker = Callable[[Mood], Utterance]
"""Says something new in a mood; its samples are coloured already."""


@dataclass(frozen=True)
class Session:
    """One speaker talking for a while.

    wave: (S,) float32 at 16 kHz.
    affect: (T, 2) valence and arousal, -1..1, at 25 fps, held through pauses.
    name: the mood when there is only one, `changing`, or `nobody`.
    """

    wave: np.ndarray
    affect: np.ndarray
    name: str


def training_session(seed: int, index: int) -> Session:
    """One of the sessions to train on, worn by augmentation: the same for the same seed and index.

    Raises UserError when espeak-ng or flite is not installed.
    """
    rng = np.random.default_rng([seed, index, 0xAFFEC7])
    if rng.random() < _NOBODY:
        wave = augment(nobody(rng), rng).wave
        return Session(wave, np.zeros((_frames(wave), 2), np.float32), "nobody")
    speaker = _training_speaker(rng)
    moods = [_draw(rng) for _ in range(int(rng.integers(2, 4)) if rng.random() < _CHANGING else 1)]
    session = converse(speaker, moods, rng)
    worn = augment(Utterance(session.wave, (), "", ""), rng)
    return replace(session, wave=worn.wave)


def held_out_session(group: str, index: int, moods: tuple[str, ...]) -> Session:
    """Held-out sentences in the named moods of `MOODS` at full strength, clean.

    group: `slt`, `espeak_f5` and `festival` are voices never trained on, `italian` a language. Festival is only ever
    neutral. Raises UserError when the synthesizer is not installed.
    """
    rng = np.random.default_rng([index, len(group), 0x4E1D])
    texts = iter((HELD_OUT_SENTENCES if group == "italian" else TEST_SENTENCES) * 4)
    for _ in range(index % 10):
        next(texts)
    own = int(rng.integers(1 << 30))

    def speak(mood: Mood) -> Utterance:
        text, same = next(texts), np.random.default_rng(own)
        if group == "slt":
            return flite_in_mood(text, HELD_OUT_FLITE, 1.0, mood)
        if group == "espeak_f5":
            return espeak_in_mood(text, HELD_OUT_ESPEAK, 1.0, mood, same)
        if group == "italian":
            return espeak_in_mood(text, HELD_OUT_LANGUAGE, _SLOWER, mood, same)
        if mood is not CALM:
            raise ValueError("Festival's voice is measured without moods")
        return festival(text)

    return converse(lambda mood: colour(speak(mood), mood, rng), [MOODS[name] for name in moods], rng)


def converse(speaker: Speaker, moods: list[Mood], rng: np.random.Generator) -> Session:
    """The speaker going through the moods, three seconds or more in each, with pauses between."""
    pieces, places = [_silence(rng, 0.1, 0.8)], []
    for mood in moods:
        spoken = 0.0
        begin = sum(map(len, pieces))
        while spoken < 3.0:
            utterance = speaker(mood)
            # Arousal is loudness: 6 dB up or down at full, and phrases differ by chance as well.
            gain = 10 ** ((_LOUDER * mood.place[1] + rng.normal(0, _UNEVEN)) / 20)
            pieces += [(gain * utterance.wave).astype(np.float32), _silence(rng, 0.15, 0.8)]
            spoken += len(utterance.wave) / SAMPLE_RATE
        places.append((begin, mood.place))
    wave = np.concatenate(pieces)
    wave *= np.float32(min(1.0, 0.9 / (np.abs(wave).max() + 1e-9)))
    affect = np.empty((_frames(wave), 2), np.float32)
    # Each mood's place from the frame of its first word on, so pauses belong to what was said before them.
    for begin, place in places:  # the first mood also holds before its first word
        affect[round(begin / SAMPLE_RATE * FPS) if begin > places[0][0] else 0 :] = place
    names = [name for name, mood in MOODS.items() if mood.state is moods[0].state]
    return Session(wave, affect, names[0] if len(moods) == 1 else "changing")


def _training_speaker(rng: np.random.Generator) -> Speaker:
    # Played faster, a voice is higher and its throat smaller; the register moves its pitch alone.
    size = float(np.exp(rng.uniform(np.log(0.88), np.log(1.4))))
    own, kind = int(rng.integers(1 << 30)), rng.random()
    language = str(rng.choice(list(SENTENCES))) if kind < _FOREIGN else ""
    if language or rng.random() > _FLITE:
        voice = f"{language or rng.choice(ACCENTS)}+{rng.choice(VARIANTS)}"

        def speak(mood: Mood) -> Utterance:
            text = str(rng.choice(SENTENCES[language])) if language else sentence(rng)
            return espeak_in_mood(text, voice, _SLOWER * size if language else size, mood, np.random.default_rng(own))
    else:
        voice = str(rng.choice(MOODY_FLITE))
        register, stretch = float(rng.uniform(0.8, 1.6)), float(rng.uniform(0.85, 1.2))

        def speak(mood: Mood) -> Utterance:
            return flite_in_mood(sentence(rng), voice, size, mood, register, stretch)

    return lambda mood: faster(colour(speak(mood), mood, rng), size)


def _draw(rng: np.random.Generator) -> Mood:
    if rng.random() < _NEUTRAL:
        return CALM
    return Mood(STATES[str(rng.choice(list(STATES)))], float(rng.uniform(0.4, 1.0)))


def _silence(rng: np.random.Generator, least: float, most: float) -> np.ndarray:
    return np.zeros(round(rng.uniform(least, most) * SAMPLE_RATE), np.float32)


def _frames(wave: np.ndarray) -> int:
    return max(1, -(-len(wave) * FPS // SAMPLE_RATE))
