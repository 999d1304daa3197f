"""Where a take lies on the timeline: it moves with the voice it was made for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from bpy.types import Object, Scene

from emodifftalk.core.clock import Clock
from emodifftalk.core.facs import FPS
from emodifftalk.core.voice_time import TakeTime, VoiceMap, from_text

from ..blender import compat
from ..scene.heads import active_take
from ..scene.strips import scene_clock, strip_scene, strips_of
from ..timeline.timeline import playing
from . import memory


@dataclass(frozen=True)
class Anchor:
    """Where a take's second 0 lies, so that the face moves with its voice.

    uid: of the voice strip it follows; empty without a voice.
    offset: seconds after the content start of that strip.
    zero_frame: frame of the timeline where there is no such strip.
    """

    uid: str
    offset: float
    zero_frame: float


def zero_frame(anchor: Anchor, scene: Scene) -> float:
    """Frame of a take's second 0 as the timeline is now; `scene` holds the strips."""
    strips = strips_of(anchor.uid, scene)
    if not strips:
        return anchor.zero_frame
    return scene_clock(scene, compat.content_start(strips[0])).frame(anchor.offset)


_maps: dict[int, tuple[tuple, VoiceMap]] = memory.keep({})
"""The last map of every head (by session uid), with what it was made from."""


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


def many_take_seconds(head: Object, scene: Scene, frames: Sequence[float] | np.ndarray) -> np.ndarray:
    """Seconds (N,) into the head's active take at frames (N,) of the timeline."""
    heard, clock = voice_map(head, scene), scene_clock(scene)
    if heard is not None:
        return heard.many(np.array(frames, np.float64) / clock.rate)
    start = take_clock(head, scene)
    return (np.array(frames, np.float64) - start.zero) / start.rate


def by_frame(track: np.ndarray, head: Object, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Frames (N,) of the timeline at which the active take moves, and what plays in each (N, …) of something that the
    take has 25 times a second (T, …)."""
    heard, clock = voice_map(head, scene), scene_clock(scene)
    if heard is None:
        start = take_clock(head, scene)
        first, last = clock.seconds(start.zero), clock.seconds(start.frame((len(track) - 1) / FPS))
    else:
        first, last = heard.reach(len(track) / FPS)
    # Whole frames that lie in the take, give or take rounding, and for each of them the nearest row of the track:
    # nothing is made up between two.
    frames = np.arange(np.ceil(clock.frame(first) - 1e-6), np.floor(clock.frame(last) + 1e-6) + 1)
    seconds = many_take_seconds(head, scene, frames)
    return frames, track[np.rint(seconds * FPS).astype(int).clip(0, len(track) - 1)]


def interpolated(track: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """What plays at seconds (N,) of a take of something that it has 25 times a second (T, …): (N, …), blended between
    the take's frames as the face is."""
    rows = (seconds * FPS).clip(0, len(track) - 1)
    before = np.minimum(rows.astype(int), max(len(track) - 2, 0))
    share = (rows - before).reshape(-1, *[1] * (track.ndim - 1))
    blend: np.ndarray = track[before] * (1 - share) + track[np.minimum(before + 1, len(track) - 1)] * share
    return blend


def voice_map(head: Object, scene: Scene) -> VoiceMap | None:
    """From the timeline's seconds to those of the active take, through the voice strips as they are now; None for a
    take without a voice, of an earlier version, or of which nothing is on the timeline any more."""
    entry = active_take(head)
    if entry is None or not entry.spoken:
        return None
    key = (entry.spoken, entry.zero_frame, scene.render.fps, scene.render.fps_base, playing(head, scene))
    remembered = _maps.get(head.session_uid)
    if remembered is None or remembered[0] != key:
        began = scene_clock(scene).seconds(entry.zero_frame)
        remembered = key, VoiceMap(from_text(entry.spoken), key[-1], began)
        _maps[head.session_uid] = remembered
    return remembered[1] if remembered[1] else None


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
