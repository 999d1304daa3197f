"""The action units of the take that plays as ordinary F-curves, few keys each, to be looked at and drawn over.

Curves nobody has edited follow: another take, or a moved voice, writes them anew. Edited ones are the animator's and
stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty
from bpy.types import Context, Depsgraph, FCurve, Object, Operator, Scene

from emodifftalk.core.clock import Clock
from emodifftalk.core.facs import AU_LABELS, AU_NAMES

from ..blender import compat
from ..blender.operators import Explained
from ..blender.redraw import TIME_EDITORS, redraw
from ..blender.registering import Adds
from ..playback import sources, take_time
from ..scene.bells import TAKE_CHANGED
from ..scene.heads import AU_PROPERTIES, active_head, active_take, heads, no_head_reason, settings
from . import memory
from .au_curves import TOLERANCE, digest, drawn_over, group_of, path_of, remember, shown, track_of

if TYPE_CHECKING:
    from emodifftalk.core.voice_time import VoiceMap

_UNITS = [(au, f"{au} {label}", f"The curve of {label.lower()}") for au, label in AU_LABELS.items()]
_BEZIER, _AUTO_CLAMPED = 2, 4  # of a key's interpolation and handles
_written_for: dict[int, tuple[str, Clock | VoiceMap]] = memory.keep({})
"""Take and place for which the curves of a head (by session uid) were written."""


def show(head: Object, scene: Scene, which: tuple[str, ...] = AU_NAMES) -> None:
    """Write curves of the take that plays for some units, whatever their curves were before."""
    track, clock = track_of(head), take_time.take_clock(head, scene)
    if track is None or not compat.can_animate(head):
        return
    frames, _ = take_time.by_frame(track, head, scene)
    if not len(frames):
        return
    track = take_time.interpolated(track, take_time.many_take_seconds(head, scene, frames))
    digests = shown(head)
    for au in which:
        compat.remove_fcurve(head, path_of(au))
        curve = compat.ensure_fcurve(head, path_of(au), group_of(au))
        fit(curve, frames, track[:, AU_NAMES.index(au)])
        curve.select = False
        digests[path_of(au)] = digest(curve)
    remember(head, digests)
    _written_for[head.session_uid] = _now(head, clock or take_time.voice_map(head, scene))


def follow(head: Object, scene: Scene) -> None:
    """Write the curves that are shown and not drawn over for the take that plays now and where it lies."""
    written = shown(head)
    if written:
        drawn = set(drawn_over(head))
        there = {curve.data_path for curve in compat.fcurves(head)}
        show(head, scene, tuple(au for au in AU_NAMES if path_of(au) in written.keys() & there and au not in drawn))


def remove(head: Object) -> None:
    """Take all curves of ours away, those drawn over too; no others."""
    for au in AU_NAMES:
        compat.remove_fcurve(head, path_of(au))
        setattr(settings(head).au_curves, AU_PROPERTIES[au], 0.0)
    remember(head, {})


def fit(curve: FCurve, frames: np.ndarray, values: np.ndarray, tolerance: float = TOLERANCE) -> None:
    """Give a curve as few smooth keys as follow values (T,) at frames (T,) within a tolerance.

    It begins with the two ends; wherever the curve Blender draws is off, the worst place becomes a key.
    """
    values = np.where(np.abs(values) < tolerance / 4, 0.0, values.astype(np.float64))  # rest is rest
    keys = np.unique([0, len(values) - 1])
    off = np.zeros(len(values))
    unsure = np.arange(len(values))
    while len(unsure):
        _write_keys(curve, frames[keys], values[keys])
        off[unsure] = [curve.evaluate(frame) for frame in frames[unsure].tolist()] - values[unsure]
        off[keys] = 0.0
        new = _worst(np.abs(off), keys, tolerance)
        keys = np.union1d(keys, new)
        # A key turns the handles of its neighbours, which bends the curve up to two keys away on either side and hardly
        # farther. Only there it is evaluated again, which is the slowest part; all of it once, when nothing is left.
        at = np.searchsorted(keys, new)
        spans = zip(keys[np.maximum(at - 2, 0)], keys[np.minimum(at + 2, len(keys) - 1)], strict=True)
        near = np.zeros(len(values), bool)
        for start, end in spans:
            near[start : end + 1] = True
        unsure = np.flatnonzero(near) if len(new) or len(unsure) == len(values) else np.arange(len(values))


def _worst(off: np.ndarray, keys: np.ndarray, tolerance: float) -> np.ndarray:
    """Between each two keys the index of the value (T,) that is farthest off, where that is beyond the tolerance."""
    # Sorted by segment and then by how far off they are, the first of every segment is its worst: one key in each at a
    # time, so that few are set and all segments refine at once.
    bad = np.flatnonzero(off > tolerance)
    segment = np.searchsorted(keys, bad)
    order = np.lexsort((-off[bad], segment))
    _, first = np.unique(segment[order], return_index=True)
    return bad[order][first]


def _write_keys(curve: FCurve, frames: np.ndarray, values: np.ndarray) -> None:
    points = curve.keyframe_points
    points.clear()
    points.add(len(frames))
    points.foreach_set("co", np.stack([frames, values], axis=1).ravel().astype(np.float32))
    for name, value in (
        ("interpolation", _BEZIER),
        ("handle_left_type", _AUTO_CLAMPED),
        ("handle_right_type", _AUTO_CLAMPED),
    ):
        points.foreach_set(name, [value] * len(frames))
    for name in ("select_control_point", "select_left_handle", "select_right_handle"):
        points.foreach_set(name, [False] * len(frames))
    curve.update()


def _now(head: Object, clock: Clock | VoiceMap) -> tuple[str, Clock | VoiceMap]:
    entry = active_take(head)
    return ("" if entry is None else entry.path), clock


def why_not(context: Context) -> str:
    """Why there are no curves to show; empty when there are."""
    head = active_head(context)
    if head is None:
        return no_head_reason(context)
    if not compat.can_animate(head):
        return "This head is linked from another file: make a library override first"
    if active_take(head) is None:
        return "Generate a take first"
    return "" if track_of(head) is not None else "The file of this take cannot be read"


class EMODIFFTALK_OT_show_au_curves(Explained, Operator):
    """Write the action units of the take that plays as F-curves."""

    bl_idname = "emodifftalk.show_au_curves"
    bl_label = "Show AU Curves"
    bl_description = (
        "Write the action units of the take that plays as F-curves, to be seen in the Graph Editor. They change "
        "nothing until you edit one: that unit then follows your curve when you generate again. Edited curves stay as "
        "they are"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a take that can be read."""
        return why_not(context)

    def execute(self, context: Context) -> set[str]:
        """Write them."""
        head = active_head(context)
        drawn = drawn_over(head)
        show(head, context.scene, tuple(au for au in AU_NAMES if au not in drawn))
        if sources.take_of(head).aus_emotion is None:
            self.report({"WARNING"}, "This take is of an earlier version: its curves contain what was drawn over it")
        return {"FINISHED"}


