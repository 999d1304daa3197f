"""Which objects of a scene belong to a character: its face, and what hangs together with it or lies with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import bpy
import numpy as np
from bpy.types import Object

from emodifftalk.core.errors import UserError

SHOWN = {"MESH", "CURVES", "CURVE", "SURFACE", "META", "FONT", "POINTCLOUD", "VOLUME"}
"""Kinds of objects that a picture can show."""


def find_face(scene: bpy.types.Scene, name: str = "", count: Callable[[Object], int] | None = None) -> Object:
    """The mesh with shape keys that `name` means: that object, one below it or else one that hangs
    together with it, or one in the collection of that name.

    count: how many shapes of an object are known; the one with the most is taken. Raises UserError.
    """
    if name:
        named: Object | None = scene.objects.get(name)
        collection: bpy.types.Collection | None = bpy.data.collections.get(name)
        if named is None and collection is None:
            raise UserError(f"The scene has no object “{name}”: give the name of the character's face or armature.")
        objects = list(collection.all_objects) if named is None else [named, *named.children_recursive]
        if named is not None and not any(map(_has_shapes, objects)):
            objects = list(related(named, scene))
    else:
        objects = list(scene.objects)
    faces = [obj for obj in objects if _has_shapes(obj)]
    if not faces:
        whose = f"“{name}”" if name else "This scene"
        raise UserError(f"{whose} has no mesh with shape keys: the face needs shape keys for its expressions.")
    return max(faces, key=count) if count is not None else faces[0]


def _has_shapes(obj: Object) -> bool:
    return obj.type == "MESH" and obj.data.shape_keys is not None


def family_of(face: Object, scene: bpy.types.Scene, listed: Iterable[str] = (), reach: float = 0.0) -> list[Object]:
    """All objects of the character that a picture can show, its face first.

    listed: names the person gave; then nothing is guessed. Otherwise: relatives of the face, and what lies in its
    collections within `reach` units of it. Raises UserError for a listed object that is not there.
    """
    listed = list(listed)
    if listed:
        absent = [name for name in listed if scene.objects.get(name) is None]
        if absent:
            raise UserError(f"In the mapping, “objects” names “{absent[0]}”, which the scene lacks.")
        members = [scene.objects[name] for name in listed]
    else:
        kin = related(face, scene)
        rooms = {c for member in kin for c in member.users_collection}
        members = [obj for obj in scene.objects if obj in kin or _lies_with(obj, face, rooms, reach)]
    return [face, *(obj for obj in members if obj != face and obj.type in SHOWN)]


def related(start: Object, scene: bpy.types.Scene) -> set[Object]:
    """Everything that hangs together with an object by parents, modifiers or the surface that hair grows on."""
    links: dict[Object, set[Object]] = {obj: set() for obj in scene.objects}
    for obj in scene.objects:
        for other in _leans_on(obj):
            if other in links:
                links[obj].add(other)
                links[other].add(obj)
    family, waiting = {start}, [start]
    while waiting:
        for other in links[waiting.pop()] - family:
            family.add(other)
            waiting.append(other)
    return family


def _leans_on(obj: Object) -> list[Object]:
    others = [obj.parent] if obj.parent is not None else []
    modifier: Any  # what it points to depends on its type
    for modifier in obj.modifiers:
        if modifier.type in ("ARMATURE", "LATTICE", "MESH_DEFORM"):
            others.append(modifier.object)
        elif modifier.type in ("SURFACE_DEFORM", "SHRINKWRAP"):
            others.append(modifier.target)
    if obj.type == "CURVES":
        others.append(obj.data.surface)
    return [other for other in others if other is not None]


def _lies_with(obj: Object, face: Object, rooms: set, reach: float) -> bool:
    if obj.type not in SHOWN or not rooms & set(obj.users_collection):
        return False
    middle = bounds(face).mean(axis=0)
    return bool((np.linalg.norm(bounds(obj) - middle, axis=1) < reach).all())


def bounds(obj: Object) -> np.ndarray:
    """The corners (8, 3) of an object's box, in the scene."""
    # matrix @ corner for all eight at once: corners are rows, so the turn is transposed.
    matrix = np.array(obj.matrix_world)
    return np.array([corner[:] for corner in obj.bound_box]) @ matrix[:3, :3].T + matrix[:3, 3]


def hide_others(scene: bpy.types.Scene, family: list[Object]) -> None:
    """Keep everything that a picture could show, but for the family, out of the pictures; lights stay."""
    for obj in scene.objects:
        instances = obj.type == "EMPTY" and obj.instance_type == "COLLECTION"
        if (obj.type in SHOWN or instances) and obj not in family:
            obj.hide_render = True
