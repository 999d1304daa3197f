"""What a face does in front of the cameras, and which of them photograph it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .arrays import Floats
from .dome import Place
from .facs import ARTICULATIONS, AU_INDEX, AU_NAMES
from .gaze import lids_follow

Units = dict[str, float]
"""Intensities 0..1 of action units, articulations and gazes, by name."""

# A range of motion: each unit where it shows, the feelings, and mouth shapes of speech.
POSES: dict[str, Units] = {
    "blink": {"AU45": 1.0},
    "half_blink": {"AU45": 0.5},
    "brows_up": {"AU01": 1.0, "AU02": 1.0, "AU05": 0.9},
    "inner_brows": {"AU01": 1.0},
    "frown": {"AU04": 1.0, "AU07": 0.5},
    "happy": {"AU06": 0.9, "AU12": 1.0},
    "laugh": {"AU06": 1.0, "AU10": 0.4, "AU12": 1.0, "AU25": 0.8, "AU26": 0.4},
    "sad": {"AU01": 0.9, "AU04": 0.6, "AU15": 1.0, "AU17": 0.6},
    "angry": {"AU04": 1.0, "AU05": 0.5, "AU07": 0.6, "AU23": 0.8, "AU24": 0.5},
    "surprised": {"AU01": 1.0, "AU02": 0.9, "AU05": 1.0, "AU26": 0.8, "AU25": 0.5},
    "disgusted": {"AU09": 1.0, "AU10": 0.7, "AU17": 0.5},
    "afraid": {"AU01": 0.9, "AU02": 0.5, "AU04": 0.6, "AU05": 1.0, "stretch": 0.7, "AU25": 0.6},
    "contempt": {"AU12": 0.35, "AU14": 1.0},
    "pressed": {"AU24": 1.0, "lip_press": 0.6},
    "squint": {"AU06": 0.6, "AU07": 1.0},
    "ah": {"AU26": 1.0, "AU25": 0.6},
    "eh": {"AU26": 0.45, "AU25": 0.7, "stretch": 0.4},
    "ee": {"AU25": 0.6, "AU12": 0.35, "stretch": 0.6},
    "oh": {"AU26": 0.5, "funnel": 0.7, "pucker": 0.3},
    "oo": {"pucker": 1.0, "AU26": 0.15, "AU25": 0.2},
    "ff": {"lip_bite": 1.0, "AU10": 0.25, "AU25": 0.15},
    "grin": {"AU10": 0.8, "AU12": 0.7, "AU25": 0.8},
}
HELD_OUT_POSES: dict[str, Units] = {
    "test_smile_talk": {"AU06": 0.5, "AU12": 0.6, "AU25": 0.5, "AU26": 0.3},
    "test_worried_talk": {"AU01": 0.7, "AU04": 0.5, "AU15": 0.4, "AU25": 0.5, "AU26": 0.2},
}
"""Seen by held-out cameras alone: nothing is learned from them."""
GAZE_POSES: dict[str, Units] = {
    "look_left": {"look_left": 1.0},
    "look_right": {"look_right": 1.0},
    "look_up": {"look_up": 1.0, **lids_follow(math.radians(20))},
    "look_down": {"look_down": 1.0, **lids_follow(-math.radians(20))},
}
"""What of the eyeballs hides behind the lids; the lids follow the eyes."""
_GAZES: dict[str, tuple[float, float]] = {
    "look_left": (math.radians(30), 0.0),
    "look_right": (-math.radians(30), 0.0),
    "look_up": (0.0, math.radians(20)),
    "look_down": (0.0, -math.radians(20)),
}
"""Yaw to the head's left and pitch upwards, radians, at intensity 1."""
TRAINED_PER_POSE = 4
_FACE = 100.0  # degrees from the front within which a camera sees the face
_NEAR = 26.0  # degrees from the front within which it sees all of it


@dataclass(frozen=True)
class ScheduledPose:
    """One moment: what the face does and the names of the cameras that photograph it."""

    name: str
    units: Units
    cameras: tuple[str, ...]


def schedule(
    poses: dict[str, Units],
    places: list[Place],
    trained: int = TRAINED_PER_POSE,
    gazes: dict[str, Units] | None = None,
) -> list[ScheduledPose]:
    """All shots of a capture: the neutral face by every camera, each pose by `trained` cameras and a held-out one, and
    the held-out poses by the held-out cameras; gazes, of characters that have eyes to turn, from the front.

    Each pose has one camera near the front; the others are spread from side to side and move on with every pose, so
    that every camera that sees the face gets its share of expressions.
    """
    # From the head's right to its left: the azimuth is brought to -180..180 first, shifted, so that it sorts in one go.
    facing = sorted((p for p in places if p.from_front <= _FACE), key=lambda p: (p.azimuth + 180) % 360)
    near = [p.name for p in facing if p.split == "train" and p.from_front <= _NEAR]
    side = [p.name for p in facing if p.split == "train" and p.from_front > _NEAR]
    tests = [p.name for p in facing if p.split == "test"]
    shots = [ScheduledPose("neutral", {}, tuple(p.name for p in places))]
    for i, (name, units) in enumerate(poses.items()):
        others = trained - 1
        # Evenly apart, and one further with every pose: each camera gets its share of expressions.
        aside = [side[(i + k * len(side) // max(others, 1)) % len(side)] for k in range(others)]
        seen = (near[i % len(near)], *aside, tests[i % len(tests)])
        shots.append(ScheduledPose(name, units, tuple(dict.fromkeys(seen))))
    shots += [ScheduledPose(name, units, tuple(tests)) for name, units in HELD_OUT_POSES.items()]
    for i, (name, units) in enumerate((gazes or {}).items()):
        seen = (near[i % len(near)], near[(i + 1) % len(near)], side[i % len(side)], tests[i % len(tests)])
        shots.append(ScheduledPose(name, units, tuple(dict.fromkeys(seen))))
    return shots


def intensities(units: Units) -> tuple[Floats, Floats]:
    """Units by name as AUs (17,) and articulations (6,), float32; gazes are neither. Raises ValueError for an unknown
    name."""
    aus, articulations = np.zeros(len(AU_NAMES), np.float32), np.zeros(len(ARTICULATIONS), np.float32)
    for name, value in units.items():
        if name in _GAZES:
            continue
        if name in AU_INDEX:
            aus[AU_INDEX[name]] = value
        else:
            articulations[ARTICULATIONS.index(name)] = value
    return aus, articulations


def gaze_of(units: Units) -> tuple[float, float]:
    """Yaw to the head's left and pitch upwards, radians, of units by name."""
    turns = [(value * _GAZES[name][0], value * _GAZES[name][1]) for name, value in units.items() if name in _GAZES]
    return sum(yaw for yaw, _ in turns), sum(pitch for _, pitch in turns)
