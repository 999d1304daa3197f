"""Where the face of any mesh is: which of its shells is the skin, how large it is and which way it looks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ...core.errors import UserError
from ...core.template import FacialTemplate
from ..similarity import Similarity, fit_similarity

_EYE_CORNERS = {side: (f"eye_inner_{side}", f"eye_outer_{side}") for side in ("left", "right")}
_MOUTH_CORNERS = ("mouth_corner_left", "mouth_corner_right")
_MOUTH_MOVES = ("AU26", "AU25")
_AXES = ("x", "y", "z")
_FLAT = 0.02
"""Share by which skin must lie behind eyes and mouth rather than before them."""
_BALL = np.array([0.0, 0.013, 0.0])
"""From the middle of the lids to the middle of the eyeball, metres."""


@dataclass(frozen=True)
class Shape:
    """A face and how it moves.

    points: (N, 3) metres.
    triangles: (F, 3) indices of points.
    moves: AU or articulation name to the displacement (N, 3) at intensity 1.
    """

    points: np.ndarray
    triangles: np.ndarray
    moves: dict[str, np.ndarray]

    def posed(self, weights: dict[str, float]) -> np.ndarray:
        """The points (N, 3) under these moves; names that are not there are left out."""
        return self.points + sum(weight * self.moves[name] for name, weight in weights.items() if name in self.moves)

    def normals(self, points: np.ndarray) -> np.ndarray:
        """Unit normals (F, 3) of the triangles when the points are at (N, 3)."""
        a, b, c = (points[self.triangles[:, i]] for i in range(3))
        cross = np.cross(b - a, c - a)
        return cross / (np.linalg.norm(cross, axis=1, keepdims=True) + 1e-20)


def template_shape(template: FacialTemplate, names: tuple[str, ...], fields: np.ndarray) -> Shape:
    """The template as a shape with `fields` (len(names), V, 3)."""
    return Shape(template.neutral.astype(float), template.faces, dict(zip(names, fields.astype(float), strict=True)))


def face_of(shape: Shape, landmarks: dict[str, np.ndarray]) -> Shape:
    """The shell that moves and carries the landmarks, without eyes, teeth, lashes and hair; all points are kept."""
    # Score of each shell: its share of what every move displaces (area × length²), of the landmarks it lies at, and,
    # to decide between equals, a hundredth of its share of the area. Lashes move with a blink too, but little skin.
    part = _shells(shape)[shape.triangles[:, 0]]
    area = np.zeros(part.max() + 1)
    triangle_area = _areas(shape)
    np.add.at(area, part, triangle_area)
    score = 0.01 * area / area.sum()
    for move in shape.moves.values():
        strength = np.zeros_like(score)
        np.add.at(strength, part, triangle_area * (move[shape.triangles] ** 2).sum(axis=(1, 2)))
        score += strength / max(strength.sum(), 1e-30)
    if landmarks:
        places = np.array(list(landmarks.values()))
        close = 0.05 * np.ptp(places, axis=0).max()
        for shell in range(len(score)):
            corners = np.unique(shape.triangles[part == shell])
            if len(corners):
                score[shell] += (cKDTree(shape.points[corners]).query(places)[0] < close).mean()
    return replace(shape, triangles=shape.triangles[part == score.argmax()])


def _shells(shape: Shape) -> np.ndarray:
    """Shell (N,) of every vertex. Vertices doubled along a seam of the map count as one."""
    t, count = shape.triangles, len(shape.points)
    near = cKDTree(shape.points).query_pairs(1e-6 * np.ptp(shape.points, axis=0).max(), output_type="ndarray")
    # Connected components over two sides of every triangle (they join all three corners) and the doubled vertices.
    edges = np.concatenate([t[:, [0, 1]], t[:, [1, 2]], near])
    graph = sp.coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def _areas(shape: Shape) -> np.ndarray:
    a, b, c = (shape.points[shape.triangles[:, i]] for i in range(3))
    return np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2


def find_frame(
    face: Shape,
    template: Shape,
    lids: dict[str, np.ndarray],
    lips: np.ndarray,
    landmarks: dict[str, np.ndarray],
    eyes: dict[str, np.ndarray],
    upright: bool = True,
) -> tuple[Shape, Similarity]:
    """The face with triangles counter-clockwise seen from outside, and the similarity that lays it on the template.

    lids, lips: "left" and "right" to template indices, and template indices.
    landmarks, eyes: places (3,) that were given, in the mesh's own frame and unit.
    upright: also expect metres and a face along -y.

    Raises UserError when eyes or mouth cannot be found, when front and back cannot be told apart, when left and right
    are swapped, and, if `upright`, when the face looks along another axis than -y or is not in metres.
    """
    pair, known = _eye_places(face, landmarks, eyes)
    mouth = _mouth_place(face, landmarks)
    forward = _forward(face, pair, mouth)
    up = _unit(pair.mean(axis=0) - mouth)
    if (pair[0] - pair[1]) @ np.cross(forward, up) > 0:
        if known:
            raise UserError("Left and right are swapped: left is the head's own left, so exchange the names.")
        pair = pair[::-1]
    if upright:
        _expect_direction(pair, mouth, forward)
    if all(name in landmarks for side in lids for name in _EYE_CORNERS[side]):
        ours = [template.points[lids[side]].mean(axis=0) for side in ("left", "right")]
    elif len(eyes) == 2:
        ours = [template.points[lids[side]].mean(axis=0) + _BALL for side in ("left", "right")]
    else:
        ours = sorted(_two_sides(template), key=lambda place: -place[0])
    if all(name in landmarks for name in _MOUTH_CORNERS):
        our_mouth = template.points[lips[[0, -1]]].mean(axis=0)
    else:
        our_mouth = _mouth_place(template, {})
    # Three places fix a similarity. They must mean the same on both: lids where landmarks name them, eyeballs where
    # those are given, else the middle of what a blink moves, measured on the template in the same way.
    frame = fit_similarity(np.array([*pair, mouth]), np.array([*ours, our_mouth]))
    if upright and not 0.4 < 1 / frame.scale < 2.5:
        tall = 0.19 / frame.scale
        raise UserError(
            f"The face measures about {tall:.3g} m from forehead to chin and a head has 0.1 to 0.3 m: scale it to "
            "metres and apply the scale."
        )
    return _outwards(face, pair, mouth, forward), frame


def _eye_places(face: Shape, landmarks: dict, eyes: dict) -> tuple[np.ndarray, bool]:
    """Places (2, 3) of the eyes, and whether the first is known to be the left one."""
    if all(name in landmarks for names in _EYE_CORNERS.values() for name in names):
        return np.array([np.mean([landmarks[n] for n in _EYE_CORNERS[s]], axis=0) for s in ("left", "right")]), True
    if "left" in eyes and "right" in eyes:
        return np.array([eyes["left"], eyes["right"]]), True
    if "AU45" in face.moves:
        return _two_sides(face), False
    missing = [name for names in _EYE_CORNERS.values() for name in names if name not in landmarks]
    raise UserError(
        f"The eyes were not found, because no shape closes them (AU45): give a blink or the places of "
        f"{', '.join(missing)} in a mapping file."
    )


def _two_sides(face: Shape) -> np.ndarray:
    """The two places (2, 3) around which AU45 moves the skin."""
    points, weight = _moving(face, "AU45")
    # Principal axis of the moved skin, the last eigenvector of its weighted scatter: a blink moves two patches, so it
    # runs from eye to eye, and each side of the middle has one.
    middle = weight @ points / weight.sum()
    spread = (points - middle) * np.sqrt(weight)[:, None]
    axis = np.linalg.eigh(spread.T @ spread)[1][:, -1]
    side = (points - middle) @ axis > 0
    return np.array([weight[s] @ points[s] / weight[s].sum() for s in (side, ~side)])


def _moving(face: Shape, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Middles (F, 3) of the triangles and how strongly a shape moves them, times their area (F,)."""
    move = (face.moves[name][face.triangles].mean(axis=1) ** 2).sum(axis=1)
    return face.points[face.triangles].mean(axis=1), move * _areas(face)


