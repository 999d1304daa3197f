"""Bending the template onto a face: first by what is known of single points, then by the shape and its moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.interpolate import RBFInterpolator
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from .frame import Shape
from .surface import nearest_on_triangles
from .view import Unrolling, look

_SPACING = 0.0015  # metres between samples of the surface
_NORMAL = 0.010  # metres that a normal turned by one radian counts when places are matched
_MOVE = 0.5  # how much a metre of different movement counts against a metre of distance
_STIFFNESS = np.geomspace(30.0, 0.3, 24)
_SLIDE = 0.1  # weight of a match along the surface against one across it


@dataclass(frozen=True)
class Samples:
    """Places on the visible surface of a posed face.

    places: (S, 3) metres.
    triangle: (S,) of the face.
    normals: (S, 3) unit vectors, smooth across triangles.
    moves: (S, C) metres, all moves of the face side by side.
    tree: over places and normals (S, 6), a radian counting as `_NORMAL` metres.
    """

    places: np.ndarray
    triangle: np.ndarray
    normals: np.ndarray
    moves: np.ndarray
    tree: cKDTree


def sample_surface(
    face: Shape, points: np.ndarray, names: list[str], unrolling: Unrolling, near: np.ndarray
) -> Samples:
    """Samples of the face at `points` (N, 3), only what is outermost and within 3 cm of `near` (V, 3)."""
    # A triangle counts when its middle is within 3 cm of the template plus its own longest side: large ones reach far.
    corners = points[face.triangles]
    reach = cKDTree(near).query(corners.mean(axis=1))[0]
    size = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(axis=1)
    chosen = np.flatnonzero(reach < 0.03 + size)
    parts = np.clip(np.ceil(size[chosen] / _SPACING), 1, 16).astype(int)
    owners, grids = [], []
    for n in np.unique(parts):
        # Barycentric grid of n (n + 1) / 2 places, a third of a step off the sides: no place belongs to two triangles.
        # All triangles of one n share it, so a few arrays do for hundreds of thousands of samples.
        grid = np.array([(i, j, n - 1 - i - j) for i in range(n) for j in range(n - i)]) + 1 / 3
        divided = chosen[parts == n]
        owners.append(np.repeat(divided, len(grid)))
        grids.append(np.tile(grid / n, (len(divided), 1)))
    triangle, bary = np.concatenate(owners), np.concatenate(grids)
    places = (corners[triangle] * bary[..., None]).sum(axis=1)
    plane, distance = unrolling.flatten(places)
    low, high = plane.min(axis=0), plane.max(axis=0)
    # Seen from the axis: what lies more than 2.5 mm behind the outermost skin is the inside of mouth, nose or socket.
    half = (high - low) / 2
    view = look(unrolling, points, face.triangles, (low + high) / 2, (half[0], half[1]), 0.0007)
    seen = distance > view.distance[view.cell(plane)] - 0.0025
    triangle, bary, places = triangle[seen], bary[seen], places[seen]
    smooth = point_normals(face.triangles, points)
    normals = (smooth[face.triangles[triangle]] * bary[..., None]).sum(axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-20
    moved = [(face.moves[name][face.triangles[triangle]] * bary[..., None]).sum(axis=1) for name in names]
    moves = np.concatenate(moved, axis=1) if moved else np.zeros((len(places), 0))
    return Samples(places, triangle, normals, moves, cKDTree(np.concatenate([places, _NORMAL * normals], axis=1)))


def point_normals(triangles: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3) of the points."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    # Sum of (b - a) × (c - a) over the triangles of each point, then normalised: their length is twice the area, so
    # large triangles turn the normal most. add.at, because a point occurs many times in one column.
    total = np.zeros_like(points)
    for corner in range(3):
        np.add.at(total, triangles[:, corner], np.cross(b - a, c - a))
    return total / (np.linalg.norm(total, axis=1, keepdims=True) + 1e-20)


def warp(points: np.ndarray, index: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Points (V, 3) bent so that those at `index` (P,) come to `places` (P, 3), everything else smoothly."""
    # Radial basis r plus an affine part: in three dimensions the interpolation that bends least.
    # A little smoothing, because pins close together may contradict each other.
    bend = RBFInterpolator(points[index], places - points[index], kernel="linear", degree=1, smoothing=1e-4)
    return points + bend(points)


