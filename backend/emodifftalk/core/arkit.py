"""ARKit's 52 face shapes: how our action units and articulations are made of them, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Floats, Mask
from .facs import ARTICULATIONS, AU_NAMES
from .limits import GAZE as LIMIT

_SIDED = (
    "eyeBlink",
    "eyeLookDown",
    "eyeLookIn",
    "eyeLookOut",
    "eyeLookUp",
    "eyeSquint",
    "eyeWide",
    "mouthSmile",
    "mouthFrown",
    "mouthDimple",
    "mouthStretch",
    "mouthPress",
    "mouthLowerDown",
    "mouthUpperUp",
    "browDown",
    "browOuterUp",
    "cheekSquint",
    "noseSneer",
)
_MIDDLE = (
    "jawForward",
    "jawLeft",
    "jawRight",
    "jawOpen",
    "mouthClose",
    "mouthFunnel",
    "mouthPucker",
    "mouthLeft",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "browInnerUp",
    "cheekPuff",
    "tongueOut",
)
ARKIT: tuple[str, ...] = (*(f"{name}{side}" for name in _SIDED for side in ("Left", "Right")), *_MIDDLE)
"""The names Apple gives the 52 shapes."""


def _both(name: str, weight: float = 1.0) -> dict[str, float]:
    return {f"{name}Left": weight, f"{name}Right": weight}


ARKIT_WEIGHTS: dict[str, dict[str, float]] = {
    "AU01": {"browInnerUp": 1.0},
    "AU02": _both("browOuterUp"),
    "AU04": _both("browDown"),
    "AU05": _both("eyeWide"),
    "AU06": _both("cheekSquint"),
    "AU07": _both("eyeSquint"),
    "AU09": _both("noseSneer"),
    "AU10": _both("mouthUpperUp"),
    "AU12": _both("mouthSmile"),
    "AU14": _both("mouthDimple"),
    "AU15": _both("mouthFrown"),
    "AU17": {"mouthShrugLower": 1.0, "mouthShrugUpper": 0.3},
    "AU23": {**_both("mouthPress", 0.35), "mouthRollLower": 0.35, "mouthRollUpper": 0.35},
    "AU24": _both("mouthPress"),
    "AU25": {**_both("mouthLowerDown", 0.55), **_both("mouthUpperUp", 0.15)},
    # The whole of jawOpen is the mouth stretch of AU27.
    "AU26": {"jawOpen": 0.6},
    "AU45": _both("eyeBlink"),
    "pucker": {"mouthPucker": 1.0},
    "funnel": {"mouthFunnel": 1.0},
    "lip_bite": {"mouthRollLower": 0.9},
    "lip_press": {**_both("mouthPress", 0.5), "mouthRollLower": 0.3, "mouthRollUpper": 0.3},
    "stretch": _both("mouthStretch"),
    "tongue_up": {},
}
"""What each unit at intensity 1 sets the shapes to. ARKit has nothing that lifts the tongue inside the mouth."""

_READ: dict[str, dict[str, float]] = {
    **{au: weights for au, weights in ARKIT_WEIGHTS.items() if au in AU_NAMES},
    # Each shape tells of one unit; shapes that two units share are read for the one they are named after.
    "AU17": {"mouthShrugLower": 1.0},
    "AU23": {"mouthRollLower": 0.35, "mouthRollUpper": 0.35},
    "AU24": _both("mouthPress"),
    "AU25": _both("mouthLowerDown", 0.55),
}
"""Which shapes a unit is read off, and what each of them is at intensity 1."""
_TIGHT, _PRESSED, _SHARED = AU_NAMES.index("AU23"), AU_NAMES.index("AU24"), 0.35
_GAZE_ALL = {name: i for i, name in enumerate(ARKIT) if name.startswith("eyeLook")}


def arkit_of(units: Floats, gaze: Floats | None = None) -> Floats:
    """The 52 shapes (T, 52), 0..1, in ARKIT order, of units (T, 23): the 17 action units, then the 6 articulations.

    gaze: (T, 2) yaw to the head's left and pitch upwards, radians; a shape is 1 at the limit of the eyes.
    """
    shapes = np.zeros((len(units), len(ARKIT)), np.float32)
    for name, column in zip((*AU_NAMES, *ARTICULATIONS), np.asarray(units, np.float32).T, strict=True):
        for shape, weight in ARKIT_WEIGHTS[name].items():
            shapes[:, ARKIT.index(shape)] += weight * column
    if gaze is not None:
        # left and up (T,), -1..1 of the limit. ARKit knows no signs, only In, Out, Up and Down of each eye: one of two
        # opposite shapes is 0; In is towards the nose, so it is the right eye that turns In to look left.
        left, up = (gaze / LIMIT).T.clip(-1, 1)
        for side, inward in (("Left", -left), ("Right", left)):
            for direction, value in (("In", inward), ("Out", -inward), ("Up", up), ("Down", -up)):
                shapes[:, _GAZE_ALL[f"eyeLook{direction}{side}"]] = value.clip(0, 1)
    return shapes.clip(0, 1)


@dataclass(frozen=True)
class FromShapes:
    """What shapes tell of.

    aus: (T, 17), 0..1.
    known: (17,) bool, those that had a shape.
    gaze: (T, 2) radians, or None without shapes for it.
    unused: names that tell of none of ours.
    """

    aus: Floats
    known: Mask
    gaze: Floats | None
    unused: tuple[str, ...]


def from_arkit(names: list[str], values: Floats) -> FromShapes:
    """Units of shapes (T, S), 0..1, by name; the letter case and what stands before the last dot do not matter."""
    where = {name.split(".")[-1].strip().lower(): i for i, name in enumerate(names)}
    values = np.nan_to_num(np.asarray(values, np.float32)).clip(0, 1)
    aus, known = np.zeros((len(values), len(AU_NAMES)), np.float32), np.zeros(len(AU_NAMES), bool)
    used: set[int] = set()
    for k, au in enumerate(AU_NAMES):
        shapes = [(where[shape.lower()], weight) for shape, weight in _READ[au].items() if shape.lower() in where]
        if shapes:
            # The mean of the shapes over the mean of what they are at intensity 1: both sides of a face, or the one of
            # them that the file has.
            columns, weights = zip(*shapes, strict=True)
            aus[:, k], known[k] = values[:, columns].mean(axis=1) / np.mean(weights), True
            used.update(columns)
    if known[_TIGHT] and known[_PRESSED]:
        # Both press, only the tightener rolls both lips as much; lips that close for speech roll less than they press,
        # and a lower lip under the teeth rolls alone.
        rolls = [where[name] for name in ("mouthrolllower", "mouthrollupper") if name in where]
        press, roll = aus[:, _PRESSED].copy(), values[:, rolls].min(axis=1)
        aus[:, _TIGHT] = ((2 * roll - press) / _SHARED).clip(0, 1)
        aus[:, _PRESSED] = press - _SHARED * aus[:, _TIGHT]
    closed = where.get("mouthclose")
    if closed is not None:
        # mouthClose shuts lips over a jaw that hangs open: what is open to the eye is the difference.
        for au in ("AU25", "AU26"):
            aus[:, AU_NAMES.index(au)] = (aus[:, AU_NAMES.index(au)] - values[:, closed]).clip(0, None)
        used.add(closed)
    gaze = _gaze_of(where, values)
    if gaze is not None:
        used.update(where[name.lower()] for name in _GAZE_ALL)
    unused = tuple(name for i, name in enumerate(names) if i not in used)
    return FromShapes(aus.clip(0, 1), known, gaze, unused)


def _gaze_of(where: dict[str, int], values: Floats) -> Floats | None:
    if any(name.lower() not in where for name in _GAZE_ALL):
        return None

    def mean(left: str, right: str) -> Floats:
        both: Floats = (values[:, where[left.lower()]] + values[:, where[right.lower()]]) / 2
        return both

    # Each shape is 1 at the limit of the eyes; opposite ones are differences, both eyes a mean, radians by LIMIT (2,).
    yaw = mean("eyeLookOutLeft", "eyeLookInRight") - mean("eyeLookInLeft", "eyeLookOutRight")
    pitch = mean("eyeLookUpLeft", "eyeLookUpRight") - mean("eyeLookDownLeft", "eyeLookDownRight")
    gaze: Floats = (np.stack([yaw, pitch], axis=1) * LIMIT).astype(np.float32)
    return gaze
