"""One frame of 3D Gaussians, and quaternion arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Gaussians:
    """Gaussians of one frame, float32.

    means: (N, 3) metres. quats: (N, 4) unit, wxyz. scales: (N, 3) metres, linear. opacities: (N,) 0..1, linear.
    colors: (N, 3) 0..1, display-referred sRGB.
    """

    means: np.ndarray
    quats: np.ndarray
    scales: np.ndarray
    opacities: np.ndarray
    colors: np.ndarray

    def __len__(self) -> int:
        return len(self.means)

    def transformed(self, matrix: np.ndarray) -> Gaussians:
        """The Gaussians moved by any affine `matrix` (4, 4). What it leaves as it was stays the very same array.

        Another scale along every axis, or a shear, turns each ellipsoid into another one, which takes longer.
        """
        matrix = np.asarray(matrix, np.float64)
        linear = matrix[:3, :3]
        means = (self.means @ linear.T + matrix[:3, 3]).astype(np.float32)
        u, stretch, vt = np.linalg.svd(linear)
        if stretch.max() - stretch.min() > 1e-4 * stretch.max():
            quats, scales = _ellipsoids(linear @ (quat_to_matrix(normalize(self.quats)) * self.scales[:, None, :]))
            return replace(self, means=means, quats=quats, scales=scales)
        turn = matrix_to_quat(u @ vt * np.sign(np.linalg.det(u @ vt)))
        if np.abs(turn - (1, 0, 0, 0)).max() < 1e-9:
            quats = self.quats
        else:
            quats = quat_multiply(np.broadcast_to(turn, self.quats.shape), self.quats).astype(np.float32)
        size = stretch.mean()
        scales = self.scales if abs(size - 1) < 1e-6 else (self.scales * size).astype(np.float32)
        return replace(self, means=means, quats=quats, scales=scales)

    @staticmethod
    def concatenate(parts: list[Gaussians]) -> Gaussians:
        """All Gaussians of several heads in one table."""
        fields = ("means", "quats", "scales", "opacities", "colors")
        return Gaussians(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def _ellipsoids(halves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quaternions (N, 4) and scales (N, 3), float32, of ellipsoids whose covariances are `halves` (N, 3, 3) times their
    transposes."""
    good = np.isfinite(halves).all(axis=(1, 2))
    halves = np.where(good[:, None, None], halves, np.eye(3))
    squares, axes = np.linalg.eigh(halves @ halves.transpose(0, 2, 1))
    axes[:, :, 0] *= np.sign(np.linalg.det(axes))[:, None]
    scales = np.where(good[:, None], np.sqrt(np.maximum(squares, 0)), np.nan)
    return matrix_to_quat(axes).astype(np.float32), scales.astype(np.float32)


def normalize(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., D) at unit length; a zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-12)


def quat_multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product of quaternions (..., 4) wxyz: first b, then a."""
    parts = hamilton_product(np.moveaxis(np.asarray(a), -1, 0), np.moveaxis(np.asarray(b), -1, 0))
    return np.stack(parts, axis=-1)


def hamilton_product(a: Iterable, b: Iterable) -> tuple:
    """Components w, x, y, z of the product of two quaternions given as theirs: numbers, arrays or tensors."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


def quat_to_matrix(quats: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4) wxyz."""
    w, x, y, z = np.moveaxis(np.asarray(quats), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def matrix_to_quat(matrices: np.ndarray) -> np.ndarray:
    """Unit quaternions (..., 4) wxyz, w >= 0, of rotation matrices (..., 3, 3).

    Each of the four candidate formulas is best conditioned for some rotations; the one with the largest leading
    component is taken.
    """
    m = np.asarray(matrices)
    m00, m11, m22 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    a, b, c = m[..., 2, 1], m[..., 0, 2], m[..., 1, 0]
    d, e, f = m[..., 1, 2], m[..., 2, 0], m[..., 0, 1]
    candidates = np.stack(
        [
            np.stack([1 + m00 + m11 + m22, a - d, b - e, c - f], -1),
            np.stack([a - d, 1 + m00 - m11 - m22, c + f, b + e], -1),
            np.stack([b - e, c + f, 1 - m00 + m11 - m22, a + d], -1),
            np.stack([c - f, b + e, a + d, 1 - m00 - m11 + m22], -1),
        ],
        axis=-2,
    )
    best = np.argmax(np.diagonal(candidates, axis1=-2, axis2=-1), axis=-1)
    quats = normalize(np.take_along_axis(candidates, best[..., None, None], axis=-2)[..., 0, :])
    return np.where(quats[..., :1] < 0, -quats, quats)
