"""EmoTalk3D's emotion labels at two intensities, reachable by name.

A prompt that is nothing but a label (“angry”, “mild fear”, “happy, strong”) is the label's own face and is not left to
the text encoder.
"""

from __future__ import annotations

import re

from ..core.labels import INTENSITIES, LABELS
from .prototypes import Face, face

_WORDS = re.compile(r"(?:(\w+)[\s,:]+)?(\w+)(?:[\s,:]+(\w+))?")


def labelled(text: str) -> Face | None:
    """The face of a label with or without its intensity, before or behind it; None when the text is not a label."""
    match = _WORDS.fullmatch(text.casefold().strip(" .!"))
    if not match:
        return None
    words = [word for word in match.groups() if word]
    labels = [word for word in words if word in LABELS]
    degrees = [INTENSITIES[word] for word in words if word in INTENSITIES]
    if len(labels) != 1 or len(labels) + len(degrees) != len(words) or len(degrees) > 1:
        return None
    name = LABELS[labels[0]]
    return face(name if name == "neutral" or not degrees else f"{name} {degrees[0]}")
