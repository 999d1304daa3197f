"""Playing takes: the current Gaussians of a head, and its sketch moved at every frame change. No backend needed."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import bpy
import numpy as np
from bpy.types import Depsgraph, Object, PropertyGroup, Scene

from emodifftalk.core.clock import Clock
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import FPS
from emodifftalk.core.voice_time import TakeTime, VoiceMap, from_text

from ..scene.heads import absolute, heads, is_still, settings
from ..scene.strips import scene_clock, strip_scene
from ..timeline.voice_pieces import playing
from .take_time import Anchor, zero_frame

if TYPE_CHECKING:
    from emodifftalk.core.gaussians import Gaussians
    from emodifftalk.core.subject import Subject
    from emodifftalk.core.take import Take, TakeFrame

T = TypeVar("T")

problems: dict[int, str] = {}
"""Why a head (by session uid) cannot be played, one sentence; shown in its panel."""


class _Files:
    """The last few files read, read again when they change on disk."""

    def __init__(self, read: Callable[[str], T], keep: int) -> None:
        self._read, self._keep = read, keep
        self._kept: OrderedDict[tuple[str, int, int], T] = OrderedDict()

    def __call__(self, path: str) -> T:
        """The file's content. Raises UserError."""
        key = file_key(path)
        if key not in self._kept:
            self._kept[key] = self._read(path)
            while len(self._kept) > self._keep:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()


def file_key(path: str) -> tuple[str, int, int]:
    """What changes when a file changes: path, modification time, size. Raises UserError when it is missing."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise UserError(f"The file {path} cannot be found: relink it in the EmoDiffTalk panel.") from error
    return path, found.st_mtime_ns, found.st_size


def _read_subject(path: str) -> Subject:
    from emodifftalk.core.subject import load_subject

    return load_subject(path)


def _read_take(path: str) -> Take:
    from emodifftalk.core.take import load_take

    return load_take(path)


previews: dict[int, dict[float, TakeFrame]] = {}
"""Frames of takes that are still to be made, by head (session uid) and frame of the timeline: shown in viewports
instead of the take, never rendered or exported. `live` keeps them."""
_subjects = _Files(_read_subject, keep=4)
_stills: dict[tuple, Gaussians] = {}
_takes = _Files(_read_take, keep=8)
_posed: OrderedDict[tuple, tuple[Gaussians, Subject, Take | TakeFrame | None]] = OrderedDict()
_frames: OrderedDict[tuple, tuple[TakeFrame, Subject, Take]] = OrderedDict()
"""Both with what they were made from: the keys name objects by `id`, which must not pass to others meanwhile."""


_maps: dict[int, tuple[tuple, VoiceMap]] = {}
"""The last map of every head (by session uid), with what it was made from."""


def subject_of(head: Object) -> Subject:
    """The head's Subject, read once. Raises UserError."""
    return _subjects(str(absolute(settings(head).subject_path, head)))


def still_gaussians(thing: Object) -> Gaussians:
    """The Gaussians of a still, read once, in its object space. Raises UserError."""
    from emodifftalk.core.formats.gaussian_file import read_gaussians

    kept = settings(thing)
    path = str(absolute(kept.gaussians_path, thing))
    key = (*file_key(path), kept.gaussians_axes)
    if key not in _stills:
        _stills[key] = read_gaussians(path, kept.gaussians_axes or "rdf")
        while len(_stills) > 4:
            _stills.pop(next(iter(_stills)))
    return _stills[key]


def rest_of(thing: Object) -> Gaussians:
    """A head's canonical Gaussians; those of a still, which has no others. Raises UserError."""
    return still_gaussians(thing) if is_still(thing) else subject_of(thing).gaussians


def steers(head: Object) -> bool:
    """Whether the eyes of the head's Subject, as it is on the disk now, can be steered."""
    try:
        return len(subject_of(head).eye_centers) == 2
    except UserError:
        return False


def active_take(head: Object) -> PropertyGroup | None:
    """The entry of the take that plays, a `properties.HeadTake`."""
    kept = settings(head)
    return kept.takes[kept.active_take] if 0 <= kept.active_take < len(kept.takes) else None


