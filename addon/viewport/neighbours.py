"""Whether meshes stand so close to the heads that it matters which Gaussian is before and which behind them."""

from __future__ import annotations

from dataclasses import dataclass, field

import bpy
import numpy as np
from bpy.types import Context, Depsgraph, Object, Scene

from ..blender.registering import Adds
from ..blender.state import State
from ..scene.heads import is_drawn
from . import memory

_SOLID = {"MESH", "CURVE", "SURFACE", "META", "FONT", "CURVES", "POINTCLOUD", "VOLUME", "GREASEPENCIL"}


@dataclass
class _Boxes(State):
    """changes: counts what may have moved something; boxes are gathered anew only then.
    gathered: by scene and viewport, the count at that time and the boxes (K, 2, 3).
    """

    changes: int = 0
    gathered: dict[tuple[int, int], tuple[int, np.ndarray]] = field(default_factory=dict)


_boxes = memory.keep(_Boxes())


def any_near(context: Context, low: np.ndarray, high: np.ndarray) -> bool:
    """Whether the box of anything but heads that the viewport shows touches the world box `low` to `high` (3,)."""
    boxes = _all_boxes(context)
    return bool(((boxes[:, 0] <= high) & (boxes[:, 1] >= low)).all(axis=1).any())


def _all_boxes(context: Context) -> np.ndarray:
    """World boxes (K, 2, 3), lowest and highest corner, of everything solid but heads."""
    space = context.space_data
    key = (context.scene.session_uid, space.as_pointer())
    if key not in _boxes.gathered or _boxes.gathered[key][0] != _boxes.changes:
        if len(_boxes.gathered) > 16:
            _boxes.gathered.clear()
        things = [thing for thing in context.visible_objects if _counts(thing) and thing.visible_get(viewport=space)]
        boxes = np.array([_box(thing) for thing in things]).reshape(-1, 2, 3)
        _boxes.gathered[key] = _boxes.changes, boxes
    return _boxes.gathered[key][1]


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
    _boxes.changes += 1


ADDS = Adds(
    handlers=(("depsgraph_update_post", _changed), ("frame_change_post", _changed), ("load_post", _changed)),
)
