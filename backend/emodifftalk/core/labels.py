"""The emotion labels of EmoTalk3D and their two intensities: what menus offer and prompts can be called by."""

from __future__ import annotations

import math

LABELS: dict[str, str] = {
    "neutral": "neutral",
    "angry": "angry",
    "contempt": "contemptuous",
    "disgusted": "disgusted",
    "fear": "afraid",
    "happy": "happy",
    "sad": "sad",
    "surprised": "surprised",
}
"""Label and prototype."""
INTENSITIES: dict[str, float] = {"mild": 0.5, "strong": 1.25}
AFFECT_PLACES: tuple[tuple[tuple[float, float], str, float], ...] = (
    ((0.92, 0.36), "happy", 1.1),
    ((0.72, 0.66), "delighted", 1.0),
    ((0.36, 0.92), "surprised", 1.1),
    ((-0.02, 1.05), "afraid", 1.1),
    ((-0.40, 0.85), "angry", 1.1),
    ((-0.62, 0.58), "angry", 1.0),
    ((-0.95, 0.25), "disgusted", 1.0),
    ((-0.90, -0.38), "sad", 1.1),
    ((-0.64, -0.64), "sad", 1.0),
    ((-0.38, -0.84), "sad", 0.8),
    ((0.0, -1.0), "tired", 1.2),
    ((0.40, -0.84), "contemptuous", 0.7),
    ((0.66, -0.66), "contemptuous", 0.8),
    ((0.92, -0.32), "contemptuous", 0.8),
    ((1.0, 0.02), "content", 1.3),
)
"""(valence, arousal), prototype, and its degree at the rim: the faces that span the plane of valence and arousal."""


def affect_ring() -> list[tuple[str, float]]:
    """The feelings around that plane by name, each with its direction (radians, counter-clockwise from pleasant)."""
    sums: dict[str, complex] = {}
    for (valence, arousal), name, _ in AFFECT_PLACES:
        place = complex(valence, arousal)
        sums[name] = sums.get(name, 0j) + place / abs(place)
    return [(name, math.atan2(total.imag, total.real)) for name, total in sums.items()]
