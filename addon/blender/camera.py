"""Blender's cameras and viewports as the pinhole cameras the Gaussians are drawn with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from bpy.types import Depsgraph, Object, Region, RegionView3D, Scene
from mathutils import Matrix

from emodifftalk.core.camera import Camera
from emodifftalk.core.errors import UserError

_MIN_NEAR = 1e-4
"""Metres. The projection divides by the depth of a perspective view."""


@dataclass(frozen=True)
class View:
    """A camera with what a renderer needs beside it.

    camera: for an orthographic view, K's focal lengths are pixels per metre and depth does not divide.
    near, far: view depths in metres outside which no centre of a Gaussian is drawn.
    """

    camera: Camera
    orthographic: bool = False
    near: float = 0.01
    far: float = 1e10

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.camera.width

    @property
    def height(self) -> int:
        """Pixels down."""
        return self.camera.height

    def depths(self, points: np.ndarray) -> np.ndarray:
        """View depth (N,) float32, metres along the optical axis, of world points (N, 3)."""
        # The third row of (R | t) alone: depth = r3 · x + t3. In float32, for it is asked of every Gaussian.
        row = self.camera.viewmat[2].astype(np.float32)
        return points @ row[:3] + row[3]

    def ray(self, pixel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the ray through a place (2,) in pixels begins (3,), at the near plane, and its direction (3,)."""
        K, turn = self.camera.K, self.camera.viewmat[:3, :3]
        # K undone: x = (u - cx) / fx, at depth 1. Under an orthographic camera that is metres already and all rays are
        # parallel; under a perspective one they leave the eye, and depth scales them.
        flat = (np.asarray(pixel, float) - K[:2, 2]) / np.diag(K)[:2]
        local = np.array([*flat, self.near]) if self.orthographic else np.array([*flat, 1.0]) * self.near
        direction = np.array([0.0, 0.0, 1.0]) if self.orthographic else local / np.linalg.norm(local)
        # From camera to world: R is orthonormal, so its transpose undoes it.
        return turn.T @ (local - self.camera.viewmat[:3, 3]), turn.T @ direction

    def cropped(self, left: int, top: int, width: int, height: int) -> View:
        """The part of the picture whose top left pixel is (left, top), top row first."""
        K = self.camera.K.copy()
        K[0, 2] -= left
        K[1, 2] -= top
        return replace(self, camera=Camera(self.camera.viewmat, K, width, height))


def view_from_matrices(view_matrix: Matrix, projection: Matrix, width: int, height: int) -> View:
    """A View from OpenGL matrices.

    Shift, sensor fit, zoom and the clip range are all in the projection, so nothing else has to be asked for.

    view_matrix: (4, 4) world to camera, y up, z backward.
    projection: (4, 4) camera to clip space.
    width, height: pixels.
    """
    view, P = np.array(view_matrix, np.float64), np.array(projection, np.float64)
    # Ours looks along +z with y down: half a turn about x.
    flip = np.diag([1.0, -1.0, -1.0, 1.0])
    # The last row of a perspective divides by -z, (0, 0, -1, 0); that of an orthographic one leaves it, (0, 0, 0, 1).
    orthographic = abs(P[3, 3]) > 0.5
    # Clip space runs from -1 to 1 over the picture: half its size in pixels turns that into focal lengths and centre.
    # Rows count downwards in K, upwards in clip space, so the vertical shift changes its sign.
    K = np.eye(3)
    K[0, 0], K[1, 1] = P[0, 0] * width / 2, P[1, 1] * height / 2
    # near and far: the depths that the third row sends to -1 and 1. A far plane at infinity leaves P[2, 2] at -1.
    if orthographic:
        K[0, 2], K[1, 2] = (1 + P[0, 3]) * width / 2, (1 - P[1, 3]) * height / 2
        near, far = (P[2, 3] + 1) / P[2, 2], (P[2, 3] - 1) / P[2, 2]
    else:
        K[0, 2], K[1, 2] = (1 - P[0, 2]) * width / 2, (1 + P[1, 2]) * height / 2
        near = max(P[2, 3] / (P[2, 2] - 1), _MIN_NEAR)
        far = P[2, 3] / (P[2, 2] + 1) if P[2, 2] > -1 or P[2, 2] < -1 - 1e-9 else np.inf
    far = float(far) if far > near else 1e10
    return View(Camera(flip @ view, K, width, height), bool(orthographic), float(near), far)


def region_view(region: Region, rv3d: RegionView3D) -> View:
    """What a 3D viewport shows, in its pixels."""
    return view_from_matrices(rv3d.view_matrix, rv3d.window_matrix, region.width, region.height)


def picture_size(scene: Scene) -> tuple[int, int]:
    """Width and height in pixels of the whole picture, before any border is cut out of it."""
    render = scene.render
    scale = render.resolution_percentage / 100
    return max(int(render.resolution_x * scale), 1), max(int(render.resolution_y * scale), 1)


def border_box(scene: Scene) -> tuple[int, int, int, int] | None:
    """The render border as (left, top, width, height) in pixels, top row first, or None when there is none."""
    render = scene.render
    if not render.use_border:
        return None
    width, height = picture_size(scene)
    # Blender truncates each side on its own; doing the same keeps our result as large as it expects.
    left, right = int(render.border_min_x * width), int(render.border_max_x * width)
    bottom, top = int(render.border_min_y * height), int(render.border_max_y * height)
    return left, height - top, max(right - left, 1), max(top - bottom, 1)


def camera_view(camera: Object, depsgraph: Depsgraph, border: bool = True) -> View:
    """The scene's camera at the scene's resolution, cut to the render border when there is one.

    camera: an evaluated camera object. Raises UserError when it cannot be drawn with.
    """
    if camera is None or camera.type != "CAMERA":
        raise UserError("The scene has no camera: add one, or make an existing one active (Ctrl Numpad 0).")
    if camera.data.type not in ("PERSP", "ORTHO"):
        raise UserError("EmoDiffTalk cannot draw panoramas: set the camera to Perspective or Orthographic.")
    scene = depsgraph.scene
    width, height = picture_size(scene)
    projection = camera.calc_matrix_camera(
        depsgraph,
        x=width,
        y=height,
        scale_x=scene.render.pixel_aspect_x,
        scale_y=scene.render.pixel_aspect_y,
    )
    # A scaled camera sees as an unscaled one does.
    view_matrix = camera.matrix_world.normalized().inverted()
    view = view_from_matrices(view_matrix, projection, width, height)
    box = border_box(scene) if border else None
    return view if box is None else view.cropped(*box)
