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
_AT_REST = 0.15
"""Nearer to the middle of the plane than this, nothing is felt that has a name."""
Places = tuple[tuple[tuple[float, float], str, float], ...]
"""(valence, arousal), prototype, and its degree at the rim: the faces that span a plane of valence and arousal."""
_SHARED: Places = (
    ((0.92, 0.36), "happy", 1.1),
    ((0.72, 0.66), "delighted", 1.0),
    ((0.36, 0.92), "surprised", 1.1),
    ((-0.02, 1.05), "afraid", 1.1),
    ((-0.40, 0.85), "angry", 1.1),
    ((-0.62, 0.58), "angry", 1.0),
    ((-0.90, -0.38), "sad", 1.1),
    ((-0.64, -0.64), "sad", 1.0),
    ((-0.38, -0.84), "sad", 0.8),
    ((0.0, -1.0), "tired", 1.2),
)
AFFECT_PLACES: Places = (
    *_SHARED,
    ((-0.90, 0.40), "disgusted", 1.0),
    ((-0.99, -0.08), "contemptuous", 1.0),
    ((0.98, -0.22), "content", 1.3),
    ((0.70, -0.70), "content", 1.1),
)
"""The plane that animators work on and that takes are made with: contempt is where the circumplex (Russell 1980) has
what is unpleasant and neither excited nor sleepy; what is pleasant and quiet is content."""
PUBLISHED_PLACES: Places = (
    *_SHARED,
    ((-0.95, 0.25), "disgusted", 1.0),
    ((0.40, -0.84), "contemptuous", 0.7),
    ((0.66, -0.66), "contemptuous", 0.8),
    ((0.92, -0.32), "contemptuous", 0.8),
    ((1.0, 0.02), "content", 1.3),
)
"""The plane on which all twelve points of EmoTalkingGaussian (its supplement, S6) land on their labels: it has contempt
in the pleasant and quiet quarter. `evaluate` draws this one."""


def affect_ring(places: Places = AFFECT_PLACES) -> list[tuple[str, float]]:
    """The feelings around a plane by name, each with its direction (radians, counter-clockwise from pleasant)."""
    sums: dict[str, complex] = {}
    for (valence, arousal), name, _ in places:
        place = complex(valence, arousal)
        sums[name] = sums.get(name, 0j) + place / abs(place)
    return [(name, math.atan2(total.imag, total.real)) for name, total in sums.items()]


def affect_word(valence: float, arousal: float) -> str | None:
    """The feeling in whose direction a point of the animator's plane lies: the one that shows most on the face. None in
    the middle, where the face is at rest."""
    if math.hypot(valence, arousal) < _AT_REST:
        return None
    angle = math.atan2(arousal, valence)

    def turn(place: tuple[float, float]) -> float:
        return abs(math.remainder(math.atan2(place[1], place[0]) - angle, math.tau))

    return min(AFFECT_PLACES, key=lambda entry: turn(entry[0]))[1]
