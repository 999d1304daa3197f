"""A numbered .ply sequence written inside Blender, for machines without the backend: named and oriented as it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from bpy.types import Object, Scene

from emodifftalk.core import axes
from emodifftalk.core.errors import UserError
from emodifftalk.core.formats.ply import write_ply
from emodifftalk.core.gaussians import Gaussians
from emodifftalk.core.thinning import important, thinned
from emodifftalk.core.whole_file import folder_for_files

from ..playback import gaussians as playback
from ..playback import origin, sources, take_time


@dataclass(frozen=True)
class PlySequence:
    """How a sequence is written.

    folder: where.
    name: files are NAME.0001.ply and so on, the number that of the frame.
    world: in world space with the objects' transforms, animation included; else each head in its subject's own space.
    axes: one of `core.axes.AXES`.
    scale: lengths are multiplied by it.
    keep: share of the Gaussians, above 0 to 1, the most important ones.
    overwrite: replace files of an earlier export.
    """

    folder: Path
    name: str
    world: bool = False
    axes: str = "rdf"
    scale: float = 1.0
    keep: float = 1.0
    overwrite: bool = False


def write_ply_frames(heads: list[Object], scene: Scene, frames: range, sequence: PlySequence) -> list[Path]:
    """Write all heads in one set of Gaussians, a file for every frame, and return the paths.

    The scene's current frame is put back. Raises UserError when a file is in the way or cannot be written; nothing is
    left behind then.
    """
    if not sequence.name or Path(sequence.name).name != sequence.name:
        raise UserError(f"The name “{sequence.name}” must be a plain file name.")
    paths = [sequence.folder / f"{sequence.name}.{frame:04d}.ply" for frame in frames]
    standing = next((path for path in paths if path.exists()), None)
    if standing is not None and not sequence.overwrite:
        raise UserError(f"{standing.name} exists already: choose another name or allow overwriting.")
    before, manager = (scene.frame_current, scene.frame_subframe), bpy.context.window_manager
    rows, swell = _rows(heads, sequence.keep)
    manager.progress_begin(0, len(paths))
    try:
        with folder_for_files(sequence.folder), _all_or_none() as written:
            for number, (frame, path) in enumerate(zip(frames, paths, strict=True)):
                scene.frame_set(frame)  # whatever is animated is then as it is in that frame: gaze, object, drivers
                gaussians = Gaussians.concatenate([_posed(head, scene, sequence.world) for head in heads])
                if rows is not None:
                    gaussians = thinned(gaussians, rows, swell)
                write_ply(path, axes.turned(gaussians, "blender", sequence.axes, sequence.scale))
                written.append(path)
                manager.progress_update(number + 1)
    except OSError as error:
        raise UserError(f"{sequence.folder} cannot be written: {error.strerror or error}.") from error
    finally:
        manager.progress_end()
        scene.frame_set(before[0], subframe=before[1])
    return paths


@contextmanager
def _all_or_none() -> Iterator[list[Path]]:
    """Files the block has written, deleted when it fails: nothing here would go on from them."""
    written: list[Path] = []
    try:
        yield written
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _posed(head: Object, scene: Scene, world: bool) -> Gaussians:
    gaussians = playback.current_gaussians(head, scene, take_time.take_moment(head, scene))
    return gaussians.transformed(origin.to_world(head)) if world else gaussians


def _rows(heads: list[Object], keep: float) -> tuple[np.ndarray | None, np.float32]:
    """Which Gaussians of all heads are written, None for all, and the factor by which they grow."""
    if keep >= 1.0:
        return None, np.float32(1.0)
    return important(Gaussians.concatenate([sources.canonical_of(head) for head in heads]), keep)