def take_of(head: Object) -> Take | None:
    """The take that plays, opened; None when the head has none. Raises UserError when its file is gone or damaged."""
    entry = active_take(head)
    return _takes(str(absolute(entry.path, head))) if entry is not None else None


def take_moment(head: Object, scene: Scene, frame: float | None = None) -> TakeTime:
    """Where the head's active take has to be at a frame (by default the scene's current one), so that it says what its
    voice strips play there."""
    frame = scene.frame_current_final if frame is None else frame
    heard = voice_map(head, scene)
    if heard is not None:
        return heard.at(scene_clock(scene).seconds(frame))
    return TakeTime(take_clock(head, scene).seconds(frame))


def take_seconds(head: Object, scene: Scene, frame: float | None = None) -> float:
    """Seconds into the head's active take at a frame (by default the scene's current one)."""
    return take_moment(head, scene, frame).seconds


def by_frame(track: np.ndarray, head: Object, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Frames (N,) of the timeline at which the active take moves, and what plays in each (N, …) of something that the
    take has 25 times a second (T, …)."""
    heard, clock = voice_map(head, scene), scene_clock(scene)
    if heard is None:
        start = take_clock(head, scene)
        first, last = clock.seconds(start.zero), clock.seconds(start.frame((len(track) - 1) / FPS))
    else:
        first, last = heard.reach(len(track) / FPS)
    frames = np.arange(np.ceil(clock.frame(first) - 1e-6), np.floor(clock.frame(last) + 1e-6) + 1)
    seconds = frames / clock.rate - first if heard is None else heard.many(frames / clock.rate)
    return frames, track[np.rint(seconds * FPS).astype(int).clip(0, len(track) - 1)]


def voice_map(head: Object, scene: Scene) -> VoiceMap | None:
    """From the timeline's seconds to those of the active take, through the voice strips as they are now; None for a
    take without a voice, of an earlier version, or of which nothing is on the timeline any more."""
    entry = active_take(head)
    if entry is None or not entry.spoken:
        return None
    key = (entry.spoken, entry.zero_frame, scene.render.fps, scene.render.fps_base, playing(head, scene))
    kept = _maps.get(head.session_uid)
    if kept is None or kept[0] != key:
        began = scene_clock(scene).seconds(entry.zero_frame)
        kept = key, VoiceMap(from_text(entry.spoken), key[-1], began)
        _maps[head.session_uid] = kept
    return kept[1] if kept[1] else None


def take_clock(head: Object, scene: Scene) -> Clock | None:
    """The timeline with second 0 where the head's active take begins; None when it does not run through as it was made,
    because its voice has been edited since."""
    entry = active_take(head)
    if entry is None:
        return scene_clock(scene)
    heard = voice_map(head, scene)
    if heard is not None:
        return None if heard.shift is None else scene_clock(scene, scene_clock(scene).frame(-heard.shift))
    anchor = Anchor(entry.anchor_uid, entry.anchor_offset, entry.zero_frame)
    return scene_clock(scene, zero_frame(anchor, strip_scene(head, scene)))


def preview_of(head: Object, scene: Scene) -> TakeFrame | None:
    """What is shown of a head at the scene's frame instead of its take, while that is out of date."""
    return previews.get(head.session_uid, {}).get(round(scene.frame_current_final, 3))


def current_gaussians(head: Object, depsgraph_or_scene: Depsgraph | Scene, chosen: TakeTime | None = None) -> Gaussians:
    """The head's Gaussians now, in OBJECT space (metres): its take at the scene's frame, or at a `chosen` moment,
    looking where its gaze is keyed to.

    A preview is preferred where there is one, but for a render's depsgraph and a `chosen` moment. A head without a
    take shows its canonical Gaussians. The last few answers are kept: the same frame twice is free.
    Raises UserError when the subject or the take cannot be read, or do not belong together.
    """
    from emodifftalk.core.gaze import gazing

    if is_still(head.original):
        return still_gaussians(head.original)
    gaze = _gaze(head, depsgraph_or_scene)
    head = head.original
    scene = getattr(depsgraph_or_scene, "scene", depsgraph_or_scene)
    subject, take = subject_of(head), take_of(head)
    moment, where = None, TakeTime(0.0)
    if chosen is None and getattr(depsgraph_or_scene, "mode", "VIEWPORT") == "VIEWPORT":
        moment = preview_of(head, scene)
    if moment is None and take is not None:
        # The evaluated scene knows the frame being rendered; the original one holds the strips.
        frame = scene.frame_current_final
        where = take_moment(head, scene.original, frame) if chosen is None else chosen
    seconds = min(max(where.seconds, 0.0), take.duration) if take is not None else 0.0
    source = take if moment is None else moment
    key = (id(subject), id(source), round(seconds, 6), round(where.rest, 4), gaze)
    if key not in _posed:
        if moment is None and take is not None:
            moment = _frame_at(subject, take, TakeTime(seconds, where.rest))
        _posed[key] = gazing(subject, moment, np.array(gaze)), subject, source
        while len(_posed) > 8:
            _posed.popitem(last=False)
    _posed.move_to_end(key)
    return _posed[key][0]


def _gaze(head: Object, depsgraph_or_scene: Depsgraph | Scene) -> tuple[float, float]:
    """Yaw and pitch, radians, as animated: renders have a frame of their own, known to their depsgraph alone."""
    if isinstance(depsgraph_or_scene, Depsgraph):
        head = head.original.evaluated_get(depsgraph_or_scene)
    kept = settings(head)
    return round(kept.gaze_yaw, 5), round(kept.gaze_pitch, 5)


def current_frame(head: Object, scene: Scene) -> TakeFrame | None:
    """The take's frame (point offsets, AUs …) at the scene's current frame, None without a take. Raises UserError."""
    take = take_of(head)
    if take is None:
        return None
    return _frame_at(subject_of(head), take, take_moment(head, scene))


def _frame_at(subject: Subject, take: Take, where: TakeTime) -> TakeFrame:
    """Made once for the sketch and the Gaussians."""
    from emodifftalk.core.mouth import resting

    key = (id(subject), id(take), round(min(max(where.seconds, 0.0), take.duration), 6), round(where.rest, 4))
    if key not in _frames:
        _frames[key] = resting(subject, take.at(where.seconds), where.rest), subject, take
        while len(_frames) > 4:
            _frames.popitem(last=False)
    return _frames[key][0]


def refresh(scene: Scene) -> None:
    """Move every head's sketch to the scene's current frame and have the views drawn again."""
    for head in heads(scene):
        try:
            _move_sketch(head, scene)
            problems.pop(head.session_uid, None)
        except UserError as error:
            problems[head.session_uid] = str(error)
    _redraw_views()


def _move_sketch(head: Object, scene: Scene) -> None:
    # Meshes must not change under a render that is reading them, nor those of another file.
    if bpy.app.is_job_running("RENDER") or head.library is not None or head.data.library is not None:
        return
    points = subject_of(head).template.neutral
    frame = preview_of(head, scene) or current_frame(head, scene)
    if frame is not None:
        if len(frame.offsets) != len(points):
            raise UserError(f"The take of {head.name} was made with another subject: generate it again.")
        points = points + frame.offsets
    mesh = head.data
    if len(mesh.vertices) == len(points):  # the animator may have changed the sketch: then it stays as it is
        mesh.vertices.foreach_set("co", points.ravel())
        mesh.update()


def _redraw_views() -> None:
    for window in getattr(bpy.context.window_manager, "windows", ()):
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def forget() -> None:
    """Drop everything that was read."""
    _subjects.clear()
    _takes.clear()
    _stills.clear()
    _posed.clear()
    _frames.clear()
    _maps.clear()
    previews.clear()
    problems.clear()


@bpy.app.handlers.persistent
def _on_frame(scene: Scene, depsgraph: Depsgraph | None = None) -> None:
    refresh(scene)


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    forget()
    for scene in bpy.data.scenes:
        refresh(scene)


def register() -> None:
    """Follow the timeline."""
    bpy.app.handlers.frame_change_post.append(_on_frame)
    bpy.app.handlers.load_post.append(_on_load)


def unregister() -> None:
    """Let it go."""
    bpy.app.handlers.load_post.remove(_on_load)
    bpy.app.handlers.frame_change_post.remove(_on_frame)
    forget()
