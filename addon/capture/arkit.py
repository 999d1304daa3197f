"""ARKit's 52 face shapes and FACS numbers, and how our action units and articulations are made of them."""

from __future__ import annotations

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

FACS_WEIGHTS: dict[str, tuple[tuple[int, float], ...]] = {
    **{f"AU{n:02d}": ((n, 1.0),) for n in (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 23, 24, 25)},
    "AU26": ((26, 1.0), (27, 0.6)),
    "AU45": ((45, 1.0), (43, 1.0)),
    "pucker": ((18, 1.0),),
    "funnel": ((22, 1.0),),
    "lip_bite": ((32, 1.0), (28, 1.0)),
    "lip_press": ((24, 0.6),),
    "stretch": ((20, 1.0),),
}
"""FACS numbers a unit can be made of, with weights; the first one that a character has is taken."""
