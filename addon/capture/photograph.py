"""The loop that photographs: what exists is kept, what is half written never counts, progress and time left are told."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import bpy

from emodifftalk.core.camera import Camera
from emodifftalk.core.errors import UserError
from emodifftalk.core.range_of_motion import Shot

from .character import Character
from .dome import add_camera, apply_camera
from .whole_picture import is_whole

Report = Callable[[int, int, str, float], None]
"""Called with (pictures done, pictures in all, name of the latest, seconds left)."""
_PARTIAL = ".unfinished.png"
_ENOUGH_BYTES = 4 << 20


def prepare(scene: bpy.types.Scene, engine: str, samples: int) -> None:
    """Set the scene up for pictures with mattes. engine: `cycles` or `eevee`."""
    render = scene.render
    _set_engine(scene, engine)
    if engine == "cycles":
        scene.cycles.samples, scene.cycles.use_denoising = samples, True
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
    if engine == "cycles":
        scene.render.engine = "CYCLES"
        return
    try:
        scene.render.engine = "BLENDER_EEVEE"
    except TypeError:  # its name before 5.0
        scene.render.engine = "BLENDER_EEVEE_NEXT"


def picture_path(folder: Path, index: int, shot: str, camera: str) -> Path:
    """Where the picture of shot number `index` by a camera lies."""
    return folder / "pictures" / f"{index:03d}_{shot}_{camera}.png"


def photograph(
    scene: bpy.types.Scene,
    character: Character,
    shots: Sequence[Shot],
    cameras: Mapping[str, Camera],
    folder: Path,
    report: Report,
) -> None:
    """Take every picture that is not there yet. Raises UserError when the disk is full or a picture is empty."""
    wanted = [(i, shot, [(c, picture_path(folder, i, shot.name, c)) for c in shot.cameras]) for i, shot in enumerate(shots)]
    missing = [
        (i, shot, [(c, path) for c, path in pictures if not _is_there(path, cameras[c])])
        for i, shot, pictures in wanted
    ]
    total = sum(len(pictures) for _, _, pictures in wanted)
    left = sum(len(pictures) for _, _, pictures in missing)
    began, taken = time.monotonic(), 0
    if left < total:
        report(total - left, total, "kept", 0.0)
    for _, shot, pictures in missing:
        if not pictures:
            continue
        character.pose(shot.units)
        for name, path in pictures:
            apply_camera(scene, cameras[name], character.to_world)
            _take(scene, path, cameras[name])
            taken += 1
            left -= 1
            report(total - left, total, path.stem, (time.monotonic() - began) / taken * left)



def _is_there(path: Path, camera: Camera) -> bool:
    return is_whole(path, camera.width, camera.height)


def _take(scene: bpy.types.Scene, path: Path, camera: Camera) -> None:
    """Render to a temporary name, then give it its own: what has the name is whole."""
    partial = path.with_suffix(_PARTIAL)
    partial.unlink(missing_ok=True)
    scene.render.filepath = str(partial)
    reason = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.render.render(write_still=True)
    except (RuntimeError, OSError) as error:
        reason = str(error).strip().removeprefix("Error: ")
    if reason or not is_whole(partial, camera.width, camera.height):
        partial.unlink(missing_ok=True)
        raise UserError(_why_not_written(path, reason))
    os.replace(partial, path)


def _why_not_written(path: Path, reason: str) -> str:
    try:
        full = shutil.disk_usage(path.parent).free < _ENOUGH_BYTES
    except OSError:
        full = False
    if full or "No space left" in reason:
        return f"The disk of {path.parent} is full: make room and start again, the pictures taken so far are kept."
    return f"The picture {path} could not be written{f' ({reason})' if reason else ''}: check its folder."
