"""What a character is made of as Blender evaluates it: triangles of meshes and points of hair, in our frame."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from bpy.types import Object

_KINDS = {
    "eye": re.compile(r"eye(?!.?(lash|brow|lid|wear|glass))|cornea|sclera", re.IGNORECASE),
    "teeth": re.compile(r"teeth|tooth|gums?\b|denture", re.IGNORECASE),
    "tongue": re.compile(r"tongue", re.IGNORECASE),
}
_GREY = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Surface:
    """One evaluated object.

    points: (P, 3) in our frame, metres.
    triangles: (T, 3); none for hair.
    kind: (T,) `eye`, `teeth`, `tongue` or empty.
    rgb: (T, 3), for hair (P, 3), linear: the colour its material is made with.
    """

    name: str
    points: np.ndarray
    triangles: np.ndarray
    kind: np.ndarray
    rgb: np.ndarray


def surfaces(family: list[Object], to_ours: np.ndarray) -> list[Surface]:
    """All that the family, its face first, shows, instances too. to_ours: (4, 4) from the scene to our frame."""
    graph = bpy.context.evaluated_depsgraph_get()
    members = {obj.session_uid for obj in family if not obj.hide_render}
    shown = []
    for instance in graph.object_instances:
        owner = instance.parent if instance.is_instance else instance.object
        if owner is None or owner.original.session_uid not in members:
            continue
        matrix = to_ours @ np.array(instance.matrix_world)
        # Of a face only the materials tell which part is an eye: its name is the character's.
        name = "" if owner.original == family[0] else owner.original.name
        surface = _surface(instance.object, name, matrix)
        if surface is not None and len(surface.points):
            shown.append(surface)
    return shown


def _surface(obj: Object, name: str, matrix: np.ndarray) -> Surface | None:
    if obj.type == "CURVES":
        points = np.empty((len(obj.data.points), 3), np.float32)
        obj.data.position_data.foreach_get("vector", points.ravel())
        colour = _colour(obj.data.materials[0] if len(obj.data.materials) else None)
        rgb = np.tile(np.array(colour, float), (len(points), 1))
        return Surface(name, _moved(points, matrix), np.empty((0, 3), int), np.empty(0, str), rgb)
    if obj.type not in ("MESH", "CURVE", "SURFACE", "META", "FONT"):
        return None
    try:
        mesh = obj.to_mesh()
    except RuntimeError:
        return None  # a curve without thickness has no surface
    points, triangles, slot = mesh_arrays(mesh)
    materials = [material.material for material in obj.material_slots] or [None]
    kinds = np.array([_kind(name, material) for material in materials])
    colours = np.array([_colour(material) for material in materials])
    obj.to_mesh_clear()
    slot = slot.clip(0, len(materials) - 1)
    return Surface(name, _moved(points, matrix), triangles, kinds[slot], colours[slot])


def mesh_arrays(mesh: bpy.types.Mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (P, 3), triangles (T, 3) and material slot (T,) of a mesh."""
    points = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", points.ravel())
    count = len(mesh.loop_triangles)
    triangles, slot = np.empty((count, 3), np.int32), np.empty(count, np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles.ravel())
    mesh.loop_triangles.foreach_get("material_index", slot)
    return points, triangles, slot


def _moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _kind(name: str, material: bpy.types.Material | None) -> str:
    """What an object's name says, else its material's."""
    for text in (name, material.name if material is not None else ""):
        for kind, pattern in _KINDS.items():
            if pattern.search(text):
                return kind
    return ""


def _colour(material: bpy.types.Material | None) -> tuple[float, float, float]:
    """A material's base colour without its textures: enough for what is learned from pictures anyway."""
    if material is None:
        return _GREY
    nodes = material.node_tree.nodes if material.node_tree is not None else ()
    for node in nodes:
        if node.type == "BSDF_PRINCIPLED" and not node.inputs["Base Color"].is_linked:
            base: Any = node.inputs["Base Color"]  # a socket of colours, whose value the stubs do not know
            return tuple(base.default_value[:3])
    red, green, blue, _ = material.diffuse_color
    return red, green, blue