def _mouth_place(face: Shape, landmarks: dict) -> np.ndarray:
    if all(name in landmarks for name in _MOUTH_CORNERS):
        return np.mean([landmarks[name] for name in _MOUTH_CORNERS], axis=0)
    for name in _MOUTH_MOVES:
        if name in face.moves:
            points, weight = _moving(face, name)
            return weight @ points / weight.sum()
    missing = [name for name in (*_MOUTH_CORNERS, "lip_upper", "lip_lower") if name not in landmarks]
    raise UserError(
        f"The mouth was not found, because no shape opens it (AU26 or AU25): give a jaw drop or the places of "
        f"{', '.join(missing)} in a mapping file."
    )


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / (np.linalg.norm(vector) + 1e-12)


def _forward(face: Shape, pair: np.ndarray, mouth: np.ndarray) -> np.ndarray:
    """Unit vector (3,) out of the face: away from where most of the skin near eyes and mouth lies."""
    # Perpendicular to the plane of eyes and mouth; which of its two directions is the front the skin tells: it lies
    # behind that plane. bulk: mean of distance × cosine, by area, relative to the mean distance, -1..1.
    across, up = pair[0] - pair[1], pair.mean(axis=0) - mouth
    normal = _unit(np.cross(across, up))
    middle = (2 * pair.mean(axis=0) + mouth) / 3
    points, area = face.points[face.triangles].mean(axis=1) - middle, _areas(face)
    near = np.linalg.norm(points, axis=1) < 1.5 * max(np.linalg.norm(across), np.linalg.norm(up))
    total = (area[near] * np.linalg.norm(points[near], axis=1)).sum()
    bulk = (area[near] * (points[near] @ normal)).sum() / max(total, 1e-30)
    if not abs(bulk) > _FLAT:
        raise UserError(
            "The front of the face cannot be told from its back: check that blink, jaw drop or landmarks belong to "
            "this mesh."
        )
    return -normal if bulk > 0 else normal


