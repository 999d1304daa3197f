"""How a property moves over time, whatever moves it: an F-curve of the action, the NLA, a driver.

A plain F-curve is read as it is. The NLA and drivers only exist evaluated: for them a scene of our own steps through
the frames, and is gone again before anything is drawn. The playhead stays, and no frame-change handler hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import bpy
import numpy as np
from bpy.types import ID, Scene

from . import compat, memory
from .state import State

Evaluate = Callable[[float], float]
"""Value at a (fractional) frame."""


@dataclass
class _Stage(State):
    """in_use: whether frames are being stepped through right now."""

    in_use: bool = False


_state = memory.keep(_Stage())


def is_stepping() -> bool:
    """Whether frames are being stepped through right now; handlers of ours keep still then."""
    return _state.in_use


def evaluators(block: ID, scene: Scene, paths: Sequence[str], frames: Sequence[float]) -> dict[str, Evaluate]:
    """Of the properties `paths` of a head or a scene, those that something animates, each with its value at a frame.

    frames: those that will be asked for; evaluated ones are held outside and straight between them. What a driver or
    the NLA moves is brought back to the playhead of `scene` afterwards, as any change of the frame would.
    """
    plain = {curve.data_path: curve.evaluate for curve in compat.fcurves(block) if not curve.mute}
    readers: dict[str, Evaluate] = {path: plain[path] for path in paths if path in plain}
    woven = [path for path in paths if _is_woven(block, path, path in plain)]
    if woven:
        columns = _evaluated(block, scene, woven, frames)
        for path, column in zip(woven, columns.T, strict=True):
            readers[path] = _reader(np.asarray(frames, np.float64), column)
    return readers


def _reader(frames: np.ndarray, values: np.ndarray) -> Evaluate:
    return lambda frame: float(np.interp(frame, frames, values))


def _is_woven(block: compat.Block, path: str, has_curve: bool) -> bool:
    """Whether the action's own F-curve does not tell the whole story of a property."""
    data = block.animation_data
    if data is None:
        return False
    if any(driver.data_path == path and not driver.mute for driver in data.drivers):
        return True
    if any(curve.data_path == path for curve in compat.nla_fcurves(block)):
        return True
    return has_curve and (data.action_blend_type != "REPLACE" or data.action_influence < 1)


def _evaluated(block: ID, scene: Scene, paths: Sequence[str], frames: Sequence[float]) -> np.ndarray:
    """Values (frames, paths), float64."""
    rows = []
    with _stage(block) as stage:
        layer = stage.view_layers[0]
        for frame in (*frames, scene.frame_current_final):  # the last brings the original back to where it was
            stage.frame_float = frame
            layer.update()
            graph = layer.depsgraph
            seen = graph.scene_eval if isinstance(block, Scene) else block.evaluated_get(graph)
            rows.append([float(seen.path_resolve(path)) for path in paths])
    # (frames + 1, paths) without the row that was for the original only; the shape is said because NumPy cannot know
    # the number of paths when there are no frames.
    return np.array(rows[:-1], np.float64).reshape(len(frames), len(paths))


@contextmanager
def _stage(block: ID) -> Iterator[Scene]:
    """A scene in which nothing but the block, and what moves it, is evaluated: of a scene, its copy without objects."""
    _state.in_use, observer = True, None
    if isinstance(block, Scene):
        stage = block.copy()
        for child in list(stage.collection.children):
            stage.collection.children.unlink(child)
        for obj in list(stage.collection.objects):
            stage.collection.objects.unlink(obj)
    else:
        # A head that is hidden would not be evaluated, nor is its mesh of use: something that looks at the head is
        # there instead, and Blender evaluates what it looks at.
        stage = bpy.data.scenes.new("EmoDiffTalk")
        observer = bpy.data.objects.new("EmoDiffTalk", None)
        stage.collection.objects.link(observer)
        target = observer.driver_add("location", 0).driver.variables.new().targets[0]
        target.id, target.data_path = block, "emodifftalk.valence"
    try:
        yield stage
    finally:
        bpy.data.scenes.remove(stage)
        if observer is not None:
            bpy.data.objects.remove(observer)
        _state.in_use = False
