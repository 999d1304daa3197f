"""The actor in front of the cameras: a CC0 MakeHuman head posed by action units.

NumPy and SciPy only, so that Blender's capture and the template fit use the very same poses. The mesh is data the user
brings (`cc0_heads.npz`); nothing of it is shipped.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from scipy.spatial import cKDTree

from ...core.errors import UserError
from ...core.facs import ARTICULATIONS, AU_INDEX, AU_NAMES
from ...core.jaw import TONGUE
from ..numpy_files import phrase, read_npz

_BOTH = ("left", "right")
_HEADS = ("identities", "unit_delta_ancestry", "neutral", "units", "unit_delta", "faces", "face_part", "parts")
"""The arrays of `cc0_heads.npz`."""
_MOST_BYTES = 1 << 30


def _both(pattern: str, weight: float) -> dict[str, float]:
    return {pattern.format(side=side): weight for side in _BOTH}


# Weights of MakeHuman's expression units at AU intensity 1. Chosen by looking at every unit's displacement; what no
# unit does is added by `_BUMPS`.
_AU_UNITS: dict[str, dict[str, float]] = {
    "AU01": _both("eyebrows-{side}-inner-up", 2.0),
    "AU02": _both("eyebrows-{side}-extern-up", 1.15),
    "AU04": _both("eyebrows-{side}-down", 1.15),
    "AU05": _both("eye-{side}-opened-up", 1.3),
    "AU06": _both("eye-{side}-slit", 0.4),
    "AU07": _both("eye-{side}-slit", 0.7),
    "AU09": {**_both("nose-{side}-elevation", 0.75), "nose-compression": 1.0, **_both("eyebrows-{side}-down", 0.3)},
    "AU10": {"mouth-elevation": 0.75},
    "AU12": {"mouth-corner-puller": 1.15},
    "AU14": {"mouth-retraction": 0.45},
    "AU15": {"mouth-depression": 1.3},
    "AU17": {"mouth-compression": 0.35, "mouth-depression": 0.35},
    # `mouth-compression` alone lifts the corners into a smile, `mouth-depression` takes that back.
    "AU23": {"mouth-compression": 0.35, "mouth-pursing": 0.3, "mouth-depression": 0.5},
    "AU24": {"mouth-compression": 0.75, "mouth-pursing": 0.08, "mouth-depression": 0.9},
    "AU25": {"mouth-part-later": 0.36},
    "AU26": {"mouth-open": 0.55},
    "AU45": _both("eye-{side}-closure", 0.88),
}
_ARTICULATION_UNITS: dict[str, dict[str, float]] = {
    "pucker": {"mouth-pursing": 0.8},
    "funnel": {"mouth-pursing": 0.4, "mouth-eversion": 0.6, "mouth-part-later": 0.25},
    "lip_bite": {},
    "lip_press": {"mouth-compression": 0.35, "mouth-depression": 0.35},
    "stretch": {"mouth-retraction": 0.9},
    "tongue_up": {},
}

# (anchor landmark, offset from it in metres, displacement in metres at intensity 1, radius in metres). x is mirrored.
_BUMPS: dict[str, list[tuple[str, tuple[float, float, float], tuple[float, float, float], float]]] = {
    "AU04": [("brow_inner", (0, 0, 0), (-0.0060, 0.0, -0.0020), 0.012)],
    "AU06": [("cheek", (0, 0, 0), (0.0, -0.0045, 0.0080), 0.019)],
    "AU09": [("nose_side", (0, 0, 0.004), (0.0, -0.0018, 0.0045), 0.011)],
    "AU14": [("mouth_corner", (0.004, 0, 0), (0.0015, 0.0035, 0.0), 0.009)],
    "AU17": [
        ("chin", (0, 0, 0.004), (0.0, -0.0015, 0.0065), 0.018),
        ("lower_lip", (0, 0, 0), (0, -0.0015, 0.0020), 0.012),
    ],
    "lip_bite": [("lower_lip", (0, 0, 0), (0.0, 0.0050, 0.0040), 0.012)],
}


def _symmetric(delta: dict[str, np.ndarray], neutral: np.ndarray) -> dict[str, np.ndarray]:
    """The units with every right one the mirror image of its left one: some of the pairs differ in strength."""
    flip = np.array([-1, 1, 1], np.float32)
    # The vertex (N,) nearest to each mirrored one: the mesh is symmetric, but its numbering is not.
    mirror = cKDTree(neutral).query(neutral * flip)[1]
    for name in list(delta):
        if "-left-" in name:
            delta[name.replace("-left-", "-right-")] = delta[name][mirror] * flip
    return delta


def _check_heads(
    neutral: np.ndarray, deltas: np.ndarray, faces: np.ndarray, part: np.ndarray, units: int, parts: int
) -> None:
    """Raise ValueError unless the arrays of a head fit each other."""
    if neutral.ndim != 2 or neutral.shape[1] != 3 or not np.isfinite(neutral).all() or not len(neutral):
        raise ValueError("“neutral” holds no points")
    if deltas.shape != (units, *neutral.shape) or not np.isfinite(deltas).all():
        raise ValueError("“unit_delta” does not belong to its points or units")
    if faces.ndim != 2 or faces.shape[1] != 4 or not len(faces) or faces.min() < -1 or faces.max() >= len(neutral):
        raise ValueError("“faces” names points that there are not")
    if part.shape != faces.shape[:1] or part.dtype.kind not in "iu" or part.min() < 0 or part.max() >= parts:
        raise ValueError("“face_part” names parts that there are not")


@dataclass(frozen=True)
class Actor:
    """One posed head.

    neutral: (N, 3) float32 metres, z up, looking along -y, x to the head's left.
    faces: (M, 4) int32 quads, -1 pads a triangle.
    part: (M,) uint8 index into parts.
    delta: unit name to (N, 3) float32 metres.
    """

    name: str
    neutral: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    parts: tuple[str, ...]
    delta: dict[str, np.ndarray]

    @staticmethod
    def load(path: str | os.PathLike, identity: str = "caucasian_female_young") -> Actor:
        """One identity of `cc0_heads.npz`. Raises UserError when the file or the identity is not there."""
        data = read_npz(path, _HEADS, _MOST_BYTES, "The CC0 heads")
        try:
            names = [str(n) for n in data["identities"]]
            if identity not in names:
                raise UserError(f"{Path(path).name} has no “{identity}”, it has {', '.join(names)[:200]}.")
            ancestry = [str(n) for n in data["unit_delta_ancestry"]].index(identity.split("_")[0])
            neutral = data["neutral"][names.index(identity)].astype(np.float32)
            units = [str(n) for n in data["units"]]
            deltas = data["unit_delta"][ancestry].astype(np.float32)
            faces, part = data["faces"].astype(np.int32), data["face_part"]
            parts = tuple(str(n) for n in data["parts"])
            _check_heads(neutral, deltas, faces, part, len(units), len(parts))
            return Actor(
                identity, neutral, faces, part, parts, _symmetric(dict(zip(units, deltas, strict=True)), neutral)
            )
        except (KeyError, ValueError, IndexError, TypeError, OverflowError) as error:
            raise UserError(f"{path} is not a readable file of CC0 heads: {phrase(error)}.") from error

    def faces_of(self, part: str) -> np.ndarray:
        """Quads (m, 4) of one part, by name."""
        return self.faces[self.part == self.parts.index(part)]

    def vertices_of(self, part: str) -> np.ndarray:
        """Vertex indices of one part."""
        indices = np.unique(self.faces_of(part))
        return indices[indices >= 0]

    @cached_property
    def basis(self) -> np.ndarray:
        """Displacement (17 + 6, N, 3) of each AU and articulation at intensity 1, metres, contact not resolved."""
        table = {**_AU_UNITS, **_ARTICULATION_UNITS}
        basis = np.zeros((len(AU_NAMES) + len(ARTICULATIONS), *self.neutral.shape), np.float32)
        skin = self.vertices_of("skin")
        for row, name in enumerate((*AU_NAMES, *ARTICULATIONS)):
            for unit, weight in table[name].items():
                basis[row] += weight * self.delta[unit]
            for anchor, offset, move, radius in _BUMPS.get(name, []):
                basis[row, skin] += self._bump(skin, anchor, offset, move, radius)
        tongue = self.vertices_of("tongue")
        front = np.clip((self.neutral[tongue, 1].max() - self.neutral[tongue, 1]) / 0.06, 0, 1)
        basis[-1, tongue, 2] += 0.009 * front
        jaw = AU_INDEX["AU26"]
        basis[jaw, tongue] = TONGUE * self._with_lower_teeth(basis[jaw], tongue)
        return basis

    def _with_lower_teeth(self, move: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Movement (R, 3) of vertices that go where the lower teeth go: the mesh's own tongue stays behind."""
        # The affine map (4, 3) that best explains how the lower teeth move, applied to the tongue: the teeth are rigid
        # enough that this is the jaw's turn and way.
        teeth = self.vertices_of("teeth_lower")
        known, wanted = (np.column_stack([self.neutral[i], np.ones(len(i))]).astype(float) for i in (teeth, rows))
        affine, *_ = np.linalg.lstsq(known, move[teeth].astype(float), rcond=None)
        return wanted @ affine

    def _bump(self, skin: np.ndarray, anchor: str, offset, move, radius: float) -> np.ndarray:
        # exp(-d² / (2 (r / 2)²)) around the anchor and its mirror image: at the radius about an eighth is left.
        points = self.neutral[skin]
        total = np.zeros_like(points)
        for side in (1.0, -1.0):
            mirror = np.array([side, 1, 1], np.float32)
            centre = self.anchors[anchor] * mirror + np.asarray(offset, np.float32) * mirror
            distance2 = ((points - centre) ** 2).sum(axis=1)
            total += np.exp(-distance2 / (2 * (radius / 2) ** 2))[:, None] * np.asarray(move, np.float32) * mirror
        if abs(self.anchors[anchor][0]) < 1e-4:  # on the middle of the face both sides are one
            total *= 0.5
        return total

    @cached_property
    def anchors(self) -> dict[str, np.ndarray]:
        """Places (3,) on the left half of the face, found from where the units move the skin most."""
        move = {name: np.linalg.norm(delta, axis=1) for name, delta in self.delta.items()}

        def peak(unit: str, left: bool = True) -> np.ndarray:
            weight = move[unit] * (self.neutral[:, 0] > 0.002 if left else 1)
            return self.neutral[int(np.argmax(weight))].copy()

        eye = self.neutral[self.vertices_of("eye_left")]
        corner = peak("mouth-corner-puller")
        chin_z = corner[2] - 0.036
        front = self._front(np.array([[0.0, chin_z]]))[0]
        cheek_xz = np.array([[eye[:, 0].mean() + 0.006, eye[:, 2].mean() - 0.028]])
        lower = corner[2] - 0.005
        return {
            "brow_inner": peak("eyebrows-left-inner-up"),
            "cheek": self._front(cheek_xz)[0],
            "nose_side": peak("nose-left-elevation"),
            "mouth_corner": corner,
            "chin": front,
            "lower_lip": self._front(np.array([[0.0, lower]]))[0],
        }

    def _front(self, xz: np.ndarray) -> np.ndarray:
        skin = self.neutral[self.vertices_of("skin")]
        # The foremost skin (least y) within 6 mm of each (x, z).
        near = ((skin[None, :, 0] - xz[:, None, 0]) ** 2 + (skin[None, :, 2] - xz[:, None, 1]) ** 2) < 0.006**2
        y = np.where(near, skin[None, :, 1], np.inf).min(axis=1)
        return np.stack([xz[:, 0], y, xz[:, 1]], axis=1).astype(np.float32)

    def pose(self, aus: np.ndarray | dict[str, float], articulations: np.ndarray | None = None) -> np.ndarray:
        """Vertices (N, 3) metres of AU intensities (17,) or {name: value} and articulations (6,), each 0..1.

        Lids are kept outside the eyeballs.
        """
        weights = np.zeros(len(AU_NAMES) + len(ARTICULATIONS), np.float32)
        if isinstance(aus, dict):
            for name, value in aus.items():
                weights[AU_INDEX[name]] = value
        else:
            weights[: len(AU_NAMES)] = aus
        if articulations is not None:
            weights[len(AU_NAMES) :] = articulations
        vertices = self.neutral + np.tensordot(weights, self.basis, axes=1)
        return self._outside_eyes(vertices)

    def _outside_eyes(self, vertices: np.ndarray) -> np.ndarray:
        skin = self.vertices_of("skin")
        for eye in ("eye_left", "eye_right"):
            ball = self.neutral[self.vertices_of(eye)]
            centre = (ball.max(axis=0) + ball.min(axis=0)) / 2
            radius = np.linalg.norm(ball - centre, axis=1).max() + 0.0008
            towards = vertices[skin] - centre
            distance = np.linalg.norm(towards, axis=1)
            # Only lids that slid over the front of the ball: the socket behind it belongs inside.
            inside = (distance < radius) & (towards[:, 1] < -0.3 * radius) & (distance > 0.5 * radius)
            moved = np.linalg.norm(vertices[skin] - self.neutral[skin], axis=1) > 1e-4
            push = skin[inside & moved]
            vertices[push] = centre + towards[inside & moved] / distance[inside & moved, None] * radius
        return vertices

    @cached_property
    def skin_surface(self) -> tuple[sp.csr_matrix, np.ndarray]:
        """The subdivided skin: a matrix (M, N) from all vertices to surface points, and triangles (F, 3) into them.

        Two levels of Catmull-Clark, as the render subdivides.
        """
        quads = self.faces_of("skin")
        matrix = sp.identity(len(self.neutral), format="csr", dtype=np.float32)
        for _ in range(2):
            step, quads = catmull_clark(quads, matrix.shape[0])
            matrix = step @ matrix
        triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        return matrix.tocsr(), triangles


