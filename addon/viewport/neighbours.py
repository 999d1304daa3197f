"""Whether meshes stand so close to the heads that it matters which Gaussian is before and which behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
    """Where meshes are.

    changes: counts what may have moved something; boxes are gathered anew only then.
    gathered: by scene and viewport, the count at that time and the boxes (K, 2, 3).
    """

    changes: int = 0
    gathered: dict[tuple[int, int], tuple[int, np.ndarray]] = field(default_factory=dict)


_boxes = memory.keep(_Boxes())


def any_near(context: Context, low: np.ndarray, high: np.ndarray) -> bool:
    """Whether the box of anything but heads that the viewport shows touches the world box `low` to `high` (3,)."""
    # Two boxes touch where on all three axes (K, 3) each begins before the other ends.
    boxes = _all_boxes(context)
    return bool(((boxes[:, 0] <= high) & (boxes[:, 1] >= low)).all(axis=1).any())


def _all_boxes(context: Context) -> np.ndarray:
    """World boxes (K, 2, 3), lowest and highest corner, of everything solid but heads."""
    space: Any = context.space_data
    key = (context.scene.session_uid, space.as_pointer())
    if key not in _boxes.gathered or _boxes.gathered[key][0] != _boxes.changes:
        if len(_boxes.gathered) > 16:
            _boxes.gathered.clear()
        solids = [obj for obj in context.visible_objects if _counts(obj) and obj.visible_get(viewport=space)]
        boxes = np.array([_box(obj) for obj in solids]).reshape(-1, 2, 3)
        _boxes.gathered[key] = _boxes.changes, boxes
    return _boxes.gathered[key][1]


def _counts(obj: Object) -> bool:
    return (obj.type in _SOLID and not is_drawn(obj)) or obj.instance_type != "NONE"


def _box(obj: Object) -> np.ndarray:
    if obj.instance_type != "NONE":  # what it multiplies may be anywhere
        return np.array([[-np.inf] * 3, [np.inf] * 3])
    # The eight corners (8, 3) of Blender's box in object space, placed in the world: the box around them is a little
    # too large for what is turned, which only costs time.
    matrix = np.array(obj.matrix_world)
    corners = np.array(obj.bound_box) @ matrix[:3, :3].T + matrix[:3, 3]
    return np.stack([corners.min(axis=0), corners.max(axis=0)])


@bpy.app.handlers.persistent
def _changed(scene: Scene, depsgraph: Depsgraph | None = None) -> None:
    _boxes.changes += 1


ADDS = Adds(
    handlers=(("depsgraph_update_post", _changed), ("frame_change_post", _changed), ("load_post", _changed)),
)
