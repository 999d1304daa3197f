"""Playing takes: the current Gaussians of a head, and its sketch moved at every frame change. No backend needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from bpy.types import Depsgraph, Object, Scene

from emodifftalk.core import extent, voice_time
from emodifftalk.core.errors import UserError

from ..blender.redraw import VIEWS, redraw
from ..blender.registering import Adds
from ..scene.bells import LOOK_CHANGED
from ..scene.heads import drawn, is_still, settings
from . import memory, origin, sources, take_time
from .latest import Latest

if TYPE_CHECKING:
    from emodifftalk.core.gaussians import Gaussians
    from emodifftalk.core.subject import Subject
    from emodifftalk.core.take import Take, TakeFrame

problems: dict[int, str] = memory.keep({})
"""Why a head (by session uid) cannot be played, one sentence; shown in its panel."""


previews: dict[int, dict[float, TakeFrame]] = memory.keep({})
"""Frames of takes that are still to be made, by head (session uid) and frame of the timeline: shown in viewports
instead of the take, never rendered or exported. `takes.live` fills them."""
_posed: Latest[tuple, tuple[Gaussians, Subject, Take | TakeFrame | None]] = memory.keep(Latest(8))
_frames: Latest[tuple, tuple[TakeFrame, Subject, Take]] = memory.keep(Latest(4))
"""Both with what they were made from: the keys name objects by `id`, which must not pass to others meanwhile."""


def preview_of(head: Object, scene: Scene) -> TakeFrame | None:
    """What is shown of a head at the scene's frame instead of its take, while that is out of date."""
    return previews.get(head.session_uid, {}).get(round(scene.frame_current_final, 3))


def current_gaussians(
    head: Object, depsgraph_or_scene: Depsgraph | Scene, chosen: voice_time.TakeTime | None = None
) -> Gaussians:
    """The head's Gaussians now, in its subject's OWN space (metres), looking where its gaze is keyed to.

    `origin.to_object` and `origin.to_world` lead on from there.

    depsgraph_or_scene: whose frame counts; a render's depsgraph never shows previews.
    chosen: a moment of the take, instead of the one at that frame; it shows no preview either.

    A head without a take shows its canonical Gaussians. The last few answers are kept: the same frame twice is free.
    Raises UserError when the subject or the take cannot be read, or do not belong together.
    """
    from emodifftalk.core.gaze import gazing

    if is_still(head.original):
        return sources.still_gaussians(head.original)
    gaze = _gaze(head, depsgraph_or_scene)
    head = head.original
    scene = depsgraph_or_scene.scene if isinstance(depsgraph_or_scene, Depsgraph) else depsgraph_or_scene
    subject, take = sources.subject_of(head), sources.take_of(head)
    moment, where = None, voice_time.TakeTime(0.0)
    if chosen is None and getattr(depsgraph_or_scene, "mode", "VIEWPORT") == "VIEWPORT":
        moment = preview_of(head, scene)
    if moment is None and take is not None:
        # The evaluated scene knows the frame being rendered; the original one holds the strips.
        frame = scene.frame_current_final
        where = take_time.take_moment(head, scene.original, frame) if chosen is None else chosen
    seconds = min(max(where.seconds, 0.0), take.duration) if take is not None else 0.0
    source = take if moment is None else moment
    key = (id(subject), id(source), round(seconds, 6), round(where.mouth_rest, 4), gaze)

    def pose() -> tuple[Gaussians, Subject, Take | TakeFrame | None]:
        shown = moment
        if shown is None and take is not None:
            shown = _frame_at(subject, take, voice_time.TakeTime(seconds, where.mouth_rest))
        return gazing(subject, shown, np.array(gaze)), subject, source

    return _posed.get(key, pose)[0]


def _gaze(head: Object, depsgraph_or_scene: Depsgraph | Scene) -> tuple[float, float]:
    """Yaw and pitch, radians, as animated: renders have a frame of their own, known to their depsgraph alone."""
    if isinstance(depsgraph_or_scene, Depsgraph):
        head = head.original.evaluated_get(depsgraph_or_scene)
    head_settings = settings(head)
    return round(head_settings.gaze_yaw, 5), round(head_settings.gaze_pitch, 5)


def current_frame(head: Object, scene: Scene) -> TakeFrame | None:
    """The take's frame (point offsets, AUs …) at the scene's current frame, None without a take. Raises UserError."""
    take = sources.take_of(head)
    if take is None:
        return None
    return _frame_at(sources.subject_of(head), take, take_time.take_moment(head, scene))


def _frame_at(subject: Subject, take: Take, where: voice_time.TakeTime) -> TakeFrame:
    """Made once for the sketch and the Gaussians."""
    from emodifftalk.core.mouth import resting

    key = (id(subject), id(take), round(min(max(where.seconds, 0.0), take.duration), 6), round(where.mouth_rest, 4))
    return _frames.get(key, lambda: (resting(subject, take.at(where.seconds), where.mouth_rest), subject, take))[0]


def refresh(scene: Scene) -> None:
    """Move every head's sketch to the scene's current frame and have the views drawn again. Meshes of earlier versions
    learn where own space lies."""
    for head in drawn(scene):
        try:
            _move_sketch(head, scene)
            problems.pop(head.session_uid, None)
        except UserError as error:
            problems[head.session_uid] = str(error)
    redraw(VIEWS)


def _move_sketch(head: Object, scene: Scene) -> None:
    # Meshes must not change under a render that is reading them, nor those of another file.
    if bpy.app.is_job_running("RENDER") or head.library is not None or head.data.library is not None:
        return
    mesh: Any = head.data  # a Mesh
    if is_still(head):
        if origin.may_learn(mesh):
            origin.remember_points(mesh)
        return
    subject = sources.subject_of(head)
    points, offsets = subject.template.neutral, _offsets(head, subject, scene)
    if offsets is not None:
        if len(offsets) != len(points):
            raise UserError(f"The take of {head.name} was made with another subject: generate it again.")
        points = points + offsets
    origin.move_points(head, points)
    if origin.may_learn(mesh):
        origin.add_corners(mesh, extent.solid_box(subject.gaussians))


def _offsets(head: Object, subject: Subject, scene: Scene) -> np.ndarray | None:
    """How far the sketch's points (V, 3) are moved, metres; None without a take. A hundredth of what a frame costs."""
    from emodifftalk.core.mouth import resting_offsets

    preview = preview_of(head, scene)
    if preview is not None:
        return preview.offsets
    take = sources.take_of(head)
    if take is None:
        return None
    where = take_time.take_moment(head, scene)
    return resting_offsets(subject, take.offsets_at(where.seconds), where.mouth_rest)


def forget() -> None:
    """Drop everything that was read, and what was made of it."""
    memory.clear()


@bpy.app.handlers.persistent
def _on_frame(scene: Scene, depsgraph: Depsgraph | None = None) -> None:
    refresh(scene)


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    forget()
    for scene in bpy.data.scenes:
        refresh(scene)


ADDS = Adds(
    handlers=(("frame_change_post", _on_frame), ("load_post", _on_load)),
    listens=((LOOK_CHANGED, refresh),),
)
