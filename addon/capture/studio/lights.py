"""Soft studio light for a head."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

# Name, place from the middle of the head (metres, in our frame), size (metres), watts.
_LAMPS = (
    ("key", (-0.7, -1.1, 0.65), 0.7, 17.0),
    ("fill", (1.0, -0.9, 0.0), 0.9, 6.0),
    ("rim", (0.7, 0.9, 0.8), 0.6, 9.0),
    ("rim2", (-0.9, 0.8, 0.5), 0.6, 6.0),
)


def studio_light(scene: bpy.types.Scene, centre: np.ndarray, to_world: np.ndarray) -> None:
    """A large key, a fill, two rims and an even grey world around `centre` (3,), metres in our frame."""
    world = bpy.data.worlds.new("studio")
    scene.world = world
    world.use_nodes = True
    background: Any = world.node_tree.nodes["Background"].inputs  # the stubs know sockets without values
    background["Color"].default_value = (0.9, 0.95, 1.0, 1)
    background["Strength"].default_value = 0.32
    placed = Matrix(to_world.tolist())
    scale = placed.median_scale
    for name, offset, size, watts in _LAMPS:
        lamp: Any = bpy.data.lights.new(name, "AREA")  # an AreaLight: it has a size
        lamp.energy, lamp.size = watts * scale**2, size * scale
        light = bpy.data.objects.new(name, lamp)
        light.location = placed @ (Vector(centre.tolist()) + Vector(offset))
        inwards = placed.to_3x3() @ -Vector(offset)
        light.rotation_euler = inwards.to_track_quat("-Z", "Y").to_euler()
        # Cameras at the back would see the lamps in front.
        light.visible_camera = False
        scene.collection.objects.link(light)


def is_lit(scene: bpy.types.Scene) -> bool:
    """Whether the scene has a light of its own: a lamp that renders, or a world with a picture of surroundings."""
    if any(obj.type == "LIGHT" and not obj.hide_render for obj in scene.objects):
        return True
    tree = scene.world.node_tree if scene.world is not None else None
    kinds = {"TEX_ENVIRONMENT", "TEX_SKY", "TEX_IMAGE"}
    return tree is not None and any(node.type in kinds for node in tree.nodes)
