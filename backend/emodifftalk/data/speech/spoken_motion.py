"""Training pairs of the motion room: what the deployed pipeline hears, and how the face truly moves.

Inputs are what `perform` gives the model: speech features and AU codes, predicted by the shipped speech model from the
very samples, partly replaced by the true codes, edited like an animator edits them (feelings, curves, muted AUs), with
blinks. What a face adds of its own (`liveliness`) is in the truth and mostly untold. Truth are intensities of the 17
AUs and 6 articulations, which `contact.TouchingFace` turns into offsets; the articulations are never an input. All
speech is synthetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter1d

from ...core.facs import ARTICULATIONS, AU_INDEX, AU_NAMES, FPS
from ...core.watch import UNWATCHED, Watch
from ...speech.blinks import blink_curve
from ...speech.encoder import SpeechModel
from .corpus import generate
from .liveliness import gestures
from .synthesizers import SAMPLE_RATE, Utterance
from .visemes import viseme_targets

_PRESS = ARTICULATIONS.index("lip_press")
_MOUTH = [AU_INDEX[name] for name in ("AU10", "AU25", "AU26")]
_BLURRED = [AU_INDEX[name] for name in ("AU10", "AU17", "AU23", "AU24", "AU25", "AU26")]
_GESTURES_SHOWN = 0.3  # share of samples whose AU codes show the gestures
_ROOMS = 0.06  # recordings without a voice per utterance


@dataclass(frozen=True)
class Way:
    """One performance of some words, all 0..1.

    aus: (T, 17).
    articulations: (T, 6).
    gestures: (T, 17), on top of the AUs, mostly untold.
    """

    aus: np.ndarray
    articulations: np.ndarray
    gestures: np.ndarray


@dataclass(frozen=True)
class LabelledUtterance:
    """One recording.

    features: (T, 128) of the speech model.
    heard: (T, 17) the AU codes that it finds.
    plain: (T, 17) the true ones of an average speaker.
    ways: the same words performed in other moods.
    voiced: False for a room without a voice, where everything true is zero.
    """

    features: np.ndarray
    heard: np.ndarray
    plain: np.ndarray
    ways: tuple[Way, ...]
    voiced: bool


@dataclass(frozen=True)
class MotionSample:
    """One training sample.

    aus, features: (T, 17) and (T, 128), the inputs.
    true_aus, articulations: (T, 17) and (T, 6), the truth.
    """

    aus: np.ndarray
    features: np.ndarray
    true_aus: np.ndarray
    articulations: np.ndarray


def label_utterance(
    utterance: Utterance, speech: SpeechModel, rng: np.random.Generator, ways: int = 4
) -> LabelledUtterance:
    """Listen to one utterance with the deployed speech model and label it."""
    frames = max(1, math.ceil(len(utterance.wave) / SAMPLE_RATE * FPS))
    track = speech.predict(utterance.wave, frames)
    plain, _ = viseme_targets(utterance, frames)
    performed = tuple(
        Way(*viseme_targets(utterance, frames, rng, expressive=i % 2 == 1), gestures(utterance, frames, rng))
        for i in range(ways)
    )
    return LabelledUtterance(track.features, track.aus, plain, performed, voiced=True)


def make_corpus(count: int, seed: int, speech: SpeechModel, watch: Watch = UNWATCHED) -> list[LabelledUtterance]:
    """`count` utterances by the training voices and some rooms. Raises UserError without a synthesizer, Cancelled."""
    rng = np.random.default_rng([seed, 0x307])
    corpus = [_room(speech, rng) for _ in range(max(4, round(_ROOMS * count)))]
    for i, utterance in enumerate(generate(count, seed)):
        corpus.append(label_utterance(utterance, speech, rng))
        watch.check()
        if i % 10 == 0:
            watch.say(i / count, f"Speaking the training sentences: {i} of {count}")
    return corpus


def _room(speech: SpeechModel, rng: np.random.Generator) -> LabelledUtterance:
    frames = int(rng.uniform(40, 200))
    loudness = 0.0 if rng.random() < 0.4 else 10 ** rng.uniform(-4.5, -2)
    wave = (loudness * rng.normal(size=frames * SAMPLE_RATE // FPS)).astype(np.float32)
    track = speech.predict(wave, frames)
    silent = np.zeros((frames, len(AU_NAMES)), np.float32)
    still = Way(silent, np.zeros((frames, len(ARTICULATIONS)), np.float32), silent)
    return LabelledUtterance(track.features, track.aus, silent, (still,), False)


def draw_sample(
    corpus: list[LabelledUtterance], rooms: list[LabelledUtterance], frames: int, rng: np.random.Generator
) -> MotionSample:
    """One sample of `frames`: two thirds speak, the others are moved by AU curves alone.

    Where the recording ends before the sample does, a room follows.
    """
    spoken = corpus[rng.integers(len(corpus))] if rng.random() < 0.67 else rooms[rng.integers(len(rooms))]
    clip = _edited(spoken, rng)
    start = int(rng.integers(0, max(1, len(clip.aus) - frames + 1)))
    pieces = [_cut(clip, start, frames)]
    while (missing := frames - sum(len(piece.aus) for piece in pieces)) > 0:
        pieces.append(_cut(_edited(rooms[rng.integers(len(rooms))], rng), 0, missing))
    names = MotionSample.__dataclass_fields__
    return MotionSample(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in names))


def _cut(clip: MotionSample, start: int, frames: int) -> MotionSample:
    return MotionSample(*(getattr(clip, name)[start : start + frames] for name in MotionSample.__dataclass_fields__))


def _edited(spoken: LabelledUtterance, rng: np.random.Generator) -> MotionSample:
    """A recording as the pipeline would show it to the model: misheard a little, and with an animator's wishes."""
    frames = len(spoken.features)
    way = spoken.ways[rng.integers(len(spoken.ways))]
    articulations, aus = way.articulations, way.aus + way.gestures
    codes = aus if rng.random() < _GESTURES_SHOWN else way.aus
    # Codes with as much of the speech model's own mistakes (heard - plain) as chance says: none, half or all of them.
    # The true codes alone would teach a trust that the deployed ones do not deserve.
    shown = codes + rng.choice([0.0, 0.5, 1.0, 1.0, 1.0]) * (spoken.heard - spoken.plain)
    if spoken.voiced and rng.random() < 0.3:  # codes that blur over a closure: the voice still tells it
        shown[:, _BLURRED] = uniform_filter1d(shown[:, _BLURRED], int(rng.integers(3, 8)), axis=0)
    seal = np.clip(articulations[:, _PRESS, None] / 0.7, 0, 1)
    if rng.random() < 0.25:  # an AU muted or exaggerated moves the face less or more, whatever the voice does
        gain = np.where(rng.random(len(AU_NAMES)) < 0.4, rng.uniform(0, 1.5, len(AU_NAMES)), 1.0)
        shown, aus = shown * gain, aus * gain
    if rng.random() < (0.5 if spoken.voiced else 0.92):
        wish = random_curves(frames, rng)
        sealed_wish = wish.copy()
        sealed_wish[:, _MOUTH] *= 1 - seal  # no wish parts the lips of a p
        shown = shown + (wish if rng.random() < 0.5 else sealed_wish)
        aus = aus + sealed_wish
    return MotionSample(
        np.clip(shown, 0, 1).astype(np.float32),
        spoken.features.astype(np.float32),
        np.clip(aus, 0, 1).astype(np.float32),
        articulations,
    )


