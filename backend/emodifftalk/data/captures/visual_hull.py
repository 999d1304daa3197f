"""Where hair and clothes are when no mesh shows them: what all mattes agree on, carved out of a grid of points."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_erosion, map_coordinates

from ...core.camera import Camera

SPACING = 0.004
"""Metres between the points of the grid."""
_SEEN = 0.4
"""Share of the cameras whose pictures must contain a point."""
_MISSING = 0.06
"""Share of the cameras whose mattes may disagree: mattes have holes."""


def carve(
    cameras: list[Camera], mattes: list[np.ndarray], low: np.ndarray, high: np.ndarray, spacing: float = SPACING
) -> np.ndarray:
    """Points (M, 3) float32 on the surface of what the mattes agree on, inside the box from low (3,) to high (3,).

    cameras and mattes (H, W) 0..1 of one moment go together, each matte in its camera's pixels. Metres, any world. The
    hull contains the head: hollows that no outline shows stay filled. Empty when the mattes agree on nothing.
    """
    # Every point of a regular grid (X, Y, Z, 3) is asked; the surface is what erosion by one cell takes away.
    axes = [np.arange(a, b, spacing) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    inside = agree(grid.reshape(-1, 3), cameras, mattes).reshape(grid.shape[:3])
    # The border of the box counts as inside, so that the cut through neck and chest is not taken for a surface.
    surface = inside & ~binary_erosion(inside, border_value=1)
    return grid[surface].astype(np.float32)


def agree(points: np.ndarray, cameras: list[Camera], mattes: list[np.ndarray]) -> np.ndarray:
    """(M,) bool: points (M, 3) inside the mattes of the cameras that see them, and seen by enough cameras."""
    # Points are dropped as soon as too many mattes speak against them: `alive` shrinks fast, and most of the box with
    # it. Points outside a picture are neither seen nor spoken against by its camera.
    most = int(_MISSING * len(cameras))
    alive = np.arange(len(points))
    against, seen = np.zeros(len(points), np.int32), np.zeros(len(points), np.int32)
    for camera, matte in zip(cameras, mattes, strict=True):
        place = camera.project(points[alive])
        inside = ((place > 0) & (place < (camera.width, camera.height, np.inf))).all(axis=1)
        value = np.zeros(len(alive))
        # Matte at (row, column), bilinear. Half a pixel: pixel centres lie at +0.5, array rows at whole numbers.
        value[inside] = map_coordinates(matte, place[inside, 1::-1].T - 0.5, order=1, mode="nearest")
        seen[alive] += inside
        against[alive] += inside & (value < 0.5)
        alive = alive[against[alive] <= most]
    # Two cameras at least: one alone would carve a cone.
    good = np.zeros(len(points), bool)
    good[alive] = seen[alive] >= max(2, _SEEN * len(cameras))
    return good
