"""How far a take stays inside what its subject was trained on: a curve on the timeline, and buttons to the exceptions.

The curve is ours: it is written anew for every take that plays, and moves with the voice. Keyframes of the animator are
never touched.
"""

from __future__ import annotations

from itertools import pairwise

import bpy
import numpy as np
from bpy.types import Context, Depsgraph, Object, Operator, Scene

from emodifftalk.core.clock import Clock
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import FPS

from ..blender import compat
from ..blender.operators import Explained
from ..blender.registering import Adds
from ..playback import sources, take_time
from ..scene.bells import TAKE_CHANGED
from ..scene.heads import active_head, active_take, heads, no_head_reason, settings
from . import memory

PATH = "emodifftalk.confidence"
GROUP = "EmoDiffTalk Confidence"
_shown: dict[int, tuple] = memory.keep({})
"""What the curve of every head (by session uid) was written for."""


def confidence_of(head: Object) -> np.ndarray | None:
    """Confidence (T,) of the take that plays, 0..1; None without one that can be read and says so."""
    try:
        take = sources.take_of(head)
    except UserError:
        return None
    return None if take is None or not take.judged else take.confidence


def stretched(head: Object) -> int:
    """How many frames of the take that plays stretch beyond what the subject was trained on."""
    from emodifftalk.core.take import stretches

    values = confidence_of(head)
    return 0 if values is None else sum(end - start for start, end in stretches(values))


def places(head: Object, scene: Scene) -> list[int]:
    """Frames of the timeline at which the take that plays begins to stretch, in order."""
    from emodifftalk.core.take import stretches

    values = confidence_of(head)
    if values is None:
        return []
    clock = take_time.take_clock(head, scene)
    if clock is not None:
        return sorted({round(clock.frame(start / FPS)) for start, _ in stretches(values)})
    frames, shown = take_time.by_frame(values, head, scene)
    return [int(frames[start]) for start, _ in stretches(shown)]


def keys(values: np.ndarray, clock: Clock) -> list[tuple[float, float]]:
    """Keys (frame, value) of a curve through confidences (T,): where the value rests, only the ends of the rest."""
    return _bends([(clock.frame(i / FPS), round(float(value), 4)) for i, value in enumerate(values)])


def _bends(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    bends = points[:1]
    for here, after in pairwise(points[1:]):
        if here[1] != bends[-1][1] or after[1] != here[1]:
            bends.append(here)
    return bends + points[1:][-1:]


def show(head: Object, scene: Scene) -> None:
    """Bring the head's curve in line with the take that plays and where it lies; wipe it when there is none."""
    if not compat.can_animate(head):
        return
    values, clock = confidence_of(head), take_time.take_clock(head, scene)
    wanted = (None if values is None else values.tobytes(), clock or take_time.voice_map(head, scene))
    if _shown.get(head.session_uid) == wanted:
        return
    compat.write_fcurve(head, PATH, GROUP, [] if values is None else _curve(values, clock, head, scene))
    if values is None:
        settings(head).confidence = 1.0
    _shown[head.session_uid] = wanted


def _curve(values: np.ndarray, clock: Clock | None, head: Object, scene: Scene) -> list[tuple[float, float]]:
    if clock is not None:
        return keys(values, clock)
    frames, shown = take_time.by_frame(values, head, scene)
    return _bends([(float(frame), round(float(value), 4)) for frame, value in zip(frames, shown, strict=True)])


def show_again(head: Object, scene: Scene) -> None:
    """Write the curve even if nothing seems to have changed."""
    _shown.pop(head.session_uid, None)
    show(head, scene)


def line(head: Object) -> str:
    """One line for the panel."""
    count, values = stretched(head), confidence_of(head)
    if values is None:
        return ""
    if not count:
        return "Within the trained range"
    return f"{count} of {len(values)} frames beyond the training"


def why_no_jump(context: Context, forward: bool) -> str:
    """Why there is no stretched frame to jump to; empty when there is one."""
    head = active_head(context)
    if head is None:
        return no_head_reason(context)
    if active_take(head) is None:
        return "Generate a take first"
    if confidence_of(head) is None:
        return "This take does not say: it is of an earlier version, or its file cannot be read"
    frames = places(head, context.scene)
    if not frames:
        return "No frame of this take stretches beyond what the subject was trained on"
    if _target(frames, context.scene.frame_current, forward) is None:
        return f"No stretched frames {'after' if forward else 'before'} the playhead"
    return ""


def _target(frames: list[int], now: int, forward: bool) -> int | None:
    if forward:
        return min((frame for frame in frames if frame > now), default=None)
    return max((frame for frame in frames if frame < now), default=None)


class _Jump(Explained, Operator):
    bl_options = {"REGISTER", "UNDO"}
    forward = True

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a stretched frame on that side of the playhead."""
        return why_no_jump(context, cls.forward)

    def execute(self, context: Context) -> set[str]:
        """Put the playhead there."""
        scene = context.scene
        scene.frame_set(_target(places(active_head(context), scene), scene.frame_current, self.forward))
        return {"FINISHED"}


class EMODIFFTALK_OT_next_stretch(_Jump, Operator):
    """Put the playhead where the face next stretches beyond what the subject was trained on"""

    bl_idname = "emodifftalk.next_stretch"
    bl_label = "Next Stretched Frame"


class EMODIFFTALK_OT_previous_stretch(_Jump, Operator):
    """Put the playhead where the face last stretches beyond what the subject was trained on"""

    bl_idname = "emodifftalk.previous_stretch"
    bl_label = "Previous Stretched Frame"
    forward = False


@bpy.app.handlers.persistent
def _on_frame(scene: Scene, depsgraph: Depsgraph | None = None) -> None:
    # The take moves with its voice, and so must its curve; never under a render.
    if not bpy.app.is_job_running("RENDER"):
        for head in heads(scene):
            if head.session_uid in _shown or any(curve.data_path == PATH for curve in compat.fcurves(head)):
                show(head, scene)


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    _shown.clear()


_CLASSES = (EMODIFFTALK_OT_next_stretch, EMODIFFTALK_OT_previous_stretch)

ADDS = Adds(
    classes=_CLASSES,
    handlers=(("frame_change_post", _on_frame), ("load_post", _on_load)),
    listens=((TAKE_CHANGED, show_again),),
)
