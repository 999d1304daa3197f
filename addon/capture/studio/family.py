"""Which objects of a scene belong to a character: its face, and what hangs together with it or lies with it."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np
from bpy.types import Object

from emodifftalk.core.errors import UserError

SHOWN = {"MESH", "CURVES", "CURVE", "SURFACE", "META", "FONT", "POINTCLOUD", "VOLUME"}
"""Kinds of objects that a picture can show."""


def find_face(scene: bpy.types.Scene, name: str = "", count=None) -> Object:
    """The mesh with shape keys that `name` means: that object, one below it or else one that hangs
    together with it, or one in the collection of that name.

    count: how many shapes of an object are known; the one with the most is taken. Raises UserError.
    """
    if name:
        named = scene.objects.get(name)
        collection = bpy.data.collections.get(name)
        if named is None and collection is None:
            raise UserError(f"The scene has no object “{name}”: give the name of the character's face or armature.")
        found = list(collection.all_objects) if named is None else [named, *named.children_recursive]
        if named is not None and not any(map(_has_shapes, found)):
            found = list(related(named, scene))
    else:
        found = list(scene.objects)
    faces = [thing for thing in found if _has_shapes(thing)]
    if not faces:
        whose = f"“{name}”" if name else "This scene"
        raise UserError(f"{whose} has no mesh with shape keys: the face needs shape keys for its expressions.")
    return max(faces, key=count) if count is not None else faces[0]


def _has_shapes(thing: Object) -> bool:
    return thing.type == "MESH" and thing.data.shape_keys is not None


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
        members = [thing for thing in scene.objects if thing in kin or _lies_with(thing, face, rooms, reach)]
    return [face, *(thing for thing in members if thing != face and thing.type in SHOWN)]


def related(start: Object, scene: bpy.types.Scene) -> set[Object]:
    """Everything that hangs together with an object by parents, modifiers or the surface that hair grows on."""
    links: dict[Object, set[Object]] = {thing: set() for thing in scene.objects}
    for thing in scene.objects:
        for other in _leans_on(thing):
            if other in links:
                links[thing].add(other)
                links[other].add(thing)
    family, waiting = {start}, [start]
    while waiting:
        for other in links[waiting.pop()] - family:
            family.add(other)
            waiting.append(other)
    return family


def _leans_on(thing: Object) -> list[Object]:
    others = [thing.parent] if thing.parent is not None else []
    for modifier in thing.modifiers:
        if modifier.type in ("ARMATURE", "LATTICE", "MESH_DEFORM"):
            others.append(modifier.object)
        elif modifier.type in ("SURFACE_DEFORM", "SHRINKWRAP"):
            others.append(modifier.target)
    if thing.type == "CURVES":
        others.append(thing.data.surface)
    return [other for other in others if other is not None]


def _lies_with(thing: Object, face: Object, rooms: set, reach: float) -> bool:
    if thing.type not in SHOWN or not rooms & set(thing.users_collection):
        return False
    middle = bounds(face).mean(axis=0)
    return bool((np.linalg.norm(bounds(thing) - middle, axis=1) < reach).all())


def bounds(thing: Object) -> np.ndarray:
    """The corners (8, 3) of an object's box, in the scene."""
    matrix = np.array(thing.matrix_world)
    return np.array([corner[:] for corner in thing.bound_box]) @ matrix[:3, :3].T + matrix[:3, 3]


def hide_others(scene: bpy.types.Scene, family: list[Object]) -> None:
    """Keep everything that a picture could show, but for the family, out of the pictures; lights stay."""
    for thing in scene.objects:
        instances = thing.type == "EMPTY" and thing.instance_type == "COLLECTION"
        if (thing.type in SHOWN or instances) and thing not in family:
            thing.hide_render = True