def catmull_clark(quads: np.ndarray, count: int) -> tuple[sp.csr_matrix, np.ndarray]:
    """One level of Catmull-Clark on quads (m, 4) (-1 pads a triangle) over `count` vertices.

    Returns the matrix (count + edges + m, count) and the new quads. Vertices outside the faces keep their place;
    border edges follow the cubic B-spline rule.
    """
    # Every side of every face as a half edge (h, 2); its two directions become one row of `edges`, found by sorting.
    # edge_of (h,): which edge a half edge is. owner (h,): which face it is of.
    sizes = np.where(quads[:, 3] >= 0, 4, 3)
    corners = [face[:size] for face, size in zip(quads, sizes, strict=True)]
    half = np.concatenate([np.stack([c, np.roll(c, -1)], axis=1) for c in corners])
    owner = np.repeat(np.arange(len(quads)), sizes)
    edges, edge_of = np.unique(np.sort(half, axis=1), axis=0, return_inverse=True)
    edge_of = edge_of.reshape(-1)
    uses = np.bincount(edge_of, minlength=len(edges))

    # Face points: the mean of their corners. Edge points: of both ends and both face points, 1/4 each, on the border
    # of the ends alone. All as rows of weights over the old vertices, so that a level is one sparse matrix.
    face_rows = sp.csr_matrix((np.repeat(1 / sizes, sizes), (owner, half[:, 0])), shape=(len(quads), count))
    ends = sp.csr_matrix(
        (np.full(2 * len(edges), 0.5), (np.repeat(np.arange(len(edges)), 2), edges.ravel())), shape=(len(edges), count)
    )
    around = sp.csr_matrix((1 / uses[edge_of], (edge_of, owner)), shape=(len(edges), len(quads))) @ face_rows
    inner = sp.diags((uses == 2).astype(float))
    edge_rows = inner @ (0.5 * ends + 0.5 * around) + sp.diags((uses != 2).astype(float)) @ ends

    vertex_rows = _vertex_rows(edges, uses, half, owner, face_rows, ends)
    matrix = sp.vstack([vertex_rows, edge_rows, face_rows]).tocsr().astype(np.float32)
    # A new quad for each corner: the vertex, its edge point, the face point, the edge point before. `previous` walks
    # back along the same face, from its first half edge to its last.
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    previous = np.arange(len(half)) - 1
    previous[first] = first + sizes - 1
    new = np.stack([half[:, 0], count + edge_of, count + len(edges) + owner, count + edge_of[previous]], axis=1)
    return matrix, new.astype(np.int32)


