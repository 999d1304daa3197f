"""Where the Gaussians of a head or a still lie in its object: its origin may be anywhere.

Files keep their own space. The object's mesh says where that space lies in the object's: some of its points know where
they were in own space, and are never moved by a take. Whatever Blender does to a mesh (Set Origin, Apply, a move in
Edit Mode, undo, saving) it does to these points, and the Gaussians follow them.
"""

from __future__ import annotations

from typing import Any

import bmesh
import numpy as np
from bpy.types import Mesh, Object
from mathutils import Matrix

_OWN = ".emodifftalk_own_space"
"""Attribute of a mesh's points: where a point was in own space, zero for all that may be moved by a take. Blender does
not list attributes whose name begins with a dot."""
_KNOWING = 8
"""How many points know it. Joined to another head, a mesh has its own first: only those count."""
_FLAT = 1e-6
"""Points whose least extent is below this share of the greatest do not say what lies across them."""
_ROUNDING = 8 * float(np.finfo(np.float32).eps)


def to_object(obj: Object) -> np.ndarray:
    """(4, 4) from the own space of a head's subject, or of a still's file, to object space. Any affine map.

    A mesh that says nothing (a linked one of an earlier version's file) has its origin where own space has it.
    """
    own, now = _known(_mesh_of(obj))
    matrix = np.eye(4)
    if not len(own):
        return matrix
    # Least squares around the middles: (own - middle) turn = now - place. Points that only moved together were rounded
    # on the way, which turned nothing: to the last bit a head that nothing was done to stays what it is. Points that
    # lie in a plane, when the animator deleted the others, only say where it is.
    moved, middle, place = now - own, own.mean(axis=0), now.mean(axis=0)
    matrix[:3, 3] = moved.mean(axis=0)
    if np.ptp(moved, axis=0).max() > _ROUNDING * max(np.abs(own).max(), np.abs(now).max()):
        turn, _, rank, _ = np.linalg.lstsq(own - middle, now - place, rcond=_FLAT)
        if rank == 3:
            matrix[:3, :3] = turn.T
            matrix[:3, 3] = place - turn.T @ middle
    return matrix


def to_world(obj: Object, matrix_world: Any = None) -> np.ndarray:
    """(4, 4) from own space to the world's; `matrix_world`: where the object stands, if that is not as `obj` says."""
    return np.array(obj.matrix_world if matrix_world is None else matrix_world) @ to_object(obj)


def may_learn(mesh: Mesh) -> bool:
    """Whether a mesh can be told where own space lies and has not been: it comes from an earlier version's file, and
    own space is object space."""
    return _OWN not in mesh.attributes and not mesh.is_editmode and mesh.shape_keys is None


def add_corners(mesh: Mesh, box: np.ndarray) -> None:
    """Give a mesh in own space eight loose points at the corners of a box (2, 3): they say where own space lies, and
    Blender takes the box for the object's own. No engine renders them."""
    corners = np.stack(np.meshgrid(*np.asarray(box).T, indexing="ij"), axis=-1).reshape(-1, 3)
    first = len(mesh.vertices)
    mesh.vertices.add(len(corners))
    points = _coordinates(mesh)
    points[first:] = corners
    _place(mesh, points)
    _remember(mesh, np.arange(first, len(points)))
    mesh.update()


def remember_points(mesh: Mesh) -> None:
    """Let points of a mesh in own space, which no take moves, say where that space lies.

    Where they are few, or lie in a plane, they get corners around them.
    """
    points = _coordinates(mesh).astype(np.float64)
    rows = _apart(points)
    extents = np.linalg.svd(points[rows] - points[rows].mean(axis=0), compute_uv=False)
    if len(rows) == _KNOWING and extents[2] > 1e-3 * extents[0]:
        _remember(mesh, rows)
        return
    low, high = points.min(axis=0), points.max(axis=0)
    margin = max(0.01 * float((high - low).max()), 1e-3)
    add_corners(mesh, np.stack([low - margin, high + margin]))


def put_origin(mesh: Mesh, point: np.ndarray) -> None:
    """Move a mesh so that a point (3,) of its space becomes the origin."""
    mesh.transform(Matrix.Translation((-np.asarray(point)).tolist()))
    mesh.update()


