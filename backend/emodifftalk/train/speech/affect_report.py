"""Held-out report of the feeling heard in voices. Everything in it is synthetic, as in training.

Groups: `slt` (flite) and `espeak_f5`, voices never trained on, and `italian`, a language never trained on, go through
every mood at full strength, alone and one after the other, in sentences never trained on; the moods sound as
`data/prosody.py` says, in training and here. `festival`, a synthesizer never trained on, is only ever neutral.
`registers`: a neutral voice spoken high and low. `rooms`: noise, music and drums, nobody speaking.
"""

from __future__ import annotations

import numpy as np

from ...core.errors import UserError
from ...data.speech.corpus import HELD_OUT_FLITE, flite_in_mood
from ...data.speech.moods import MOODS, held_out_session
from ...data.speech.prosody import CALM
from ...data.speech.rooms import nobody
from ...data.speech.sentences import TEST_SENTENCES
from ...speech.affect import VoiceAffect

_AXES = ("valence", "arousal")
_CLEAR = 0.3  # how far from 0 a true value must lie to have a sign that counts
_SINGLE, _CHANGING, _ROOMS = 4, 8, 24


def evaluate_voice_affect(model: VoiceAffect) -> dict:
    """The report of all groups. A group whose synthesizer is not installed says so."""
    report: dict = {
        "protocol": "synthetic voices, unseen sentences, whole recordings; truth are the moods' places on Russell's "
        "circumplex",
    }
    for group in ("slt", "espeak_f5", "italian"):
        report[group] = measured_affect(model, group)
    report["registers"] = _registers(model)
    try:
        heard = np.concatenate([model.estimate(held_out_session("festival", i, ("neutral",)).wave) for i in range(10)])
        report["festival"] = {"neutral": _mean(heard)}
    except UserError as error:
        report["festival"] = str(error)
    rooms = [model.estimate(nobody(np.random.default_rng([0x600D, i])).wave) for i in range(_ROOMS)]
    report["rooms"] = {"mean_size": _mean(np.abs(np.concatenate(rooms))), "most": _most(np.concatenate(rooms))}
    return report


def measured_affect(model: VoiceAffect, group: str) -> dict:
    """By axis: `correlation` with the truth and mean absolute error `mae`, beside that of always saying the mean; share
    of frames whose `sign` is right where the truth is over 0.3; over single moods and changing ones.

    `moods`: mean valence and arousal heard in each mood when it is the only one; `neutral` should be 0, 0.
    """
    heard, wanted, moods = [], [], {}
    for name in MOODS:
        alone = [_compared(model, group, i, (name,)) for i in range(_SINGLE)]
        moods[name] = _mean(np.concatenate([pair[0] for pair in alone]))
        heard += [pair[0] for pair in alone]
        wanted += [pair[1] for pair in alone]
    for i in range(_CHANGING):
        names = np.random.default_rng([i, 7]).choice(list(MOODS), 3, replace=False)
        pair = _compared(model, group, i, tuple(map(str, names)))
        heard.append(pair[0])
        wanted.append(pair[1])
    everything, truth = np.concatenate(heard), np.concatenate(wanted)
    return {**{axis: _figures(everything[:, i], truth[:, i]) for i, axis in enumerate(_AXES)}, "moods": moods}


def _compared(model: VoiceAffect, group: str, index: int, moods: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    session = held_out_session(group, index, moods)
    return model.estimate(session.wave, len(session.affect)), session.affect


def _figures(heard: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    # Signs are compared only where the truth is clearly not 0.
    clear = np.abs(truth) > _CLEAR
    return {
        "correlation": round(float(np.corrcoef(heard, truth)[0, 1]), 3),
        "mae": round(float(np.abs(heard - truth).mean()), 3),
        "mae_of_mean": round(float(np.abs(truth.mean() - truth).mean()), 3),
        "sign": round(float((np.sign(heard) == np.sign(truth))[clear].mean()), 3),
    }


def _registers(model: VoiceAffect) -> dict[str, dict[str, float]]:
    """Mean of what is heard in slt, neutral, by the pitch it was told to have as a share of its own."""
    report = {}
    for register in (0.6, 0.8, 1.0, 1.25, 1.6):
        waves = [flite_in_mood(text, HELD_OUT_FLITE, 1.0, CALM, register).wave for text in TEST_SENTENCES[:4]]
        report[f"{register:g}"] = _mean(np.concatenate([model.estimate(wave) for wave in waves]))
    return report


def _mean(values: np.ndarray) -> dict[str, float]:
    return {axis: round(float(value), 3) for axis, value in zip(_AXES, values.mean(axis=0), strict=True)}


def _most(values: np.ndarray) -> dict[str, float]:
    return {axis: round(float(value), 3) for axis, value in zip(_AXES, np.abs(values).max(axis=0), strict=True)}
