"""Seeds of eyes, teeth and tongue, which no scan of the skin holds: placed from the lids and lips of the template."""

from __future__ import annotations

import numpy as np

from ....core.subject import OTF_GROUPS
from ....core.template import FacialTemplate

COUNTS = {"eye_left": 450, "eye_right": 450, "teeth_upper": 320, "teeth_lower": 280, "tongue": 220}
COLORS = {"eye": (0.8, 0.78, 0.76), "teeth": (0.85, 0.8, 0.72), "tongue": (0.65, 0.35, 0.35)}
"""What they begin with; they learn their own."""
_BALL = 0.0125
"""Radius of an eyeball in metres, much the same in all grown heads."""
_LID = 0.0015
_TOOTH = 0.0095
_LIP = 0.009
"""Metres: thickness of lids, height of teeth, from the inner edge of the lips back to the teeth."""


def inner_seeds(
    neutral: np.ndarray, template: FacialTemplate, eyes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (M, 3) float32, colours (M, 3) and groups (M,) uint8 for a head whose template points are at (V, 3).

    eyes: middles of the left and the right eyeball (2, 3), or (0, 3): then they are placed by the lids.
    """
    centers = eyes if len(eyes) else [_behind_lids(neutral, template, side) for side in ("left", "right")]
    parts = {
        **{
            f"eye_{side}": center + _BALL * _spread(COUNTS[f"eye_{side}"], 0.45)
            for side, center in zip(("left", "right"), centers, strict=True)
        },
        **_mouth(neutral, template),
    }
    points = np.concatenate(list(parts.values())).astype(np.float32)
    group = np.repeat([OTF_GROUPS.index(name) for name in parts], [len(p) for p in parts.values()]).astype(np.uint8)
    color = np.concatenate([np.tile(COLORS[n.split("_")[0]], (len(p), 1)) for n, p in parts.items()])
    return points, color.astype(np.float32), group


def _behind_lids(neutral: np.ndarray, template: FacialTemplate, side: str) -> np.ndarray:
    """The middle (3,) of a ball that the lids lie on."""
    lids = np.concatenate([neutral[template.landmarks[f"lid_{lid}_{side}"]] for lid in ("upper", "lower")])
    # The lids are a lid's thickness off the ball: its middle is as far behind them as their outline allows.
    centre = lids.mean(axis=0)
    # Each lid point at x, z from the middle puts the ball √(R² - x² - z²) behind itself; the median of what they say.
    reach = np.hypot(*(lids - centre)[:, [0, 2]].T)
    behind = np.sqrt(np.maximum((_BALL + _LID) ** 2 - reach**2, 1e-6))
    centre[1] = np.median(lids[:, 1] + behind)
    return centre


def _mouth(neutral: np.ndarray, template: FacialTemplate) -> dict[str, np.ndarray]:
    """Two arcs of teeth behind the lips and a tongue between them, in the proportions of the mouth."""
    upper, lower = (neutral[template.landmarks[f"lip_inner_{lip}"]] for lip in ("upper", "lower"))
    middle = (upper[len(upper) // 2] + lower[len(lower) // 2]) / 2
    # The dental arch is a little wider than the mouth's opening, its front a lip's thickness behind it.
    half = np.linalg.norm(upper[0] - upper[-1]) / 2 * 1.15
    front = middle + np.array([0, _LIP, 0])
    parts = {}
    for name, low, high in (("teeth_upper", 0.0, _TOOTH), ("teeth_lower", -_TOOTH, 0.0)):
        u, v = _even(COUNTS[name])
        angle = (u - 0.5) * np.pi * 0.95
        arc = np.stack([half * np.sin(angle), 1.3 * half * (1 - np.cos(angle)), low + (high - low) * v], axis=1)
        parts[name] = front + arc
    # A sheet from the teeth back, its sides 4 mm lower than its middle.
    u, v = _even(COUNTS["tongue"])
    place = np.stack([(u - 0.5) * 1.2 * half, 0.006 + v * 1.2 * half, np.full_like(u, -0.003)], axis=1)
    parts["tongue"] = front + place - (0, 0, 1) * (0.004 * (2 * u - 1) ** 2)[:, None]
    return parts


def _spread(count: int, least: float) -> np.ndarray:
    """Unit vectors (count, 3), evenly over the cap of a sphere where -y is at least `least`."""
    u, v = _even(count)
    # Archimedes: equal steps along the axis of a sphere cut off equal areas.
    forward = 1 - u * (1 - least)
    around = np.sqrt(1 - forward**2)
    return np.stack([around * np.cos(2 * np.pi * v), -forward, around * np.sin(2 * np.pi * v)], axis=1)


def _even(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Low-discrepancy numbers (count,) twice, 0..1."""
    # Multiples of 1/ρ and 1/ρ² modulo 1, ρ³ = ρ + 1: for a plane what the golden ratio's are for a line.
    index = np.arange(count) + 0.5
    return index * 0.7548776662 % 1, index * 0.5698402910 % 1