def refine(
    start: np.ndarray,
    model: Shape,
    moves: np.ndarray,
    samples: Samples,
    index: np.ndarray,
    places: np.ndarray,
    weight: np.ndarray,
) -> np.ndarray:
    """The template at `start` (V, 3) drawn onto the samples, bent smoothly.

    moves: (V, C) metres, as in the samples.
    index, places, weight: template points (P,) held to places (P, 3), and how firmly (P,).
    """
    # Minimises stiffness |L d|² + Σ pin |d - goal|² + Σ trust |d - target|² over displacements d (V, 3) from `start`.
    # Stiffness falls from round to round: first the whole face slides into place, then its details give way.
    count = len(start)
    stiff = _laplacian(model.triangles, model.points)
    stiff = (stiff.T @ stiff).tocsr()
    points = start.copy()
    pin = sp.csr_matrix((weight, (index, index)), shape=(count, count))
    goal = np.zeros_like(start)
    goal[index] = weight[:, None] * (places - start[index])
    for stiffness in _STIFFNESS:
        normals = point_normals(model.triangles, points)
        # Trust falls where surfaces face apart (60° and more: none) and with (distance / 1 cm)², as in the shape fit.
        # A place without a fellow, such as a lip inside the mouth, then follows its neighbours.
        match = match_places(points, normals, moves, samples)
        offset = samples.places[match] - points
        facing = (normals * samples.normals[match]).sum(axis=1)
        trust = np.clip((facing - 0.5) / 0.3, 0, 1) / (1 + (np.linalg.norm(offset, axis=1) / 0.01) ** 2)
        onto = samples.normals[match]
        # Across the surface by the full offset, along it by a share.
        target = points - start + onto * (offset * onto).sum(axis=1, keepdims=True) * (1 - _SLIDE) + _SLIDE * offset
        # One sparse factorisation for x, y and z together; the 1e-6 keeps it regular where nothing is trusted.
        system = stiffness * stiff + pin + sp.diags(trust + 1e-6)
        points = start + splu(system.tocsc()).solve(goal + trust[:, None] * target)
    return points


def match_places(
    points: np.ndarray, normals: np.ndarray, moves: np.ndarray, samples: Samples, k: int = 48
) -> np.ndarray:
    """The sample (V,) that lies, faces and moves most like every point: (V, 3), normals (V, 3), moves (V, C)."""
    # Cost = |place|² + |1 cm · normal|² + |move / 2|² of the differences; the tree holds the first two, the third tells
    # k candidates apart: both lips lie together and face alike, but only one of them drops with the jaw.
    distance, near = samples.tree.query(np.concatenate([points, _NORMAL * normals], axis=1), k=k)
    cost = distance**2 + _MOVE**2 * ((samples.moves[near] - moves[:, None]) ** 2).sum(axis=-1)
    return near[np.arange(len(points)), cost.argmin(axis=1)]


def attach(
    points: np.ndarray, normals: np.ndarray, moves: np.ndarray, samples: Samples, face: Shape, posed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Triangle (V,) and barycentric (V, 3) of the place nearest to every point that faces and moves alike."""
    # The triangles of the 24 nearest samples, each with its own nearest place: V · 24 projections at once.
    # Then the cost of `match_places`, with distances that do not depend on how fine the samples are.
    _, near = samples.tree.query(np.concatenate([points, _NORMAL * normals], axis=1), k=24)
    triangle = samples.triangle[near]
    count, k = triangle.shape
    bary, gap = nearest_on_triangles(np.repeat(points, k, axis=0), posed[face.triangles[triangle.ravel()]])
    turned = ((samples.normals[near] - normals[:, None]) ** 2).sum(axis=-1)
    cost = gap.reshape(count, k) ** 2 + (_NORMAL / 3) ** 2 * turned
    cost += _MOVE**2 * ((samples.moves[near] - moves[:, None]) ** 2).sum(axis=-1)
    best = cost.argmin(axis=1)
    rows = np.arange(count)
    return triangle[rows, best], bary.reshape(count, k, 3)[rows, best]


def _laplacian(triangles: np.ndarray, points: np.ndarray) -> sp.csr_matrix:
    """Differences (V, V) of every point from the mean of its neighbours, nearer ones counting more."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    # L = I - D⁻¹ W with W = 1 / edge length. Edges inside the face occur twice, once for each triangle; the maximum
    # with the transpose makes W symmetric, whichever way round they were stored.
    weight = 1 / (np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1) + 1e-4)
    count = len(points)
    graph = sp.coo_matrix((weight, (edges[:, 0], edges[:, 1])), shape=(count, count)).tocsr()
    graph = graph.maximum(graph.T)
    total = np.asarray(graph.sum(axis=1)).ravel()
    return (sp.identity(count) - sp.diags(1 / np.maximum(total, 1e-12)) @ graph).tocsr()