def _expect_direction(pair: np.ndarray, mouth: np.ndarray, forward: np.ndarray) -> None:
    up = _unit(pair.mean(axis=0) - mouth)
    if forward[1] > -0.7 or up[2] < 0.7:
        raise UserError(
            f"The face looks along {_axis(forward)} and its brow points along {_axis(up)}: turn it until it looks "
            "along −y with the brow along +z, and apply the rotation."
        )


def _axis(vector: np.ndarray) -> str:
    """The axis nearest to a vector, as in "+x"."""
    nearest = int(np.abs(vector).argmax())
    return ("+" if vector[nearest] > 0 else "−") + _AXES[nearest]


def _outwards(face: Shape, pair: np.ndarray, mouth: np.ndarray, forward: np.ndarray) -> Shape:
    """The face with its triangles turned counter-clockwise seen from outside, should they all be the other way."""
    # The area that faces forward minus what faces back, on the front of the face only: the back of an open mask, or a
    # skull's far side, would vote the other way.
    apart = np.linalg.norm(pair[0] - pair[1])
    middles = face.points[face.triangles].mean(axis=1)
    near = np.linalg.norm(middles - (2 * pair.mean(axis=0) + mouth) / 3, axis=1) < apart
    front = (middles - pair.mean(axis=0)) @ forward > -0.2 * apart
    facing = ((face.normals(face.points) @ forward) * _areas(face))[near & front].sum()
    return replace(face, triangles=face.triangles[:, ::-1]) if facing < 0 else face