def _vertex_rows(
    edges: np.ndarray,
    uses: np.ndarray,
    half: np.ndarray,
    owner: np.ndarray,
    face_rows: sp.csr_matrix,
    ends: sp.csr_matrix,
) -> sp.csr_matrix:
    """Where the old vertices go, as weights (count, count) over them.

    edges, uses: (e, 2) vertices of each edge and (e,) how many faces have it.
    half, owner: as in `catmull_clark`.
    face_rows, ends: weights (m, count) of the face points and (e, count) of the edges' middles.
    """
    # Inner vertices of valence n: (F + 2 E + (n - 3) P) / n, F and E the means of their face points and edge middles.
    # On the border 1/8, 3/4, 1/8 along it: the curve does not depend on what lies inside.
    count, faces = face_rows.shape[1], face_rows.shape[0]
    valence = np.bincount(edges.ravel(), minlength=count).astype(float)
    touches = np.bincount(half[:, 0], minlength=count).astype(float)
    border = np.zeros(count, bool)
    border[edges[uses == 1].ravel()] = True
    plain = (valence > 0) & ~border
    n = np.where(plain, valence, 1)
    mean_face = sp.csr_matrix((1 / touches[half[:, 0]], (half[:, 0], owner)), shape=(count, faces)) @ face_rows
    at = edges.ravel()
    touching = np.repeat(np.arange(len(edges)), 2)
    mean_edge = sp.csr_matrix((1 / valence[at], (at, touching)), shape=(count, len(edges))) @ ends
    smooth = sp.diags(plain / n) @ mean_face + sp.diags(plain * 2 / n) @ mean_edge + sp.diags(plain * (n - 3) / n)
    rim = edges[uses == 1]
    rows = np.concatenate([rim[:, 0], rim[:, 1]])
    neighbours = np.concatenate([rim[:, 1], rim[:, 0]])
    rim_rows = sp.csr_matrix((np.full(len(rows), 0.125), (rows, neighbours)), shape=(count, count))
    rim_rows = rim_rows + sp.diags(np.where(border, 1 - np.bincount(rows, minlength=count) * 0.125, 0.0))
    return smooth + rim_rows + sp.diags((valence == 0).astype(float))
