"""Families of feeling, to tell prompts apart at a glance: which of the basic emotions a face is nearest to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from .facs import AU_NAMES
from .labels import LABELS

BASIC_FACES: dict[str, dict[str, float]] = {
    "happy": {"AU06": 0.65, "AU12": 0.85},
    "sad": {"AU01": 0.85, "AU04": 0.45, "AU15": 0.8, "AU17": 0.4},
    "angry": {"AU04": 0.9, "AU05": 0.5, "AU07": 0.65, "AU23": 0.55},
    "disgusted": {"AU04": 0.3, "AU09": 0.9, "AU10": 0.6, "AU15": 0.4, "AU17": 0.45},
    "contemptuous": {"AU12": 0.3, "AU14": 0.85},
    "afraid": {"AU01": 0.85, "AU02": 0.6, "AU04": 0.55, "AU05": 0.85, "AU25": 0.45, "AU26": 0.3},
    "surprised": {"AU01": 0.85, "AU02": 0.9, "AU05": 0.75, "AU25": 0.5, "AU26": 0.5},
}
"""The basic emotions' action units, after EMFACS (Ekman and Friesen)."""
_FAMILY_OF_FACE = {
    "happy": "joy",
    "angry": "anger",
    "sad": "sadness",
    "afraid": "fear",
    "surprised": "surprise",
    "disgusted": "disgust",
    "contemptuous": "disgust",
    "neutral": "neutral",
}
FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(_FAMILY_OF_FACE.values()))
"""joy, anger, sadness, fear, surprise, disgust (and contempt), neutral."""
_FAINT, _UNLIKE = 0.1, 0.3
"""A face whose strongest unit is fainter, or that is less like (cosine) any basic one, is neutral."""


def emotion_family(aus: Mapping[str, float]) -> str:
    """The family of a face, action units 0..1 by name: that of the basic emotion it is most like."""
    return _family_of(tuple(aus.get(au, 0.0) for au in AU_NAMES))


@lru_cache(maxsize=4096)
def _family_of(values: tuple[float, ...]) -> str:
    """Remembered, for timelines of many prompts ask again after every edit."""
    face = np.array(values)
    if face.max() < _FAINT:
        return "neutral"
    # Cosine of the face (17,) with each of the basic ones (7, 17): what counts is which units, not how strongly.
    basic = np.array([[units.get(au, 0.0) for au in AU_NAMES] for units in BASIC_FACES.values()])
    likeness = basic @ face / (np.linalg.norm(basic, axis=1) * np.linalg.norm(face))
    nearest = int(likeness.argmax())
    return "neutral" if likeness[nearest] < _UNLIKE else _FAMILY_OF_FACE[list(BASIC_FACES)[nearest]]


@lru_cache(maxsize=4096)
def named_emotion_family(words: str) -> str | None:
    """The family that words name by the one label in them (“sad, mild”); None when they name none or several."""
    families = {_FAMILY_OF_FACE[LABELS[word]] for word in re.findall(r"\w+", words.casefold()) if word in LABELS}
    return families.pop() if len(families) == 1 else None
