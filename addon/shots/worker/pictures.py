"""One frame into one file, which has its name only when it is whole."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import bpy
from bpy.types import Scene

from emodifftalk.core.errors import UserError
from emodifftalk.core.whole_file import finish_part
from emodifftalk.shots.complete_picture import is_complete
from emodifftalk.shots.journal import unfinished

from ...blender import compat

_LITTLE = 4 << 20
"""Bytes of free disk under which a file that is not whole is blamed on them."""


class DiskFull(UserError):
    """No room for another frame."""


def render_picture(scene: Scene, frame: int, path: Path) -> None:
    """Render a frame of the scene into a file. Raises UserError, DiskFull."""
    partial, reason = unfinished(path), ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        scene.frame_set(frame)
        scene.render.filepath = compat.literal_path(str(partial))
        bpy.ops.render.render(write_still=True, scene=scene.name)
    except (RuntimeError, OSError) as error:
        reason = " ".join(str(error).strip().removeprefix("Error: ").split())
    if reason or not is_complete(partial):
        partial.unlink(missing_ok=True)
        raise not_written(path, reason)
    keep(partial, path)


def keep(partial: Path, path: Path) -> None:
    """Give a whole file its own name, when its content is on the disk. Raises OSError."""
    file = os.open(partial, os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)
    finish_part(partial, path)


def not_written(path: Path, reason: str) -> UserError:
    """What to say when a file did not come to be."""
    try:
        full = shutil.disk_usage(path.parent).free < _LITTLE
    except OSError:
        full = False
    if full or "No space left" in reason:
        return DiskFull(f"The disk of {path.parent} is full: make room and run the list again.")
    return UserError(reason or f"Blender wrote no whole {path.name}; the shot's log says more.")
