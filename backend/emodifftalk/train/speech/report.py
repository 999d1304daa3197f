"""Held-out report of a speech model on clean synthetic speech; truth are targets from exact phoneme times.

Groups, none of whose sentences are trained on: `slt` (flite) and `espeak_f5`, voices never trained on; `festival`, a
synthesizer never trained on; `italian`, a language never trained on; `training_voices`, where only the words are new.
All of them speak calmly. `feelings`: states spoken by slt and f5. `rooms`: noise, music, drums, nobody speaking.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ...core.errors import UserError
from ...core.facs import AU_INDEX, AU_NAMES, FPS
from ...data.speech.augmentation import pad
from ...data.speech.corpus import generate
from ...data.speech.prosody import STATES
from ...data.speech.rooms import nobody
from ...data.speech.synthesizers import SAMPLE_RATE, Utterance
from ...data.speech.visemes import bilabial_frames, viseme_targets
from ...speech.encoder import SpeechModel

_OPEN = [AU_INDEX["AU25"], AU_INDEX["AU26"]]
_GROUPS = {
    "slt": ("test", 10),
    "espeak_f5": ("test_espeak", 10),
    "festival": ("test_festival", 10),
    "italian": ("test_language", 10),
    "training_voices": ("voices", 20),
}


def evaluate_speech_to_au(model: SpeechModel) -> dict:
    """`measured_speech` by group, `feelings` and `rooms`. A group whose synthesizer is not installed says so."""
    report: dict = {"protocol": "unseen sentences, clean synthetic speech, truth from exact phoneme times"}
    for name, (split, count) in _GROUPS.items():
        try:
            report[name] = measured_speech(model, generate(count, 0, split))
        except UserError as error:
            if name != "festival":
                raise
            report[name] = str(error)
    report["feelings"] = measure_spoken_feelings(model)
    report["rooms"] = measure_rooms(model)
    return report


def measured_speech(model: SpeechModel, utterances: Iterable[Utterance]) -> dict:
    """How well a model listens; the opening is AU25 + AU26.

    mae, mae_of_mean: mean absolute error per AU (0..1), and that of always saying the mean.
    correlation: of the opening with the true one.
    closure, closures: share of p b m whose predicted opening (least of three frames) is under 15 percent of its mean at
        the two neighbouring vowels, and how many there are.
    lag: frames of 40 ms by which the predicted opening follows the true one, from the peak of their cross-correlation.
    rest: 99th percentile of the opening where the mouth should rest (truth under 0.005), as a share of the opening's
        95th percentile.
    leaks: share of those frames above 0.05.
    """
    heard, targets, closed = [], [], []
    for utterance in (pad(spoken, 0.6, 0.6) for spoken in utterances):
        frames = math.ceil(len(utterance.wave) / SAMPLE_RATE * FPS)
        aus = model.predict(utterance.wave, frames).aus
        heard.append(aus)
        targets.append(viseme_targets(utterance, frames)[0])
        opening = aus[:, _OPEN].sum(axis=1)
        for closure, before, after in bilabial_frames(utterance):
            vowels = (opening[min(before, frames - 1)] + opening[min(after, frames - 1)]) / 2
            closed.append(opening[max(0, closure - 1) : closure + 2].min() < 0.15 * vowels)
    predicted, wanted = np.concatenate(heard), np.concatenate(targets)
    mae = np.abs(predicted - wanted).mean(axis=0)
    blind = np.abs(wanted.mean(axis=0) - wanted).mean(axis=0)
    opening, truth = predicted[:, _OPEN].sum(axis=1), wanted[:, _OPEN].sum(axis=1)
    resting = opening[truth < 0.005]
    return {
        "mae": {name: round(float(v), 4) for name, v in zip(AU_NAMES, mae, strict=True)},
        "mae_of_mean": {name: round(float(v), 4) for name, v in zip(AU_NAMES, blind, strict=True)},
        "correlation": round(float(np.corrcoef(opening, truth)[0, 1]), 3),
        "closure": round(float(np.mean(closed)), 3),
        "closures": len(closed),
        "lag": round(lag(opening, truth), 2),
        "rest": round(float(np.quantile(resting, 0.99) / np.quantile(opening, 0.95)), 4),
        "leaks": round(float((resting > 0.05).mean()), 3),
    }


def lag(predicted: np.ndarray, truth: np.ndarray, reach: int = 8) -> float:
    """Frames by which `found` (T,) follows `truth` (T,): the peak of their correlation, to a part of a frame."""
    # Correlation at shifts of -8 to 8 frames, without the ends that np.roll brings round.
    inner = slice(reach, len(truth) - reach)
    scores = [np.corrcoef(np.roll(predicted, -shift)[inner], truth[inner])[0, 1] for shift in range(-reach, reach + 1)]
    best = int(np.clip(np.argmax(scores), 1, 2 * reach - 1))
    left, middle, right = scores[best - 1 : best + 2]
    # Vertex of the parabola through the peak and its neighbours.
    curvature = left - 2 * middle + right
    return best - reach + (0.5 * (left - right) / curvature if curvature < 0 else 0.0)


def measure_spoken_feelings(model: SpeechModel) -> dict:
    """By state: how much of its action units is seen in speech of that state, and in calm speech of the same voices.

    1 is the state at full strength: the least-squares share of the state's AUs in what is predicted beyond the targets
    of the words themselves, over the frames in which somebody speaks.
    """
    calm = [*generate(7, 0, "test"), *generate(7, 0, "test_espeak")]
    extra_calm = np.concatenate([_beyond_words(model, utterance) for utterance in calm])
    felt: dict[str, list[np.ndarray]] = {name: [] for name in STATES}
    for i, utterance in enumerate(generate(4 * len(STATES), 0, "feelings")):
        felt[list(STATES)[i % len(STATES)]].append(_beyond_words(model, utterance))
    report = {}
    for name, state in STATES.items():
        vector = np.zeros(len(AU_NAMES))
        for au, value in state.aus.items():
            vector[AU_INDEX[au]] = value
        # x · v / v · v: the share of v in x by least squares, the mean over frames.
        vector /= vector @ vector
        strength = float((np.concatenate(felt[name]) @ vector).mean())
        report[name] = {"felt": round(strength, 3), "calm": round(float((extra_calm @ vector).mean()), 3)}
    return report


def _beyond_words(model: SpeechModel, utterance: Utterance) -> np.ndarray:
    """Predicted AU minus those of the same words without feeling, (n, 17), in the frames with an open mouth."""
    frames = math.ceil(len(utterance.wave) / SAMPLE_RATE * FPS)
    words, _ = viseme_targets(replace(utterance, feeling=()), frames)
    return (model.predict(utterance.wave, frames).aus - words)[words[:, _OPEN].sum(axis=1) > 0.1]


def measure_rooms(model: SpeechModel, count: int = 24) -> dict:
    """Recordings without a voice: share of frames with AU25 + AU26 above 0.05, mean opening, mean change per frame."""
    rooms = (nobody(np.random.default_rng([0x600D, i])) for i in range(count))
    openings = [model.predict(room.wave).aus[:, _OPEN].sum(axis=1) for room in rooms]
    everything = np.concatenate(openings)
    return {
        "leaks": round(float((everything > 0.05).mean()), 3),
        "opening": round(float(everything.mean()), 4),
        "chatter": round(float(np.concatenate([np.abs(np.diff(opening)) for opening in openings]).mean()), 4),
    }
