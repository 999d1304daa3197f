"""Action units drawn over by hand: curves that replace what voice and feelings give, units that are muted or scaled.

Curves that are only shown (`shown`) change nothing. One counts as drawn over as soon as it differs from what
was written to show it.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from bpy.types import FCurve, Keyframe, Object, Scene

from emodifftalk.core.clock import CURVE_FPS, Clock
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_NAMES, FPS
from emodifftalk.core.opening import parse_json

from ..blender import compat
from ..playback import sources, take_time
from ..scene.heads import AU_PROPERTIES, settings
from ..scene.panel_parts import AU_GROUPS

if TYPE_CHECKING:
    from emodifftalk.core.performance import Curve

    from ..blender.animation import Evaluate

TOLERANCE = 0.01
"""How far a shown curve may lie from the take's track."""

_MOST_TEXT = 1 << 20


def group_of(au: str) -> str:
    """The group that an action unit's curve lies in: one for each part of the face."""
    return next(f"AU {part}" for part, aus in AU_GROUPS if au in aus)


def path_of(au: str) -> str:
    """Data path of an action unit's curve on the head."""
    return f"emodifftalk.au_curves.{AU_PROPERTIES[au]}"


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


def track_of(head: Object) -> np.ndarray | None:
    """(T, 17) what voice and feelings gave in the take that plays, 25 a second; None without one that can be read.

    Takes of earlier versions only know the face as it came out, with everything drawn over it.
    """
    try:
        take = sources.take_of(head)
    except UserError:
        return None
    if take is None:
        return None
    return take.aus if take.aus_emotion is None else take.aus_emotion


def sampled(head: Object, scene: Scene, au: str, evaluate: Evaluate, clock: Clock, duration: float) -> Curve:
    """A drawn curve over a Performance of `duration` seconds that begins at second 0 of `clock`, 25 keys a second but
    where it rests.

    Where nobody has moved it, it is the take's own track again and not the few keys' likeness of it: those frames do
    not have to be made anew.
    """
    # Values (T,) of the curve at 25 a second. Where one lies on a frame of the take, and the curve is no farther from
    # the take on the frames of the timeline beside it than the fitted curve may be, nobody moved it there, and the
    # take's own value stands in its place.
    seconds = np.arange(math.ceil(duration * CURVE_FPS - 1e-6) + 1) / CURVE_FPS
    frames = np.array([clock.frame(second) for second in seconds.tolist()])
    values = np.array([evaluate(frame) for frame in frames.tolist()])
    track = track_of(head)
    if track is not None:
        there = take_time.many_take_seconds(head, scene, frames) * FPS
        nearest = np.rint(there).astype(int)  # to the bit where the two lie frame on frame
        frame_on_frame = (np.abs(there - nearest) < 1e-3) & (nearest >= 0) & (nearest < len(track))
        column = track[:, AU_NAMES.index(au)].astype(np.float64)
        untouched = _untouched(evaluate, frames, column, head, scene)
        values = np.where(frame_on_frame & untouched, column[nearest.clip(0, len(track) - 1)], values)
    # Keys only where a value differs from the one before or after it: of a rest its two ends.
    moving = np.diff(values) != 0
    keyed = np.concatenate([[True], moving]) | np.concatenate([moving, [True]])
    return tuple(zip(seconds[keyed].tolist(), values[keyed].tolist(), strict=True))


def _untouched(evaluate: Evaluate, frames: np.ndarray, column: np.ndarray, head: Object, scene: Scene) -> np.ndarray:
    """Whether a curve lies on the track (T,) of its unit as it was shown, (N,), at the whole frames beside frames (N,):
    there its keys are."""
    before, after = np.floor(frames + 1e-3), np.ceil(frames - 1e-3)
    whole = np.unique(np.concatenate([before, after]))
    shown_there = take_time.interpolated(column, take_time.many_take_seconds(head, scene, whole))
    near = np.abs(np.array([evaluate(frame) for frame in whole.tolist()]) - shown_there) <= 1.1 * TOLERANCE
    both: np.ndarray = near[np.searchsorted(whole, before)] & near[np.searchsorted(whole, after)]
    return both


def gains(head: Object) -> dict[str, float]:
    """The action units that are scaled, each with its gain; 0 for a muted one."""
    head_settings = settings(head)
    scaled = {}
    for au in AU_NAMES:
        name = AU_PROPERTIES[au]
        gain = 0.0 if getattr(head_settings.au_mutes, name) else getattr(head_settings.au_gains, name)
        if gain != 1.0:
            scaled[au] = gain
    return scaled


def shown(head: Object) -> dict[str, str]:
    """Digests of the curves that were written to show the take, by data path; none where the file's are damaged."""
    try:
        digests = parse_json(settings(head).au_shown or "{}", _MOST_TEXT)
    except ValueError:
        return {}
    return {str(path): str(known) for path, known in digests.items()} if isinstance(digests, dict) else {}


def remember(head: Object, digests: dict[str, str]) -> None:
    """Keep the digests of the curves as they were written."""
    settings(head).au_shown = json.dumps(digests) if digests else ""


def digest(curve: FCurve) -> str:
    """A few letters that change when somebody edits the curve."""
    keys = curve.keyframe_points
    numbers = np.empty((3, 2 * len(keys)), np.float32)
    for row, name in zip(numbers, ("co", "handle_left", "handle_right"), strict=True):
        keys.foreach_get(name, row)
    codes = np.empty(len(keys), np.int32)
    keys.foreach_get("interpolation", codes)
    kinds: Any = Keyframe.bl_rna.properties["interpolation"]
    names = {item.value: item.identifier for item in kinds.enum_items}
    ways = [names.get(code, "") for code in codes.tolist()], curve.extrapolation, len(curve.modifiers)
    return hashlib.sha256(np.round(numbers, 3).tobytes() + repr(ways).encode()).hexdigest()[:16]
