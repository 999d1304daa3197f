"""Is this a camera? What every reader asks before it believes a calibration."""

from __future__ import annotations

import numpy as np

from ....core.camera import Camera
from ....core.errors import UserError

FOCAL = (0.2, 60.0)
"""Focal length in pictures' longer sides: from a fisheye to a long telephoto lens."""
REASON = 1e9
"""Beyond which no number is a place: a head in millionths of a metre has smaller ones."""
LARGEST = 20000
"""Pixels along a side."""
OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
"""Between OpenGL's camera axes (y up, looking along -z) and OpenCV's (y down, looking along z)."""


def checked_camera(where: str, name: str, viewmat: object, K: object, width: object, height: object) -> Camera:
    """A camera from what a file says: viewmat (4, 4) or (3, 4) world to camera in OpenCV's axes, K (3, 3) in pixels.

    where: the file, for the message. Raises UserError naming the file, the camera and what is wrong with it.
    """
    said = f"{where}: camera {name}"
    try:
        view, intrinsics = np.asarray(viewmat, np.float64), np.asarray(K, np.float64)[:3, :3]
        columns, rows = float(width), float(height)  # type: ignore[arg-type]
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise UserError(f"{said} is not calibrated: {error}.") from error
    if view.shape not in ((4, 4), (3, 4)) or intrinsics.shape != (3, 3):
        raise UserError(f"{said} needs a 4 × 4 pose and 3 × 3 intrinsics.")
    if not (np.isfinite(view).all() and np.isfinite(intrinsics).all()):
        raise UserError(f"{said} contains numbers that are not finite.")
    if not (within_reason(view) and within_reason(intrinsics)):
        raise UserError(f"{said} is farther away than anything.")
    if not (1 < columns <= LARGEST and 1 < rows <= LARGEST):
        raise UserError(f"{said} takes pictures of {columns:g} × {rows:g} pixels, which no camera does.")
    rotation = view[:3, :3]
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=2e-3) or np.linalg.det(rotation) < 0:
        raise UserError(f"{said} has a pose that is not a rotation: calibrate it again, or take out its scale.")
    focal, longer = intrinsics[[0, 1], [0, 1]], max(columns, rows)
    if not all(FOCAL[0] * longer < f < FOCAL[1] * longer for f in focal):
        raise UserError(
            f"{said} has focal lengths {focal[0]:.6g} and {focal[1]:.6g} for pictures of {columns:g} × {rows:g} "
            "pixels: they must be positive and in pixels of these very pictures."
        )
    centre = intrinsics[:2, 2]
    if not (0 < centre[0] < columns and 0 < centre[1] < rows):
        raise UserError(f"{said} has its principal point ({centre[0]:.6g}, {centre[1]:.6g}) outside the picture.")
    if abs(intrinsics[0, 1]) > 0.01 * focal[0] or not np.allclose(intrinsics[[1, 2, 2], [0, 0, 1]], 0, atol=1e-6):
        raise UserError(f"{said} has skewed intrinsics, which are not supported.")
    whole = np.eye(4)
    whole[:3] = view[:3]
    # U Vᵀ is the rotation nearest to what the file says: files round.
    u, _, v = np.linalg.svd(rotation)
    whole[:3, :3] = u @ v
    K_ = np.array([[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1.0]])
    return Camera(whole, K_, round(columns), round(rows))


def world_to_camera(where: str, name: str, pose: object, opengl: bool) -> np.ndarray:
    """The (4, 4) world-to-camera matrix in OpenCV's axes of a camera-to-world `pose` (4, 4) or (3, 4).

    Raises UserError when the pose cannot be turned round.
    """
    try:
        matrix = np.asarray(pose, np.float64)
        if matrix.shape not in ((4, 4), (3, 4)) or not within_reason(matrix):
            raise ValueError
        whole = np.eye(4)
        whole[:3] = matrix[:3, :4]
        # OpenGL's camera axes times diag(1, -1, -1) are OpenCV's; the pose turned round is the view.
        return np.linalg.inv(whole @ OPENGL if opengl else whole)
    except (TypeError, ValueError, IndexError, OverflowError, np.linalg.LinAlgError) as error:
        raise UserError(f"{where}: camera {name} has a pose that is no 4 × 4 matrix of a rotation.") from error


def within_reason(values: np.ndarray) -> bool:
    """Whether all numbers are finite, and none so large that no unit of length explains it."""
    return bool((np.abs(values) < REASON).all())


def intrinsics(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    """K (3, 3) in pixels."""
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])
