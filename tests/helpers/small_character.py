"""A small character as an animator would have one: a face with shape keys named as ARKit does, eyes and hair.

Its face is the shipped template, moved by the template's own action units, so what a capture measures is known. Run
inside Blender.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from emodifftalk.core.facs import ARTICULATIONS, AU_INDEX
from emodifftalk.core.template import FacialTemplate, load_template

_SHAPES = {
    "jawOpen": ("AU26", 1 / 0.6),
    "mouthPucker": ("pucker", 1.0),
    "eyeBlink": ("AU45", 1.0),
    "mouthSmile": ("AU12", 1.0),
    "mouthFrown": ("AU15", 1.0),
}
"""ARKit's shape, both its sides where it has two: the unit it shows, and how strongly."""
_SIDED = ("eyeBlink", "mouthSmile", "mouthFrown")
SHAPE_KEYS: tuple[str, ...] = tuple(
    f"{name}{side}" for name in _SHAPES for side in (("Left", "Right") if name in _SIDED else ("",))
)
"""Names of its shape keys."""
AUS = ("AU12", "AU15", "AU26", "AU45")
"""Action units it can show."""


def build_character(scene: bpy.types.Scene, name: str = "Ada", names: dict[str, str] | None = None) -> bpy.types.Object:
    """Add the character to a scene: an armature, and as its children the face, two eyes and hair; returns the face.

    names: other names for its shape keys.
    """
    template, names = load_template(), names or {}
    rig = bpy.data.objects.new(f"{name} Rig", bpy.data.armatures.new(name))
    scene.collection.objects.link(rig)
    face = _mesh(scene, rig, name, template.neutral, template.faces.tolist(), (0.55, 0.32, 0.24))
    face.shape_key_add(name="Basis")
    for shape in SHAPE_KEYS:
        key = face.shape_key_add(name=names.get(shape, shape))
        key.value = 0.0
        key.data.foreach_set("co", _shaped(template, shape).astype(np.float32).ravel())
    for side in ("left", "right"):
        lids = template.landmarks[f"lid_upper_{side}"], template.landmarks[f"lid_lower_{side}"]
        middle = template.neutral[np.concatenate(lids)].mean(axis=0) + np.array([0, 0.012, 0])
        _ball(scene, rig, f"eye {side}", middle, 0.0125, (0.8, 0.8, 0.8))
    _ball(scene, rig, "hair", template.neutral.mean(axis=0) + np.array([0, 0.075, 0.045]), 0.085, (0.05, 0.03, 0.02))
    return face


def save_character(path: Path, **options) -> Path:
    """Write a .blend with the character, a lamp and a cube that is none of it."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    build_character(scene, **options)
    _ball(scene, None, "planet", np.array([3.0, 0, 0]), 0.5, (0, 0, 1))
    lamp = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "POINT"))
    lamp.location, lamp.data.energy = (0.3, -1.0, 1.4), 30
    scene.collection.objects.link(lamp)
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def _shaped(template: FacialTemplate, shape: str) -> np.ndarray:
    unit, strength = _SHAPES[shape.removesuffix("Left").removesuffix("Right")]
    basis = template.au_basis[AU_INDEX[unit]] if unit in AU_INDEX else None
    moved = strength * (basis if basis is not None else template.articulation_basis[ARTICULATIONS.index(unit)])
    side = {"Left": 1.0, "Right": -1.0}.get(shape[-4:] if shape.endswith("Left") else shape[-5:])
    if side is not None:
        moved = moved * (0.5 + 0.5 * np.clip(side * template.neutral[:, :1] / 0.004, -1, 1))
    return template.neutral + moved


def _mesh(scene, parent, name: str, points: np.ndarray, faces: list, rgb: tuple) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points.tolist(), [], faces)
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*rgb, 1)
    mesh.materials.append(material)
    thing = bpy.data.objects.new(name, mesh)
    thing.parent = parent
    scene.collection.objects.link(thing)
    return thing


def _ball(scene, parent, name: str, middle: np.ndarray, radius: float, rgb: tuple) -> None:
    polar, turn = np.meshgrid(np.linspace(0.05, np.pi - 0.05, 9), np.linspace(0, 2 * np.pi, 12, False), indexing="ij")
    around = np.stack([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)], -1).reshape(-1, 3)
    index = np.arange(9 * 12).reshape(9, 12)
    beside = np.roll(index, -1, axis=1)
    quads = np.stack([index[:-1], index[1:], beside[1:], beside[:-1]], axis=-1).reshape(-1, 4)
    _mesh(scene, parent, name, middle + radius * around, quads.tolist(), rgb)
