"""Faces that feelings have: the action units of each, after EMFACS, and recipes that mix them.

The basic emotions follow Ekman and Friesen's EMFACS (happy 6+12, sad 1+4+15, surprised 1+2+5+26, afraid 1+2+4+5+26,
angry 4+5+7+23, disgusted 9+10+15+17, contemptuous 12+14); pain after Prkachin and Solomon (4, 6/7, 9/10), confusion
and boredom after Craig et al. (4+7; eyes closing), embarrassment after Keltner (12 held by 24). Units that the paper's
list of 17 lacks (16, 20, 27, 43) are left out or stand in by their neighbours (26, 45).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..core.facs import AU_INDEX, AU_NAMES
from ..core.families import BASIC_FACES


@dataclass(frozen=True)
class Face:
    """What a face is made of.

    aus: intensities (17,) float32 in 0..1.
    presence: units that belong to the face (17,) bool, however faint.
    """

    aus: np.ndarray
    presence: np.ndarray


PROTOTYPES: dict[str, dict[str, float]] = {
    "happy": BASIC_FACES["happy"],
    "delighted": {"AU06": 0.75, "AU12": 1.0, "AU25": 0.4},
    "laughing": {"AU06": 0.7, "AU12": 0.95, "AU25": 0.6, "AU26": 0.4},
    "amused": {"AU06": 0.4, "AU12": 0.6},
    "content": {"AU06": 0.3, "AU12": 0.4},
    "proud": {"AU06": 0.3, "AU12": 0.5, "AU24": 0.25},
    "relieved": {"AU06": 0.3, "AU12": 0.4, "AU25": 0.3},
    "hopeful": {"AU01": 0.4, "AU02": 0.3, "AU12": 0.35},
    "bittersweet": {"AU01": 0.6, "AU04": 0.25, "AU12": 0.45},
    "happily surprised": {"AU01": 0.5, "AU02": 0.6, "AU05": 0.4, "AU06": 0.5, "AU12": 0.75, "AU25": 0.4},
    "polite smile": {"AU12": 0.5},
    "smug": {"AU12": 0.45, "AU14": 0.5},
    "menacing smile": {"AU04": 0.5, "AU07": 0.4, "AU12": 0.65},
    "sad": BASIC_FACES["sad"],
    "heartbroken": {"AU01": 1.0, "AU04": 0.6, "AU15": 0.95, "AU17": 0.65},
    "crying": {"AU01": 0.9, "AU04": 0.55, "AU06": 0.4, "AU15": 0.85, "AU17": 0.6, "AU25": 0.4},
    "disappointed": {"AU01": 0.5, "AU04": 0.3, "AU15": 0.55, "AU17": 0.35},
    "embarrassed": {"AU01": 0.3, "AU12": 0.35, "AU24": 0.4},
    "pitying": {"AU01": 0.65, "AU04": 0.35},
    "pleading": {"AU01": 0.85, "AU04": 0.45, "AU25": 0.3},
    "angry": BASIC_FACES["angry"],
    "furious": {"AU04": 1.0, "AU05": 0.6, "AU07": 0.7, "AU10": 0.5, "AU23": 0.5, "AU25": 0.45},
    "annoyed": {"AU04": 0.6, "AU07": 0.4, "AU24": 0.4},
    "determined": {"AU04": 0.5, "AU07": 0.35, "AU24": 0.45},
    "defiant": {"AU04": 0.55, "AU07": 0.4, "AU17": 0.5, "AU24": 0.4},
    "disgusted": BASIC_FACES["disgusted"],
    "contemptuous": BASIC_FACES["contemptuous"],
    "sneering": {"AU10": 0.65, "AU14": 0.55},
    "afraid": BASIC_FACES["afraid"],
    "terrified": {"AU01": 1.0, "AU02": 0.7, "AU04": 0.65, "AU05": 1.0, "AU25": 0.6, "AU26": 0.5},
    "worried": {"AU01": 0.7, "AU04": 0.5, "AU15": 0.25},
    "nervous": {"AU01": 0.55, "AU02": 0.3, "AU04": 0.4, "AU05": 0.35, "AU24": 0.35},
    "surprised": BASIC_FACES["surprised"],
    "shocked": {"AU01": 0.95, "AU02": 0.95, "AU05": 0.95, "AU25": 0.6, "AU26": 0.65},
    "awed": {"AU01": 0.6, "AU02": 0.6, "AU05": 0.5, "AU25": 0.4, "AU26": 0.3},
    "curious": {"AU01": 0.45, "AU02": 0.5, "AU05": 0.3},
    "disbelieving": {"AU01": 0.5, "AU02": 0.6, "AU04": 0.4, "AU25": 0.3},
    "skeptical": {"AU02": 0.5, "AU04": 0.4, "AU07": 0.4},
    "suspicious": {"AU04": 0.5, "AU07": 0.65},
    "confused": {"AU04": 0.6, "AU07": 0.35},
    "thoughtful": {"AU04": 0.4, "AU07": 0.25},
    "bored": {"AU15": 0.25, "AU45": 0.3},
    "tired": {"AU15": 0.2, "AU45": 0.45},
    "pained": {"AU04": 0.7, "AU06": 0.5, "AU07": 0.7, "AU10": 0.45},
    "neutral": {},
}

_UP, _DOWN = AU_INDEX["AU12"], AU_INDEX["AU15"]


def prototype(name: str, degree: float = 1.0) -> np.ndarray:
    """AU intensities (17,) float32 of a prototype times a degree, at most 1. Raises KeyError for an unknown name."""
    aus = np.zeros(len(AU_NAMES), np.float32)
    for au, value in PROTOTYPES[name].items():
        aus[AU_INDEX[au]] = min(1.0, value * degree)
    return aus


def face(recipe: str) -> Face:
    """The face of a recipe: terms joined by ` + `, each a prototype with a degree or an AU with an intensity.

    ` - AU25` takes a unit away. Where terms overlap the stronger wins, and smile and frown (AU12, AU15) of different
    terms weaken each other. `angry 0.8 + AU25 0.4`. Raises ValueError naming the term that is not understood.
    """
    aus, presence = np.zeros(len(AU_NAMES), np.float32), np.zeros(len(AU_NAMES), bool)
    for sign, term in re.findall(r"(^| \+ | - )((?:(?! [+-] ).)*)", recipe):
        if sign == " - ":
            if term not in AU_INDEX:
                raise ValueError(f"“{term}” in “{recipe}” is no action unit")
            aus[AU_INDEX[term]], presence[AU_INDEX[term]] = 0, False
            continue
        part = _term(term, recipe)
        # What smile and frown of different terms have in common, min(AU12, AU15): both lose 0.4 of it, for their
        # muscles pull against each other.
        clash = max(min(aus[_UP], part[_DOWN]), min(aus[_DOWN], part[_UP]))
        aus, presence = np.maximum(aus, part), presence | (part > 0)
        aus[[_UP, _DOWN]] -= 0.4 * clash
    return Face(aus, presence)


def _term(term: str, recipe: str) -> np.ndarray:
    match = re.fullmatch(r"\s*(AU\d\d|[a-z][a-z ]*?)(?:\s+(\d+(?:\.\d+)?))?\s*", term)
    if not match:
        raise ValueError(f"“{term}” in “{recipe}” is no face")
    name, degree = match[1], match[2]
    if name in AU_INDEX:
        aus = np.zeros(len(AU_NAMES), np.float32)
        aus[AU_INDEX[name]] = min(1.0, 0.8 if degree is None else float(degree))
        return aus
    if name not in PROTOTYPES:
        raise ValueError(f"“{name}” in “{recipe}” is no face")
    return prototype(name, 1.0 if degree is None else float(degree))
