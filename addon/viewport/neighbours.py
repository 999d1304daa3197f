"""Whether meshes stand so close to the heads that it matters which Gaussian is before and which behind them."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.types import Context, Depsgraph, Object, Scene

from ..scene.heads import is_drawn

_SOLID = {"MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "VOLUME", "GREASEPENCIL"}
_changes = 0
"""Counts what may have moved something: boxes are gathered anew only then."""
_boxes: dict[tuple[int, int], tuple[int, np.ndarray]] = {}


def any_near(context: Context, low: np.ndarray, high: np.ndarray) -> bool:
    """Whether the box of anything but heads that the viewport shows touches the world box `low` to `high` (3,)."""
    boxes = _all_boxes(context)
    return bool(((boxes[:, 0] <= high) & (boxes[:, 1] >= low)).all(axis=1).any())


def _all_boxes(context: Context) -> np.ndarray:
    """World boxes (K, 2, 3), lowest and highest corner, of everything solid but heads."""
    space = context.space_data
    key = (context.scene.session_uid, space.as_pointer())
    if key not in _boxes or _boxes[key][0] != _changes:
        if len(_boxes) > 16:
            _boxes.clear()
        things = [thing for thing in context.visible_objects if _counts(thing) and thing.visible_get(viewport=space)]
        boxes = np.array([_box(thing) for thing in things]).reshape(-1, 2, 3)
        _boxes[key] = _changes, boxes
    return _boxes[key][1]


def _counts(thing: Object) -> bool:
    return (thing.type in _SOLID and not is_drawn(thing)) or thing.instance_type != "NONE"


def _box(thing: Object) -> np.ndarray:
    if thing.instance_type != "NONE":  # what it multiplies may be anywhere
        return np.array([[-np.inf] * 3, [np.inf] * 3])
    matrix = np.array(thing.matrix_world)
    corners = np.array(thing.bound_box) @ matrix[:3, :3].T + matrix[:3, 3]
    return np.stack([corners.min(axis=0), corners.max(axis=0)])


@bpy.app.handlers.persistent
def _changed(scene: Scene, depsgraph: Depsgraph | None = None) -> None:
    global _changes
    _changes += 1


def _events() -> tuple[list, ...]:
    handlers = bpy.app.handlers
    return handlers.depsgraph_update_post, handlers.frame_change_post, handlers.load_post


def register() -> None:
    """Notice changes."""
    for event in _events():
        event.append(_changed)


def unregister() -> None:
    """No longer."""
    for event in _events():
        if _changed in event:
            event.remove(_changed)
    _boxes.clear()
