"""Calibrated cameras around the head, and soft studio light."""

from __future__ import annotations

import math

import bpy
import numpy as np
from mathutils import Vector

from emodifftalk.core.camera import Camera, look_at
from emodifftalk.data.capture import CaptureCamera

FIELD_OF_VIEW = 17.0  # degrees


def dome_cameras(centre: np.ndarray, height: float, size: int) -> list[CaptureCamera]:
    """11 cameras over 180 degrees on the head's plane (EmoTalk3D), 4 raised or lowered ones, and 2 held out between.

    centre: (3,) metres, height: metres of the head that fill the picture, size: pixels, square.
    """
    distance = 0.5 * height / math.tan(math.radians(FIELD_OF_VIEW) / 2)
    places = [(f"ring{i:02d}", -90 + 18 * i, 0.0, "train") for i in range(11)]
    places += [("high_left", 40, 28, "train"), ("high_right", -40, 28, "train")]
    places += [("low_left", 25, -22, "train"), ("low_right", -25, -22, "train")]
    places += [("test_right", -27, 4, "test"), ("test_left", 9, 8, "test")]
    cameras = []
    for name, azimuth, elevation, split in places:
        a, e = math.radians(azimuth), math.radians(elevation)
        towards = np.array([math.sin(a) * math.cos(e), -math.cos(a) * math.cos(e), math.sin(e)])
        camera = look_at(tuple(centre + distance * towards), tuple(centre), size, size, FIELD_OF_VIEW)
        cameras.append(CaptureCamera(name, camera, split))
    return cameras


def apply_camera(scene: bpy.types.Scene, camera: Camera) -> None:
    """Make the scene's camera see exactly what `camera` describes (square pixels, centred lens)."""
    if scene.camera is None:
        scene.camera = bpy.data.objects.new("capture", bpy.data.cameras.new("capture"))
        scene.collection.objects.link(scene.camera)
    # OpenCV looks along +z with y down, Blender along -z with y up.
    flip = np.diag([1.0, -1.0, -1.0, 1.0])
    scene.camera.matrix_world = [list(column) for column in (np.linalg.inv(camera.viewmat) @ flip).T]
    scene.camera.data.sensor_fit = "HORIZONTAL"
    scene.camera.data.sensor_width = 36.0
    scene.camera.data.lens = float(camera.K[0, 0]) * 36.0 / camera.width
    scene.render.resolution_x, scene.render.resolution_y = camera.width, camera.height
    scene.render.resolution_percentage = 100


def light(scene: bpy.types.Scene, centre: np.ndarray) -> None:
    """A large key, a fill, a rim and an even grey world."""
    world = bpy.data.worlds.new("studio")
    scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.9, 0.95, 1.0, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.32
    for name, offset, size, watts in (
        ("key", (-0.7, -1.1, 0.65), 0.7, 17.0),
        ("fill", (1.0, -0.9, 0.0), 0.9, 6.0),
        ("rim", (0.7, 0.9, 0.8), 0.5, 16.0),
        ("rim2", (-0.9, 0.8, 0.5), 0.5, 9.0),
    ):
        lamp = bpy.data.lights.new(name, "AREA")
        lamp.energy, lamp.size = watts, size
        lamp_object = bpy.data.objects.new(name, lamp)
        lamp_object.location = Vector(centre) + Vector(offset)
        lamp_object.rotation_euler = (-Vector(offset)).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(lamp_object)
