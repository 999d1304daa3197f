"""Points fixed to places on an actor's skin: they follow it through every pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from .actor import Actor


@dataclass(frozen=True)
class Attachment:
    """matrix: (V, N) sparse, from the actor's vertices to the attached points."""

    matrix: sp.csr_matrix

    def follow(self, vertices: np.ndarray) -> np.ndarray:
        """The attached points (V, 3) float32 when the actor's vertices are at (N, 3), metres."""
        return (self.matrix @ vertices).astype(np.float32)


class Unrolled:
    """The skin in one pose seen from the axis of the head: coordinates (s, z) in metres, s = angle × radius.

    The axis is vertical through x = 0, y = `axis_y`; s = 0 is the middle of the face, positive to the head's left.
    """

    RADIUS = 0.09

    def __init__(self, actor: Actor, vertices: np.ndarray) -> None:
        matrix, triangles = actor.skin_surface
        self._matrix = matrix
        surface = matrix @ vertices
        eye = actor.neutral[actor.vertices_of("eye_left")]
        self.axis_y = float(eye[:, 1].mean()) + 0.075
        plane, depth = self.flatten(surface)
        # Only what faces away from the axis, in front: no back of the head, no inside of the mouth or socket.
        # Signed area in (s, z): positive when counter-clockwise as seen from outside.
        corners = plane[triangles]
        a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        outside = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0) & (np.abs(corners[:, :, 0]).max(axis=1) < 0.2)
        self._triangles = triangles[outside]
        self._corners = corners[outside]
        self._depth = depth[self._triangles]
        self._tree = cKDTree(self._corners.mean(axis=1))

    def flatten(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(s, z) (..., 2) and distance from the axis (...,) of points (..., 3)."""
        x, y = points[..., 0], points[..., 1] - self.axis_y
        return np.stack([np.arctan2(x, -y) * self.RADIUS, points[..., 2]], axis=-1), np.hypot(x, y)

    def hit(self, plane: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The outermost skin at (s, z) (P, 2): triangle (P,) (-1 where none is), barycentric (P, 3), distance (P,)."""
        # Barycentric coordinates (P, 160, 3) of every place in the triangles whose middles are nearest, as ratios of
        # signed areas; of those that contain it, the farthest from the axis is the skin one sees.
        _, near = self._tree.query(plane, k=min(160, len(self._triangles)))
        c = self._corners[near]
        a, b, p = c[:, :, 1] - c[:, :, 0], c[:, :, 2] - c[:, :, 0], plane[:, None] - c[:, :, 0]
        area = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
        v = (p[..., 0] * b[..., 1] - p[..., 1] * b[..., 0]) / area
        w = (a[..., 0] * p[..., 1] - a[..., 1] * p[..., 0]) / area
        bary = np.stack([1 - v - w, v, w], axis=-1)
        depth = (bary * self._depth[near]).sum(axis=-1)
        depth[(bary.min(axis=-1) < -1e-6)] = -np.inf
        best = depth.argmax(axis=1)
        rows = np.arange(len(plane))
        covered = depth[rows, best] > -np.inf
        return np.where(covered, near[rows, best], -1), bary[rows, best], depth[rows, best]

    def attach(self, plane: np.ndarray) -> Attachment:
        """Fix points at (s, z) (P, 2) to the outermost skin there. Raises ValueError where there is no skin."""
        triangle, bary, _ = self.hit(plane)
        if (triangle < 0).any():
            raise ValueError(f"{(triangle < 0).sum()} template points miss the skin, first at {plane[triangle < 0][0]}")
        # pick (P, M) takes three surface points each, matrix (M, N) makes those of the mesh's vertices: one (P, N).
        rows = np.repeat(np.arange(len(plane)), 3)
        shape = (len(plane), self._matrix.shape[0])
        pick = sp.csr_matrix((bary.ravel(), (rows, self._triangles[triangle].ravel())), shape=shape)
        return Attachment((pick @ self._matrix).tocsr())
