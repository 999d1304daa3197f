"""A pinhole camera as gsplat and OpenCV see it: x right, y down, z forward, pixel centres at +0.5."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .arrays import Floats


@dataclass(frozen=True)
class Camera:
    """A view of the world.

    viewmat: (4, 4) float64, world (metres) to camera.
    K: (3, 3) float64 intrinsics, pixels.
    width, height: pixels.
    """

    viewmat: Floats
    K: Floats
    width: int
    height: int

    def resized(self, width: int, height: int) -> Camera:
        """The same view with another number of pixels."""
        # The rows of K for x and y scale, the last stays: centres at +0.5 make it a plain factor.
        scale = np.array([[width / self.width], [height / self.height], [1.0]])
        return Camera(self.viewmat, self.K * scale, width, height)

    def project(self, points: Floats) -> Floats:
        """Pixels and depth (..., 3) = (x, y, z) of world points (..., 3) in metres."""
        # R p + t for rows of points is points @ R^T + t; then K and the division by depth, which is the third number.
        local = points @ self.viewmat[:3, :3].T + self.viewmat[:3, 3]
        image = local @ self.K.T
        return np.concatenate([image[..., :2] / image[..., 2:], local[..., 2:]], axis=-1)


def look_at(
    eye: tuple[float, float, float],
    target: tuple[float, float, float],
    width: int,
    height: int,
    fov_y_deg: float = 20.0,
    up: tuple[float, float, float] = (0.0, 0.0, 1.0),
) -> Camera:
    """A camera at `eye` (world metres) looking at `target`, with a vertical field of view in degrees."""
    eye_, forward = np.asarray(eye, float), np.asarray(target, float) - np.asarray(eye, float)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, np.asarray(up, float))
    right /= np.linalg.norm(right)
    # Rows are the camera's axes in the world, x right, y down, z forward; -R eye then puts the eye at the origin.
    rotation = np.stack([right, np.cross(forward, right), forward])
    viewmat = np.eye(4)
    viewmat[:3, :3], viewmat[:3, 3] = rotation, -rotation @ eye_
    focal = 0.5 * height / math.tan(math.radians(fov_y_deg) / 2)
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    return Camera(viewmat, K, width, height)
