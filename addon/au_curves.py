"""Action units drawn over by hand: curves that replace what voice and feelings give, units that are muted or scaled.

Curves that are only shown (`show_au_curves`) change nothing. One counts as drawn over as soon as it differs from what
was written to show it.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
from bpy.types import FCurve, Object

from emodifftalk.core.facs import AU_NAMES

from . import compat
from .heads import settings
from .names import au_property

GROUP = "EmoDiffTalk AU"
"""The group our curves lie in."""


def path_of(au: str) -> str:
    """Data path of an action unit's curve on the head."""
    return f"emodifftalk.au_curves.{au_property(au)}"


def drawn_over(head: Object) -> list[str]:
    """The action units whose curve replaces what the voice and the feelings give.

    A muted F-curve is off, as everywhere in Blender: its unit is as generated.
    """
    written, drawn = shown(head), set()
    for curve in (*compat.fcurves(head), *compat.nla_fcurves(head)):
        if not curve.mute and digest(curve) != written.get(curve.data_path):
            drawn.add(curve.data_path)
    data = head.animation_data
    drawn.update(driver.data_path for driver in (data.drivers if data is not None else ()) if not driver.mute)
    return [au for au in AU_NAMES if path_of(au) in drawn]


def gains(head: Object) -> dict[str, float]:
    """The action units that are scaled, each with its gain; 0 for a muted one."""
    kept = settings(head)
    found = {}
    for au in AU_NAMES:
        name = au_property(au)
        gain = 0.0 if getattr(kept.au_mutes, name) else getattr(kept.au_gains, name)
        if gain != 1.0:
            found[au] = gain
    return found


def shown(head: Object) -> dict[str, str]:
    """Digests of the curves that were written to show the take, by data path."""
    return json.loads(settings(head).au_shown or "{}")


def remember(head: Object, digests: dict[str, str]) -> None:
    """Keep the digests of the curves as they were written."""
    settings(head).au_shown = json.dumps(digests) if digests else ""


def digest(curve: FCurve) -> str:
    """A few letters that change when somebody edits the curve."""
    keys = curve.keyframe_points
    numbers = np.empty((3, 2 * len(keys)), np.float32)
    for row, name in zip(numbers, ("co", "handle_left", "handle_right"), strict=True):
        keys.foreach_get(name, row)
    ways = [key.interpolation for key in keys], curve.extrapolation, len(curve.modifiers)
    return hashlib.sha256(np.round(numbers, 3).tobytes() + repr(ways).encode()).hexdigest()[:16]
