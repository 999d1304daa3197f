"""The loop that photographs: what is there is kept, what is half written never counts, the time left is told."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from emodifftalk.core.camera import Camera
from emodifftalk.core.errors import UserError
from emodifftalk.core.range_of_motion import ScheduledPose, Units
from emodifftalk.core.whole_file import finish_part

from .camera import add_camera, apply_camera
from .character import Character
from .whole_picture import is_whole

Report = Callable[[int, int, str, float], None]
"""Called with (pictures done, pictures in all, name of the latest, seconds left)."""
_PARTIAL = ".unfinished.png"
_ENOUGH_BYTES = 4 << 20
_LEAST_MATTE = 0.02
"""Share of the picture that a head fills at the very least."""


def prepare(scene: bpy.types.Scene, engine: str, samples: int) -> None:
    """Set the scene up for pictures with mattes. engine: `cycles` or `eevee`."""
    render = scene.render
    _set_engine(scene, engine)
    if engine == "cycles":
        scene.cycles.samples, scene.cycles.use_denoising = samples, True
        # Half the time of the best denoising; the pictures differ by less than the noise that is left (47 dB).
        scene.cycles.denoising_prefilter, scene.cycles.denoising_quality = "FAST", "BALANCED"
        scene.cycles.use_adaptive_sampling = True
        scene.cycles.max_bounces = min(scene.cycles.max_bounces, 5)
    else:
        scene.eevee.taa_render_samples = samples
    render.use_persistent_data = True
    render.film_transparent = True
    # What the person does to finished pictures does not belong to the head.
    render.use_compositing = render.use_sequencer = render.use_stamp = False
    render.use_border = render.use_multiview = render.use_motion_blur = False
    render.filter_size = 1.2
    picture = render.image_settings
    if hasattr(picture, "media_type"):  # 5.0 chooses between pictures and videos first
        picture.media_type = "IMAGE"
    picture.file_format, picture.color_mode, picture.color_depth = "PNG", "RGBA", "8"
    add_camera(scene)


def _set_engine(scene: bpy.types.Scene, engine: str) -> None:
    render: Any = scene.render  # the stubs know a single engine
    if engine == "cycles":
        render.engine = "CYCLES"
        return
    try:
        render.engine = "BLENDER_EEVEE"
    except TypeError:  # its name before 5.0
        render.engine = "BLENDER_EEVEE_NEXT"


def picture_path(folder: Path, index: int, shot: str, camera: str) -> Path:
    """Where the picture of shot number `index` by a camera lies."""
    return folder / "pictures" / f"{index:03d}_{shot}_{camera}.png"


@dataclass(frozen=True)
class _Picture:
    units: Units
    camera: Camera
    path: Path

    def is_there(self) -> bool:
        return is_whole(self.path, self.camera.width, self.camera.height)


def photograph(
    scene: bpy.types.Scene,
    character: Character,
    shots: Sequence[tuple[int, ScheduledPose]],
    cameras: Mapping[str, Camera],
    folder: Path,
    report: Report,
) -> None:
    """Take every picture that is not there yet. shots: with their numbers in the plan.

    Raises UserError when the disk is full or the character cannot be seen.
    """
    wanted = [
        _Picture(shot.units, cameras[name], picture_path(folder, index, shot.name, name))
        for index, shot in shots
        for name in shot.cameras
    ]
    missing = [picture for picture in wanted if not picture.is_there()]
    earlier, total = len(wanted) - len(missing), len(wanted)
    if earlier:
        report(earlier, total, "pictures kept", 0.0)
    began, posed = time.monotonic(), None
    for taken, picture in enumerate(missing, start=1):
        if picture.units is not posed:
            character.pose(picture.units)
            posed = picture.units
        apply_camera(scene, picture.camera, character.to_world)
        _take(scene, picture)
        if taken == 1:
            _must_show_something(picture.path)
        left = (time.monotonic() - began) / taken * (len(missing) - taken)
        report(earlier + taken, total, picture.path.stem, left)


def _take(scene: bpy.types.Scene, picture: _Picture) -> None:
    """Render to a temporary name, then give it its own: what has the name is whole."""
    path, partial = picture.path, picture.path.with_suffix(_PARTIAL)
    partial.unlink(missing_ok=True)
    scene.render.filepath = str(partial)
    reason = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.render.render(write_still=True)
    except (RuntimeError, OSError) as error:
        reason = str(error).strip().removeprefix("Error: ")
    if reason or not replace(picture, path=partial).is_there():
        partial.unlink(missing_ok=True)
        raise UserError(_why_not_written(path, reason))
    finish_part(partial, path)


def _why_not_written(path: Path, reason: str) -> str:
    try:
        full = shutil.disk_usage(path.parent).free < _ENOUGH_BYTES
    except OSError:
        full = False
    if full or "No space left" in reason:
        return f"The disk of {path.parent} is full: make room and start again, the pictures taken so far are kept."
    return f"The picture {path} could not be written{f' ({reason})' if reason else ''}: check its folder."


def _must_show_something(path: Path) -> None:
    """Refuse to go on when the first picture is empty: all others would be."""
    picture = bpy.data.images.load(str(path))
    stored: Any = picture.pixels  # an array, which the stubs take for a number
    pixels = np.empty(len(stored), np.float32)
    stored.foreach_get(pixels)
    bpy.data.images.remove(picture)
    # Four numbers a pixel, RGBA: the mean of every fourth is the share of the picture that is filled.
    if pixels[3::4].mean() < _LEAST_MATTE:
        path.unlink()
        raise UserError("The first picture is empty: the character is hidden from rendering or without a surface.")