class EMODIFFTALK_OT_remove_au_curves(Explained, Operator):
    """Delete the curves of action units from this head, those you have drawn over too, and no others"""

    bl_idname = "emodifftalk.remove_au_curves"
    bl_label = "Remove AU Curves"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With curves of ours."""
        head = active_head(context)
        paths = {path_of(au) for au in AU_NAMES}
        if head is None or not any(curve.data_path in paths for curve in compat.fcurves(head)):
            return "This head has no AU curves"
        return "" if compat.can_animate(head) else "This head is linked from another file"

    def invoke(self, context: Context, event: bpy.types.Event) -> set[str]:
        """Ask first where work would be lost."""
        drawn = drawn_over(active_head(context))
        if not drawn:
            return self.execute(context)
        message = f"{len(drawn)} of them {'is' if len(drawn) == 1 else 'are'} drawn over by hand."
        return {*context.window_manager.invoke_confirm(self, event, title="Remove AU Curves", message=message)}

    def execute(self, context: Context) -> set[str]:
        """Delete them."""
        remove(active_head(context))
        return {"FINISHED"}


class EMODIFFTALK_OT_reset_au_curve(Explained, Operator):
    """Give up what was drawn over this unit: its curve shows what voice and feelings give again"""

    bl_idname = "emodifftalk.reset_au_curve"
    bl_label = "Back to the Take"
    bl_options = {"REGISTER", "UNDO"}

    au: EnumProperty(
        name="Action Unit",
        description="The unit whose curve is given up",
        items=_UNITS,
    )

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a take that can be read."""
        return why_not(context)

    def execute(self, context: Context) -> set[str]:
        """Write it as the take has it."""
        show(active_head(context), context.scene, (self.au,))
        return {"FINISHED"}


class EMODIFFTALK_OT_isolate_au_curve(Explained, Operator):
    """Show only this unit's curve in the Graph Editor; once more, and all are back. With Shift, hide it or show it"""

    bl_idname = "emodifftalk.isolate_au_curve"
    bl_label = "Isolate"
    bl_options = {"REGISTER", "UNDO"}

    au: EnumProperty(
        name="Action Unit",
        description="The unit whose curve is shown alone",
        items=_UNITS,
    )
    alone: BoolProperty(
        name="Alone", description="Hide the others; else only this one is hidden or shown", default=True
    )

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With curves of ours."""
        return EMODIFFTALK_OT_remove_au_curves.why_not(context)

    def invoke(self, context: Context, event: bpy.types.Event) -> set[str]:
        """Shift takes the others out of it."""
        self.alone = not event.shift
        return self.execute(context)

    def execute(self, context: Context) -> set[str]:
        """Hide and show."""
        head = active_head(context)
        paths = {path_of(au) for au in AU_NAMES}
        units = {curve.data_path: curve for curve in compat.fcurves(head) if curve.data_path in paths}
        wanted = units.get(path_of(self.au))
        if wanted is None:
            return {"CANCELLED"}
        if not self.alone:
            wanted.hide = not wanted.hide
            return {"FINISHED"}
        lonely = not wanted.hide and all(curve.hide for curve in units.values() if curve != wanted)
        for curve in compat.fcurves(head):
            curve.hide, curve.select = not lonely and curve != wanted, False
        wanted.select = not lonely
        redraw(TIME_EDITORS)
        return {"FINISHED"}


@bpy.app.handlers.persistent
def _on_frame(scene: Scene, depsgraph: Depsgraph | None = None) -> None:
    # The take moves with its voice, and so must the curves that only show it; never under a render.
    if bpy.app.is_job_running("RENDER"):
        return
    for head in heads(scene):
        if not settings(head).au_shown:
            continue
        now = _now(head, take_time.take_clock(head, scene) or take_time.voice_map(head, scene))
        if _written_for.setdefault(head.session_uid, now) != now:
            _written_for[head.session_uid] = now
            follow(head, scene)


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    _written_for.clear()


_CLASSES = (
    EMODIFFTALK_OT_show_au_curves,
    EMODIFFTALK_OT_remove_au_curves,
    EMODIFFTALK_OT_reset_au_curve,
    EMODIFFTALK_OT_isolate_au_curve,
)

ADDS = Adds(
    classes=_CLASSES,
    handlers=(("frame_change_post", _on_frame), ("load_post", _on_load)),
    listens=((TAKE_CHANGED, follow),),
)