def move_points(obj: Object, points: np.ndarray) -> None:
    """Put the first points of an object's mesh where `points` (V, 3), in own space, are now.

    A mesh that has others than these and the remembered ones was changed by the animator: it stays as it is.
    """
    mesh = _mesh_of(obj)
    own = _own(mesh)
    rows = _rows(own)
    if len(own) != len(points) + len(rows) or (rows < len(points)).any():
        return
    matrix = to_object(obj)
    coordinates = _coordinates(mesh)
    coordinates[: len(points)] = points @ matrix[:3, :3].T + matrix[:3, 3]
    _place(mesh, coordinates)
    mesh.update()


def _mesh_of(obj: Object) -> Any:
    """The mesh of the file: evaluated ones may have passed modifiers."""
    return obj.original.data


def _known(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """The points (K, 3) that know where they were in own space, and where they are now, float64."""
    if _OWN not in mesh.attributes:
        return np.empty((0, 3)), np.empty((0, 3))
    if mesh.is_editmode:
        return _known_in_edit_mode(mesh)
    own, now = _own(mesh), _coordinates(mesh)
    rows = _rows(own)
    return own[rows].astype(np.float64), now[rows].astype(np.float64)


def _known_in_edit_mode(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """The same of a mesh in Edit Mode, where its attributes cannot be read otherwise."""
    edited = bmesh.from_edit_mesh(mesh)
    layer = edited.verts.layers.float_vector.get(_OWN)
    vertices = edited.verts if layer is not None else ()
    known = [(own[:], vertex.co[:]) for vertex in vertices if (own := vertex[layer]).length_squared]
    both = np.array(known, np.float64).reshape(-1, 2, 3)
    return both[:, 0], both[:, 1]


def _own(mesh: Mesh) -> np.ndarray:
    """(V, 3) float32 of all points, zero for those that know nothing."""
    own = np.zeros((len(mesh.vertices), 3), np.float32)
    attribute: Any = mesh.attributes.get(_OWN)
    if attribute is not None and len(attribute.data) == len(own):
        attribute.data.foreach_get("vector", own.ravel())
    return own


def _remember(mesh: Mesh, rows: np.ndarray) -> None:
    """Let points know that they are now where own space has them."""
    attribute: Any = mesh.attributes.get(_OWN) or mesh.attributes.new(_OWN, "FLOAT_VECTOR", "POINT")
    own = np.zeros((len(mesh.vertices), 3), np.float32)
    own[rows] = _coordinates(mesh)[rows]
    attribute.data.foreach_set("vector", own.ravel())


def _rows(own: np.ndarray) -> np.ndarray:
    """Numbers (K,) of the points that know something."""
    # Quicker than asking row by row: the numbers (3 V,) of all coordinates that are not zero, and whose they are.
    return np.unique(np.flatnonzero(own) // 3)[:_KNOWING]


def _apart(points: np.ndarray) -> np.ndarray:
    """Numbers of at most eight of the points (V, 3) that lie far from each other."""
    # One after the other the point that lies farthest from those there are; none of them twice.
    rows: list[int] = []
    away = np.linalg.norm(points - points.mean(axis=0), axis=1)
    while len(rows) < min(_KNOWING, len(points)) and away.max() > 0:
        rows.append(int(away.argmax()))
        to_it = np.linalg.norm(points - points[rows[-1]], axis=1)
        away = to_it if len(rows) == 1 else np.minimum(away, to_it)
    return np.array(rows or [0])


def _coordinates(mesh: Mesh) -> np.ndarray:
    """(V, 3) float32."""
    # As an attribute they are copied in one go, which `vertices` does not do.
    points = np.empty((len(mesh.vertices), 3), np.float32)
    position: Any = mesh.attributes["position"]
    position.data.foreach_get("vector", points.ravel())
    return points


def _place(mesh: Mesh, points: np.ndarray) -> None:
    """Set the coordinates (V, 3) of all points."""
    position: Any = mesh.attributes["position"]
    position.data.foreach_set("vector", points.ravel())
