"""Where a take lies on the timeline: it moves with the voice it was made for."""

from __future__ import annotations

from dataclasses import dataclass

from bpy.types import Scene

from ..blender import compat
from ..scene.strips import scene_clock, strips_of


@dataclass(frozen=True)
class Anchor:
    """Where the take's second 0 lies: `offset` seconds after the content start of the voice strip `uid`, so that the
    face moves with the voice; without a voice at `zero_frame`."""

    uid: str
    offset: float
    zero_frame: float


def zero_frame(anchor: Anchor, scene: Scene) -> float:
    """Frame of a take's second 0 as the timeline is now; `scene` holds the strips."""
    found = strips_of(anchor.uid, scene)
    if not found:
        return anchor.zero_frame
    return scene_clock(scene, compat.content_start(found[0])).frame(anchor.offset)
