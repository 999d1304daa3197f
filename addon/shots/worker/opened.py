"""A shot's file, opened: the right scene, camera and takes, and everything there that its pictures need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
from bpy.types import Object, Scene

from emodifftalk.core.errors import UserError

from ...blender import compat
from ...draw.left_out import CURE, left_out
from ...playback import gaussians, sources, take_time
from ...scene.heads import absolute, active_take, heads, settings
from ...scene.rendered import shows_strips

_FPS = 25  # of takes


@dataclass
class OpenShot:
    """A shot that is ready to be rendered.

    scene: to render.
    journal: where what becomes of its frames is written.
    notes: what a person should know, a sentence each.
    """

    scene: Scene
    journal: Path
    notes: list[str] = field(default_factory=list)

    def confidence(self) -> float | None:
        """The least confidence of the heads rendered at the scene's frame; None when no take says."""
        confidences = [value for head in _rendered(self.scene) if (value := _confidence(head, self.scene)) is not None]
        return min(confidences, default=None)


def open_shot(message: dict) -> OpenShot:
    """Open the file and prepare what is to be rendered. Raises UserError naming what is missing."""
    blend, name = Path(message["blend"]), message["name"]
    try:
        bpy.ops.wm.open_mainfile(filepath=str(blend))
    except RuntimeError as error:
        why = " ".join(str(error).strip().removeprefix("Error: ").split())
        raise UserError(f"The file of “{name}” cannot be opened: {why}") from error
    scene = _scene(message["scene"])
    shot = OpenShot(scene, Path(message["journal"]))
    if bpy.context.window is not None:
        bpy.context.window.scene = scene
    _use_camera(scene, message["camera"])
    for head, take in message["takes"].items():
        _use_take(scene, head, take)
    for head in _rendered(scene):
        _must_be_there(head, scene)
    _use_format(scene, message["format"])
    missing = left_out(scene)
    if missing:
        shot.notes.append(f"{missing} {CURE}")
    if bpy.app.autoexec_fail:
        shot.notes.append(
            "Python in the file was not run, so drivers and rigs may stand still: allow Auto Run Python Scripts in "
            "this Blender's preferences if you trust it."
        )
    return shot


def _scene(name: str) -> Scene:
    if not name:
        return bpy.context.scene
    scene = next((scene for scene in bpy.data.scenes if scene.name == name and scene.library is None), None)
    if scene is None:
        raise UserError(f"There is no scene “{name}”: there are {_listed(bpy.data.scenes)}.")
    return scene


def _use_camera(scene: Scene, name: str) -> None:
    if name:
        cameras = [obj for obj in scene.objects if obj.type == "CAMERA"]
        camera = next((obj for obj in cameras if obj.name == name), None)
        if camera is None:
            raise UserError(f"There is no camera “{name}” in scene “{scene.name}”: there are {_listed(cameras)}.")
        for marker in scene.timeline_markers:  # they would switch to theirs
            marker.camera = None
        scene.camera = camera
    bound = any(marker.camera is not None for marker in scene.timeline_markers)
    if scene.camera is None and not bound and not shows_strips(scene):
        raise UserError(f"Scene “{scene.name}” has no camera: choose one for the shot.")


def _rendered(scene: Scene) -> list[Object]:
    return [head for head in heads(scene) if not head.hide_render]


def _use_take(scene: Scene, name: str, take: str) -> None:
    head = next((head for head in heads(scene) if head.name == name), None)
    if head is None:
        raise UserError(f"There is no head “{name}” in scene “{scene.name}”: there are {_listed(heads(scene))}.")
    head_settings = settings(head)
    for index, entry in enumerate(head_settings.takes):
        if take in (entry.name, str(absolute(entry.path, head))):
            head_settings.active_take = index
            return
    if not Path(take).is_absolute():
        raise UserError(f"“{name}” has no take “{take}”: it has {_listed(head_settings.takes)}.")
    _add_take(head, Path(take), scene)


def _add_take(head: Object, path: Path, scene: Scene) -> None:
    """A take that the file does not list begins where the one that plays does, or with the scene."""
    from emodifftalk.core.take import load_take

    take, head_settings, now = load_take(path), settings(head), active_take(head)
    anchor = (now.anchor_uid, now.anchor_offset, now.zero_frame) if now is not None else ("", 0.0, scene.frame_start)
    entry = head_settings.takes.add()
    entry.name, entry.frames, entry.path = path.stem, take.frames, str(path)
    entry.anchor_uid, entry.anchor_offset, entry.zero_frame = anchor
    head_settings.active_take = len(head_settings.takes) - 1


def _must_be_there(head: Object, scene: Scene) -> None:
    """The engine would leave a head out and go on; a night's work wants to hear of it at once."""
    try:
        sources.subject_of(head)
    except UserError as error:
        raise UserError(f"The subject of “{head.name}” is missing or damaged: {error}") from error
    try:
        gaussians.current_gaussians(head, scene)
    except UserError as error:
        raise UserError(f"The take of “{head.name}” cannot be played: {error}") from error


def _confidence(head: Object, scene: Scene) -> float | None:
    take = sources.take_of(head)
    if take is None or not take.judged:
        return None
    index = round(take_time.take_seconds(head, scene) * _FPS)
    return round(float(take.confidence[min(max(index, 0), take.frames - 1)]), 4)


def _use_format(scene: Scene, style: str) -> None:
    render, picture = scene.render, scene.render.image_settings
    if render.use_multiview:
        raise UserError(f"Scene “{scene.name}” renders several views (Stereoscopy), which the queue cannot yet.")
    render.use_file_extension = False
    if picture.file_format == style:
        return  # with the depth, compression and colours that were chosen for it
    compat.choose_format(picture, style)
    if style != "OPEN_EXR_MULTILAYER" and style != "JPEG":
        picture.color_mode = "RGBA" if render.film_transparent else "RGB"
    if style.startswith("OPEN_EXR"):
        picture.color_depth = "16"


def _listed(named: Iterable[Any]) -> str:
    """Names of what has one, six at most."""
    names = [f"“{one.name}”" for one in named]
    return ", ".join(names[:6]) + (" …" if len(names) > 6 else "") or "none"
