"""One sitting: open the file, measure the character, light it, photograph it as planned."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from emodifftalk.core import tensors
from emodifftalk.core.camera import Camera
from emodifftalk.core.dome import calibrate
from emodifftalk.core.errors import UserError
from emodifftalk.core.plan import MESHES, Plan, load_plan
from emodifftalk.core.range_of_motion import ScheduledPose

from .family import find_face
from .lights import is_lit, studio_light
from .photograph import photograph, prepare
from .seeds import seeds
from .shape_keys import ShapeKeyCharacter, face_shapes
from .shape_names import recognise

_SAME = 2e-4
"""Metres within which two measurements are of the same character."""


def photograph_character(blend: Path, folder: Path, say: Callable[[dict], None]) -> None:
    """Measure and photograph the character of `blend` as the plan in `folder` says; what is there already is kept.

    say: told {"event": "measured"} once and {"event": "progress", "done", "total", "text", "left"} for every picture,
    "left" in seconds. Raises UserError.
    """
    plan = load_plan(folder)
    _open(blend)
    scene = bpy.context.scene
    face = find_face(scene, plan.character, count=lambda obj: _shapes_known(obj, plan.mapping))
    face_shapes(face, plan.mapping)
    say({"event": "progress", "done": 0, "total": plan.pictures, "text": f"Measuring {face.name}", "left": 0})
    character = ShapeKeyCharacter(scene, face, plan.mapping)
    try:
        shots = _possible(plan, character.shapes.weights)
        cameras = _measure(character, plan, shots, folder)
        say({"event": "measured"})
        character.show_alone()
        centre, _ = character.frame()
        if plan.studio_light:
            _switch_off_lights(scene)
        if plan.studio_light or not is_lit(scene):
            studio_light(scene, centre, character.to_world)
        prepare(scene, plan.engine, plan.samples)

        def report(done: int, total: int, text: str, left: float) -> None:
            say({"event": "progress", "done": done, "total": total, "text": text, "left": left})

        photograph(scene, character, shots, cameras, folder, report)
    finally:
        character.restore()


def _open(blend: Path) -> None:
    if bpy.data.filepath and Path(bpy.data.filepath).resolve() == blend.resolve():
        return
    if not blend.is_file():
        raise UserError(f"The file {blend} does not exist.")
    try:
        bpy.ops.wm.open_mainfile(filepath=str(blend), load_ui=False)
    except RuntimeError as error:
        raise UserError(f"{blend} cannot be opened: {str(error).strip().removeprefix('Error: ')}") from error


def _shapes_known(obj: bpy.types.Object, mapping: dict) -> int:
    try:
        return len(recognise(obj.data.shape_keys.key_blocks.keys(), mapping).known)
    except UserError:
        return 0


def _possible(plan: Plan, weights: dict) -> list[tuple[int, ScheduledPose]]:
    """The planned shots with their numbers, without what the character has no shapes for."""
    possible = []
    for index, shot in enumerate(plan.shots):
        units = {unit: value for unit, value in shot.units.items() if unit in weights}
        if units or not shot.units:
            possible.append((index, ScheduledPose(shot.name, units, shot.cameras)))
    return possible


def _measure(
    character: ShapeKeyCharacter, plan: Plan, shots: list[tuple[int, ScheduledPose]], folder: Path
) -> dict[str, Camera]:
    """Write what the backend needs to know of the character; returns the calibrated cameras."""
    centre, height = character.frame()
    cameras = calibrate(list(plan.places), centre, height, plan.size)
    seed_points, seed_colors, seed_group = seeds(character.surfaces(), character.eyes, centre, height)
    _must_be_the_same(character, folder)
    units = list(character.moved)
    arrays = {
        "neutral": character.neutral.astype(np.float32),
        "triangles": character.triangles,
        "frames": np.stack([character.points(shot.units) for _, shot in shots]).astype(np.float32),
        "moved": np.stack([character.moved[unit] for unit in units]).astype(np.float32),
        "eyes": character.eyes.astype(np.float32),
        "seed_points": seed_points.astype(np.float32),
        "seed_colors": seed_colors.astype(np.float32),
        "seed_group": seed_group,
        "viewmats": np.stack([cameras[place.name].viewmat for place in plan.places]),
        "Ks": np.stack([cameras[place.name].K for place in plan.places]),
        "to_scene": character.to_world,
    }
    about = {"name": character.name, "units": json.dumps(units), "shots": json.dumps([index for index, _ in shots])}
    tensors.save(folder / MESHES, arrays, {"format": "emodifftalk.meshes", "schema": "1", **about})
    return cameras


def _must_be_the_same(character: ShapeKeyCharacter, folder: Path) -> None:
    """Pictures taken earlier show the character as it was then."""
    if not (folder / MESHES).exists():
        return
    before = tensors.TensorFile(folder / MESHES)
    known, moved = before.read("neutral"), before.read("moved")
    same = known.shape == character.neutral.shape and moved.shape == (len(character.moved), *known.shape)
    if same:
        new = np.stack(list(character.moved.values()))
        same = max(np.abs(known - character.neutral).max(), np.abs(moved - new).max()) < _SAME
    if not same:
        raise UserError(
            f"“{character.name}” has changed since the pictures in {folder} were taken: capture into another folder, "
            "or overwrite."
        )


def _switch_off_lights(scene: bpy.types.Scene) -> None:
    for obj in scene.objects:
        if obj.type == "LIGHT":
            obj.hide_render = True
