"""Blender's camera made to see exactly what a calibrated camera describes."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from emodifftalk.core.camera import Camera

# OpenCV looks along +z with y down, Blender along -z with y up.
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
_SENSOR = 36.0


def apply_camera(scene: bpy.types.Scene, camera: Camera, to_world: np.ndarray) -> None:
    """Let the scene's camera see what `camera` describes (square pixels, centred lens).

    to_world: (4, 4) turn, uniform scale and shift from the camera's frame to the scene.
    """
    # Camera to scene: to_world @ viewmat^-1, then OpenCV's axes to Blender's. The scale, the cube root of what volumes
    # are multiplied by, is taken off again: a camera object has none, only its clip planes are measured in scene units.
    scale = float(np.cbrt(np.linalg.det(to_world[:3, :3])))
    matrix = to_world @ np.linalg.inv(camera.viewmat) @ _FLIP
    matrix[:3, :3] /= scale
    scene.camera.matrix_world = [list(column) for column in matrix.T]
    lens: Any = scene.camera.data  # a Camera
    lens.type, lens.sensor_fit, lens.sensor_width = "PERSP", "HORIZONTAL", _SENSOR
    lens.lens = float(camera.K[0, 0]) * _SENSOR / camera.width
    lens.clip_start, lens.clip_end = 0.05 * scale, 20.0 * scale
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = camera.width, camera.height, 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0


def add_camera(scene: bpy.types.Scene) -> None:
    """Give the scene a camera of the capture's own."""
    scene.camera = bpy.data.objects.new("capture", bpy.data.cameras.new("capture"))
    scene.collection.objects.link(scene.camera)
