"""A T-shirt: the skin below the neckline, lifted off the body, and a ribbed collar."""

from __future__ import annotations

import numpy as np

from .colours import Places, shirt_height

_PROFILE = 10
_NARROW = 0.115
_HEM, _HEM_ROWS = 0.10, 8
"""Metres that the shirt hangs below the body, and in how many rows."""


def bare_skin(places: Places, surface: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The triangles that the shirt does not cover; they end under the collar."""
    return triangles[shirt_height(places, surface)[triangles].min(axis=1) < 0.006]


def shirt(places: Places, surface: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 3) and triangles of the shirt: 2 to 6 mm off the skin, hanging straight down where the body ends."""
    # Vertex normals: those of the triangles around, which are as long as twice their areas, added up. `add.at`, for a
    # vertex occurs many times in an index.
    corners = surface[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(surface)
    for k in range(3):
        np.add.at(total, triangles[:, k], normal)
    total /= np.linalg.norm(total, axis=1, keepdims=True) + 1e-12
    height = shirt_height(places, surface)
    lift = 0.002 + 0.004 * np.clip(height / 0.03, 0, 1)
    cloth = triangles[height[triangles].min(axis=1) > 0.002]
    points, rows = surface + lift[:, None] * total, [_low_border(surface, triangles)]
    parts = [cloth]
    for _ in range(_HEM_ROWS):
        above = rows[-1]
        below = np.arange(len(above)) + len(points)
        hem = points[above]
        # The hem is a ring: (1, 2, 1) / 4 over neighbours, six times, evens out the jagged cut of the mesh.
        for _ in range(6):
            hem = (np.roll(hem, 1, axis=0) + 2 * hem + np.roll(hem, -1, axis=0)) / 4
        points = np.concatenate([points, hem - [0, 0, _HEM / _HEM_ROWS]])
        ahead, under = np.roll(above, -1), np.roll(below, -1)
        parts += [np.stack([above, below, under], axis=1), np.stack([above, under, ahead], axis=1)]
        rows.append(below)
    faces = np.concatenate(parts)
    used, inverse = np.unique(faces, return_inverse=True)
    points = points[used]
    # The pictures end before the shoulders do: round them off earlier.
    wide = np.abs(points[:, 0])
    points[:, 0] = np.sign(points[:, 0]) * np.where(wide < _NARROW, wide, _NARROW + 0.36 * (wide - _NARROW))
    return points, inverse.reshape(faces.shape)


def _low_border(surface: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The vertices where the body is cut off, in order around it."""
    # Sides that occur once are on the border; the lowest are the cut, put in order by their angle about the middle.
    half = triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    pairs, uses = np.unique(np.sort(half, axis=1), axis=0, return_counts=True)
    edge = np.unique(pairs[uses == 1])
    edge = edge[surface[edge, 2] < surface[edge, 2].min() + 0.06]
    place = surface[edge]
    middle = (place[:, :2].max(axis=0) + place[:, :2].min(axis=0)) / 2
    return edge[np.argsort(np.arctan2(place[:, 1] - middle[1], place[:, 0] - middle[0]))]


def collar(places: Places, surface: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 3) and quads (Q, 4) of a band along the neckline."""
    ring = _neckline(places, surface, triangles)
    # A frame at every point of the ring: along it by central differences, outwards and a little up at right angles to
    # that, up. In the plane of the last two an ellipse of 2.4 by 6.8 mm is swept around.
    along = np.roll(ring, -1, axis=0) - np.roll(ring, 1, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    middle = np.array([0.0, ring[:, 1].mean(), 0.0])
    out = ring - middle
    out[:, 2] = 0
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    out[:, 2] = 0.45
    out -= (out * along).sum(axis=1, keepdims=True) * along
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    up = np.cross(along, out)
    up *= np.sign(up[:, 2:3])
    turn = np.linspace(0, 2 * np.pi, _PROFILE, endpoint=False)
    points = (
        ring[:, None]
        + 0.0024 * np.cos(turn)[None, :, None] * out[:, None]
        + 0.0068 * np.sin(turn)[None, :, None] * up[:, None]
    )
    n = len(ring)
    i, j = np.meshgrid(np.arange(n), np.arange(_PROFILE), indexing="ij")
    k, m = (i + 1) % n, (j + 1) % _PROFILE
    quads = np.stack([i * _PROFILE + j, k * _PROFILE + j, k * _PROFILE + m, i * _PROFILE + m], axis=-1)
    return points.reshape(-1, 3), quads.reshape(-1, 4)


def _neckline(places: Places, surface: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """A smooth closed line (96, 3) where the shirt begins."""
    height = shirt_height(places, surface) - 0.003
    edges = np.unique(np.sort(triangles[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    crossing = edges[(height[edges] > 0).sum(axis=1) == 1]
    a, b = height[crossing[:, 0]], height[crossing[:, 1]]
    # The height is linear on an edge: it is zero at a / (a - b) from the first end. The places are then smoothed over
    # the angle about the neck by a Gaussian of 0.10 radians (angles compared on the circle), (96, N) weights.
    share = (a / (a - b))[:, None]
    points = surface[crossing[:, 0]] * (1 - share) + surface[crossing[:, 1]] * share
    middle = points.mean(axis=0)
    angle = np.arctan2(points[:, 0], points[:, 1] - middle[1])
    distance = np.hypot(points[:, 0], points[:, 1] - middle[1])
    at = np.linspace(-np.pi, np.pi, 96, endpoint=False)
    near = np.exp(-(((np.angle(np.exp(1j * (at[:, None] - angle)))) / 0.10) ** 2))
    near /= near.sum(axis=1, keepdims=True)
    radius, z = near @ distance + 0.0022, near @ points[:, 2]
    return np.stack([radius * np.sin(at), middle[1] + radius * np.cos(at), z], axis=1)