def random_curves(frames: int, rng: np.random.Generator) -> np.ndarray:
    """AU curves (frames, 17) of an animator's hand: one to four AUs that hold, ramp or wave, and blinks."""
    curves = np.zeros((frames, len(AU_NAMES)), np.float32)
    for au in rng.choice(len(AU_NAMES), int(rng.integers(1, 5)), replace=False):
        # Random keys from the first frame to the last, each at nothing, full or between; joined by straight lines.
        keys = np.unique(np.concatenate([[0, frames], rng.integers(0, frames + 1, int(rng.integers(0, 8)))]))
        height = 1.0 if rng.random() < 0.25 else rng.uniform(0.1, 1.0)
        values = height * rng.choice([0.0, 1.0, rng.uniform(0, 1)], len(keys))
        if rng.random() < 0.25:
            values[:] = height
        curve = np.interp(np.arange(frames), keys, values)
        curves[:, au] = curve
    if rng.random() < 0.4:
        blinks = blink_curve(frames, rng.integers(0, frames, 1 + frames // 60))
        curves[:, AU_INDEX["AU45"]] = np.maximum(curves[:, AU_INDEX["AU45"]], blinks)
    return curves


def voices(
    utterances: Iterable[Utterance], speech: SpeechModel, seed: int = 0
) -> list[tuple[Utterance, LabelledUtterance]]:
    """Held-out recordings with their utterances, for measuring."""
    rng = np.random.default_rng(seed)
    return [(utterance, label_utterance(utterance, speech, rng, ways=2)) for utterance in utterances]
