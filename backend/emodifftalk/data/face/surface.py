"""Points near a triangulated surface."""

from __future__ import annotations

import numpy as np


def nearest_on_triangles(points: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest place on one triangle per point: barycentric (P, 3) and distance (P,).

    points: (P, 3); corners: (P, 3, 3).
    """
    # Inside: p - a = v ab + w ac in least squares, Cramer's rule on the 2 × 2 normal equations of every pair at once.
    # Degenerate triangles have no area: any v, w will do, one of their sides is nearer anyway.
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac = b - a, c - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    ap = points - a
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    area = d00 * d11 - d01 * d01
    area = np.where(area > 1e-24, area, 1)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    options = [np.stack([1 - v - w, v, w], axis=-1)]
    for first, second in ((0, 1), (1, 2), (2, 0)):
        edge = corners[:, second] - corners[:, first]
        # On a side: the foot of the perpendicular, t in 0..1 along it; cut off at the ends, which covers the corners.
        t = ((points - corners[:, first]) * edge).sum(-1) / np.maximum((edge * edge).sum(-1), 1e-24)
        option = np.zeros((len(points), 3))
        t = np.clip(t, 0, 1)
        option[:, first], option[:, second] = 1 - t, t
        options.append(option)
    # The four candidates (P, 4, 3) by distance. The foot on the plane counts only when it lies inside the triangle;
    # there it is nearer than any side.
    bary = np.stack(options, axis=1)
    distance = np.linalg.norm((bary[..., None] * corners[:, None]).sum(axis=2) - points[:, None], axis=-1)
    distance[:, 0] = np.where(bary[:, 0].min(axis=-1) >= 0, distance[:, 0], np.inf)
    best = distance.argmin(axis=1)
    rows = np.arange(len(points))
    return bary[rows, best], distance[rows, best]
