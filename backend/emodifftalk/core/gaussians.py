"""One frame of 3D Gaussians, and quaternion arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .arrays import Floats
from .errors import UserError
from .limits import COLOURS, FARTHEST, LARGEST


@dataclass(frozen=True)
class Gaussians:
    """Gaussians of one frame, float32.

    means: (N, 3) metres.
    quats: (N, 4) unit, wxyz.
    scales: (N, 3) metres, linear.
    opacities: (N,) 0..1, linear.
    colors: (N, 3) 0..1, display-referred sRGB.
    """

    means: Floats
    quats: Floats
    scales: Floats
    opacities: Floats
    colors: Floats

    def __len__(self) -> int:
        return len(self.means)

    def transformed(self, matrix: Floats) -> Gaussians:
        """The Gaussians moved by any affine `matrix` (4, 4). What it leaves as it was stays the very same array.

        Another scale along every axis, or a shear, turns each ellipsoid into another one, which takes longer.
        """
        matrix = np.asarray(matrix, np.float64)
        linear = matrix[:3, :3]
        means = (self.means @ linear.T + matrix[:3, 3]).astype(np.float32)
        # linear = u diag(stretch) vt. One stretch for all axes: a rotation u vt times a size, and the ellipsoids stay
        # what they are; otherwise each is made anew from its half covariance, linear R(quat) diag(scales).
        u, stretch, vt = np.linalg.svd(linear)
        if stretch.max() - stretch.min() > 1e-4 * stretch.max():
            quats, scales = _ellipsoids(linear @ (quat_to_matrix(normalize(self.quats)) * self.scales[:, None, :]))
            return replace(self, means=means, quats=quats, scales=scales)
        # Where u vt mirrors, -u vt rotates: an ellipsoid is the same under -1, and a quaternion cannot mirror.
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


def expect_bounds(name: str, means: Floats, scales: Floats, colors: Floats) -> None:
    """Raise UserError, naming the file, when Gaussians lie or reach further, or shine more, than any scene's."""
    for what, numbers, low, high in (
        ("lies too far away", means, -FARTHEST, FARTHEST),
        ("is too large", scales, 0.0, LARGEST),
        ("has a colour that no screen shows", colors, *COLOURS),
    ):
        if numbers.size and not (numbers.min() >= low and numbers.max() <= high):  # what is not a number is neither
            raise UserError(
                f"{name} is damaged: a Gaussian {what} ({numbers.min():.3g} to {numbers.max():.3g}, where {low:g} to "
                f"{high:g} make sense)."
            )


def _ellipsoids(halves: Floats) -> tuple[Floats, Floats]:
    """Quaternions (N, 4) and scales (N, 3), float32, of ellipsoids whose covariances are `halves` (N, 3, 3) times their
    transposes."""
    # One row that is not finite would fail the whole batch in LAPACK: it goes through as the unit ball and comes out as
    # NaN, as it came in.
    good = np.isfinite(halves).all(axis=(1, 2))
    halves = np.where(good[:, None, None], halves, np.eye(3))
    # Covariance H H^T = axes diag(squares) axes^T: its eigenvectors are where the ellipsoid points, the roots of its
    # eigenvalues how long it is. Flipping one axis where the three are left-handed makes them a rotation.
    squares, axes = np.linalg.eigh(halves @ halves.transpose(0, 2, 1))
    axes[:, :, 0] *= np.sign(np.linalg.det(axes))[:, None]
    scales = np.where(good[:, None], np.sqrt(np.maximum(squares, 0)), np.nan)
    return matrix_to_quat(axes).astype(np.float32), scales.astype(np.float32)


def normalize(vectors: Floats) -> Floats:
    """Vectors (..., D) at unit length; a zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Floats = vectors / np.maximum(length, 1e-12)
    return unit


def quat_multiply(a: Floats, b: Floats) -> Floats:
    """Hamilton product of quaternions (..., 4) wxyz: first b, then a."""
    # Components first, so that the same formula serves numbers, arrays and tensors; then last again.
    parts = hamilton_product(np.moveaxis(np.asarray(a), -1, 0), np.moveaxis(np.asarray(b), -1, 0))
    return np.stack(parts, axis=-1)


def hamilton_product(a: Iterable[Any], b: Iterable[Any]) -> tuple[Any, Any, Any, Any]:
    """Components w, x, y, z of the product of two quaternions given as theirs: numbers, arrays or tensors."""
    aw, ax, ay, az = a
    bw, bx, by, bz = b
    return (
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    )


def quat_to_matrix(quats: Floats) -> Floats:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4) wxyz."""
    # The nine entries as arrays (...,), stacked into rows and columns at the end: no loop over quaternions.
    w, x, y, z = np.moveaxis(np.asarray(quats), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def matrix_to_quat(matrices: Floats) -> Floats:
    """Unit quaternions (..., 4) wxyz, w >= 0, of rotation matrices (..., 3, 3).

    Each of the four candidate formulas is best conditioned for some rotations; the one with the largest leading
    component is taken.
    """
    # Row k of `candidates` (..., 4, 4) is 4 q_k q: each is the quaternion, times four of its own components. The
    # diagonal holds 4 q_k^2, so its maximum names the row that is divided by least.
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
