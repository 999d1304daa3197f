"""Binding Gaussians to the facial template: facial ones on its triangles, the others by EmoTalk3D's Equation 9."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ...core.errors import UserError
from ...core.gaussians import matrix_to_quat
from ...core.subject import OTF_GROUPS
from ...core.template import FacialTemplate

ALPHA = 0.1  # per millimetre, Equation 9


def sample_face(points: np.ndarray, template: FacialTemplate, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` places on the template: triangle (count,) int32 and barycentric (count, 3) float32.

    points: (F, V, 3) the template in all captured frames. Triangles get Gaussians by the greatest area they ever have
    (so that lids and lips that unfold stay covered), more around eyes, brows and mouth. At least one each: raises
    UserError when `count` is too small for that.
    """
    if count < len(template.faces):
        raise UserError(f"A face needs at least {len(template.faces)} Gaussians, one for each triangle; not {count}.")
    rng = np.random.default_rng(seed)
    # Largest-remainder apportionment: one each, of the others the whole part of its share, and what is then left to the
    # largest fractions (number - 1 - share is minus the fraction). Sums to `count` exactly.
    weight = _areas(points, template.faces).max(axis=0) * _detail(template)
    share = weight / weight.sum() * (count - len(weight))
    number = 1 + np.floor(share).astype(int)
    remaining = count - number.sum()
    number[np.argsort(number - 1 - share)[:remaining]] += 1
    triangle = np.repeat(np.arange(len(number)), number)
    # Low-discrepancy points, n-th of its triangle times 1/ρ and 1/ρ² modulo 1, fill each triangle evenly; a random
    # shift per triangle keeps rows from lining up. Folding u + v > 1 makes the unit square a triangle.
    order = np.arange(count) - np.repeat(np.cumsum(number) - number, number)
    u = np.stack([(order + 0.5) * 0.7548776662 % 1, (order + 0.5) * 0.5698402910 % 1], axis=1)
    u = (u + rng.random((len(number), 2))[triangle] * (number[triangle] > 2)[:, None]) % 1
    u[u.sum(axis=1) > 1] = 1 - u[u.sum(axis=1) > 1]
    bary = np.stack([1 - u.sum(axis=1), u[:, 0], u[:, 1]], axis=1)
    bary[number[triangle] == 1] = 1 / 3
    return triangle.astype(np.int32), bary.astype(np.float32)


def stretched_spacing(points: np.ndarray, template: FacialTemplate, triangle: np.ndarray) -> np.ndarray:
    """Distance (Nf,) metres between neighbours when their triangle is as large as it ever is in points (F, V, 3).

    A Gaussian of that size still covers its share of a lid that unfolds in a blink.
    """
    # √(area / n): the side of the square that each of n Gaussians has to itself.
    area = _areas(points, template.faces).max(axis=0)
    number = np.bincount(triangle, minlength=len(template.faces))
    return np.sqrt(area / np.maximum(number, 1))[triangle]


def _areas(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Areas (F, T) of the triangles of points (F, V, 3)."""
    corners = points[:, faces]
    sides = corners[:, :, 1:] - corners[:, :, :1]
    return np.linalg.norm(np.cross(sides[:, :, 0], sides[:, :, 1]), axis=-1) / 2


def _detail(template: FacialTemplate) -> np.ndarray:
    """How finely each triangle (F,) wants to be covered, 1 for plain skin."""
    names = [n for n in template.landmarks if n.startswith(("lip_", "lid_", "brow_"))]
    # 1 on plain skin, up to 4 at lips, lids and brows, fading over 6 mm: detail is there, and it is looked at.
    features = template.neutral[np.unique(np.concatenate([template.landmarks[n] for n in names]))]
    gap = cKDTree(features).query(template.neutral[template.faces].mean(axis=1))[0]
    return 1 + 3.0 * np.exp(-gap / 0.006)


def triangle_frames(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., F, 3, 3) of triangles: columns along the first edge, across it, and the normal."""
    a, b, c = (points[..., faces[:, k], :] for k in range(3))
    # Gram-Schmidt: the first edge, the normal, and normal × edge, so that columns are right-handed and orthonormal.
    along = b - a
    along = along / (np.linalg.norm(along, axis=-1, keepdims=True) + 1e-12)
    normal = np.cross(along, c - a)
    normal = normal / (np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-12)
    return np.stack([along, np.cross(normal, along), normal], axis=-1)


def surface_turns(template: FacialTemplate, points: np.ndarray, triangle: np.ndarray) -> np.ndarray:
    """Quaternions (Nf, 4) wxyz that turn each facial Gaussian's triangle from the neutral face to `points` (V, 3)."""
    # R = B' Bᵀ from the neutral triangle's frame B to the moved one's B': frames are orthonormal, Bᵀ is the inverse.
    # Turned once for each triangle and then picked, for several Gaussians share one.
    neutral = triangle_frames(template.neutral, template.faces)
    turned = triangle_frames(points, template.faces)
    return matrix_to_quat(turned @ np.swapaxes(neutral, -1, -2))[triangle].astype(np.float32)


def bind_others(means: np.ndarray, group: np.ndarray, template: FacialTemplate) -> tuple[np.ndarray, np.ndarray]:
    """Anchor (No,) int32 and weight (No,) float32 of the other-than-face points at `means` (No, 3).

    Equation 9: follow the nearest facial point, by exp(-alpha d), d in millimetres. Eyes and upper teeth are fixed in
    the skull; lower teeth and tongue follow no point, they ride on the jaw.
    """
    distance, anchor = cKDTree(template.neutral).query(means)
    weight = np.exp(-ALPHA * 1000 * distance)
    names = np.array(OTF_GROUPS)[group]
    weight[names != "surround"] = 0.0
    return anchor.astype(np.int32), weight.astype(np.float32)
