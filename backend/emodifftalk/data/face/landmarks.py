"""Places on any face that our template knows too: the margins of lips and lids, the tip of the nose, the brows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

from ...core.errors import UserError
from ...core.template import FacialTemplate
from .frame import Shape
from .surface import nearest_on_triangles
from .view import FaceView, Unrolling, find_opening, look

# Name a person may give: (template landmark, which of its points).
_POINTS: dict[str, tuple[str, int]] = {
    "mouth_corner_left": ("lip_inner_upper", -1),
    "mouth_corner_right": ("lip_inner_upper", 0),
    "lip_upper": ("lip_inner_upper", 13),
    "lip_lower": ("lip_inner_lower", 13),
    "eye_inner_left": ("lid_upper_left", 0),
    "eye_outer_left": ("lid_upper_left", -1),
    "eye_inner_right": ("lid_upper_right", -1),
    "eye_outer_right": ("lid_upper_right", 0),
    "nose_tip": ("nose_tip", 0),
    "chin": ("chin", 0),
    "brow_inner_left": ("brow_left", 0),
    "brow_outer_left": ("brow_left", -1),
    "brow_inner_right": ("brow_right", 0),
    "brow_outer_right": ("brow_right", -1),
}
_CORNERS = {
    "mouth": ("mouth_corner_right", "mouth_corner_left"),
    "left": ("eye_inner_left", "eye_outer_left"),
    "right": ("eye_outer_right", "eye_inner_right"),
}
"""Names of the two ends of an opening, in order of rising x."""
LANDMARK_NAMES: tuple[str, ...] = tuple(_POINTS)
"""Single places a user may give for a head: lips at the middle of their inner margins, left is the head's left."""

OPEN = {"AU25": 0.6, "AU26": 0.4, "AU45": 0.3}
"""The pose in which margins can be seen: the mouth open, the upper lids out from under their folds."""
_OUTSIDE = 0.0004  # metres: margins lie this far outside what is seen as an opening


@dataclass(frozen=True)
class Pins:
    """Template points whose place on the face is known. P pins.

    index: (P,) template point.
    triangle, bary: (P,) of the face and (P, 3): a place on its skin.
    offset: (P, 3) metres from that place to where the template point belongs.
    exact: (P,) True when the point belongs to the margin of an opening or was given.
    """

    index: np.ndarray
    triangle: np.ndarray
    bary: np.ndarray
    offset: np.ndarray
    exact: np.ndarray

    def places(self, points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
        """Where the template points belong (P, 3) when the face's points are at (N, 3)."""
        return (points[triangles[self.triangle]] * self.bary[..., None]).sum(axis=1) + self.offset


def landmark_index(template: FacialTemplate, name: str) -> int:
    """The template point that is a landmark of LANDMARK_NAMES."""
    row, nth = _POINTS[name]
    return int(template.landmarks[row][nth])


def middle_of(template: FacialTemplate, name: str) -> np.ndarray:
    """Middle (3,) of a pair of margins, by "mouth", "left" or "right" (eyes), metres."""
    return template.neutral[np.concatenate(margins(template)[name])].mean(axis=0)


def margins(template: FacialTemplate) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Upper and lower margin of the openings "mouth", "left" and "right" (eyes), in order of rising x."""
    marks = template.landmarks
    return {
        "mouth": (marks["lip_inner_upper"], marks["lip_inner_lower"]),
        "left": (marks["lid_upper_left"], marks["lid_lower_left"]),
        "right": (marks["lid_upper_right"], marks["lid_lower_right"]),
    }


def even_moves(face: Shape, model: Shape, unrolling: Unrolling) -> Shape:
    """The face with its moves scaled to be as strong as the model's; those that hardly move its front are dropped."""
    names = [name for name in face.moves if name in model.moves]
    # Both faces as pictures of the same cells: meshes of different topology can only be compared so.
    views = [_whole(shape, shape.points, unrolling) for shape in (face, model)]
    both = (views[0].triangle >= 0) & (views[1].triangle >= 0)
    moves = {}
    for name in names:
        ours, theirs = (
            np.linalg.norm(view.sample(shape.moves[name], shape.triangles)[both], axis=1) ** 2
            for view, shape in zip(views, (model, face)[::-1], strict=True)
        )
        # Σ|m|⁴ / Σ|m|² is the mean of |m|² weighted by itself: how strong a move is where it moves at all, whatever
        # share of the face that is. Its root is in metres.
        strong = [np.sqrt((power**2).sum() / max(power.sum(), 1e-30)) for power in (ours, theirs)]
        if strong[0] > 1e-4:
            moves[name] = face.moves[name] * (strong[1] / strong[0])
    return replace(face, moves=moves)


def _whole(shape: Shape, points: np.ndarray, unrolling: Unrolling) -> FaceView:
    return look(unrolling, points, shape.triangles, np.array([0.0, 0.86]), (0.11, 0.11), 0.0015)


def with_jaw(shape: Shape, mouth: np.ndarray, unrolling: Unrolling) -> Shape:
    """A face that brings no jaw drop with one that opens its lips: enough to see which skin is whose.

    What lies well below the mouth (3,) goes down, what lies well above stays, between them the skin is as a soap film:
    along the surface, hence different on both sides of lips that touch.
    """
    low, high = 0.009, 0.017
    view = look(unrolling, shape.points, shape.triangles, unrolling.flatten(mouth)[0], (0.06, 0.05), 0.0005)
    # Skin 9 to 17 mm above the mouth is known to stay (0), as far below to go down (1); so is all beyond 6 cm.
    height = view.z - mouth[2]
    seen = view.triangle >= 0
    part = {
        sign: np.unique(shape.triangles[view.triangle[seen & (sign * height > low) & (sign * height < high)]])
        for sign in (1, -1)
    }
    fixed = np.zeros(len(shape.points))
    far = np.linalg.norm(shape.points - mouth, axis=1) > 0.06
    known = far.copy()
    fixed[far & (shape.points[:, 2] < mouth[2])] = 1
    for sign, value in ((1, 0.0), (-1, 1.0)):
        fixed[part[sign]], known[part[sign]] = value, True
    # Between them the harmonic field: graph Laplacian with weights 1 / edge length, L_ff x_f = -L_fk x_k.
    # It spreads along edges, not through space: lips that touch but share no edge part.
    edges = np.concatenate([shape.triangles[:, [0, 1]], shape.triangles[:, [1, 2]], shape.triangles[:, [2, 0]]])
    weight = 1 / (np.linalg.norm(shape.points[edges[:, 0]] - shape.points[edges[:, 1]], axis=1) + 1e-6)
    count = len(shape.points)
    graph = sp.coo_matrix((weight, (edges[:, 0], edges[:, 1])), shape=(count, count)).tocsr()
    graph = graph + graph.T
    laplacian = (sp.diags(np.asarray(graph.sum(axis=1)).ravel() + 1e-9) - graph).tocsr()
    free = np.flatnonzero(~known)
    fixed[free] = spsolve(laplacian[free][:, free].tocsc(), -laplacian[free][:, np.flatnonzero(known)] @ fixed[known])
    return replace(shape, moves={**shape.moves, "AU26": fixed[:, None] * np.array([0.0, 0.003, -0.016])})


def find_marks(
    face: Shape, model: Shape, template: FacialTemplate, unrolling: Unrolling, given: dict[str, np.ndarray]
) -> Pins:
    """What was given, the tip of the nose, and the brows where the face raises them."""
    pins = [_given_pins(face, model, template, given)]
    if "nose_tip" not in given:
        pins.append(_twin(face, model, unrolling, _nose_cell))
    for side, sign in (("left", 1), ("right", -1)):
        for name, end in (("AU01", "inner"), ("AU02", "outer")):
            if name in face.moves and f"brow_{end}_{side}" not in given:
                pins.append(_twin(face, model, unrolling, lambda v, s, n=name, k=sign: _peak_cell(v, s, n, k)))
    return joined(pins)


def find_margins(
    face: Shape, model: Shape, template: FacialTemplate, unrolling: Unrolling, given: dict[str, np.ndarray]
) -> Pins:
    """The margins of lips and lids, seen where the opened face lies behind what surrounds it."""
    opened, model_opened = face.posed(OPEN), model.posed(OPEN)
    seen = []
    for name, pair in margins(template).items():
        corners = _CORNERS[name]
        ends = unrolling.flatten(np.array([given[c] for c in corners]))[0][:, 0] if set(corners) <= set(given) else None
        pins = _margin_pins(face, opened, model_opened, pair, unrolling, name == "mouth", ends)
        if pins is not None:
            seen.append(pins)
        elif name == "mouth":
            raise UserError(
                "The mouth does not open: its lips are joined, or its jaw drop (AU26) moves nothing: cut the mesh "
                "between the lips and give it the inside of a mouth."
            )
    return joined(seen)


def joined(parts: list[Pins]) -> Pins:
    """All the pins; of two for one template point the first."""
    keys = ("index", "triangle", "bary", "offset", "exact")
    pins = [np.concatenate([getattr(p, key) for p in parts]) for key in keys]
    # unique names the first row of every template point, in the order they were joined.
    first = np.unique(pins[0], return_index=True)[1]
    return Pins(*(values[first] for values in pins))


def _given_pins(face: Shape, model: Shape, template: FacialTemplate, given: dict[str, np.ndarray]) -> Pins:
    index = np.array([landmark_index(template, name) for name in given], int)
    triangle, bary = np.zeros(len(index), int), np.zeros((len(index), 3))
    # How far each triangle goes down or up (F,) when the mouth opens: tells the lower lip from the upper.
    lowered = face.moves["AU26" if "AU26" in face.moves else "AU25"][:, 2][face.triangles].mean(axis=1)
    middles = face.points[face.triangles].mean(axis=1)
    for row, (name, place) in enumerate(given.items()):
        allowed = np.arange(len(face.triangles))
        if name in ("lip_upper", "lip_lower"):
            # Lips that touch are one place in space, not on the skin.
            near = np.linalg.norm(middles - place, axis=1) < 0.02
            low = lowered < lowered[near].mean() if near.any() else lowered < 0
            allowed = np.flatnonzero(low == (name == "lip_lower"))
        near = cKDTree(middles[allowed]).query(place, k=min(40, len(allowed)))[1]
        triangles = allowed[np.atleast_1d(near)]
        corners = face.points[face.triangles[triangles]]
        bary_of, distance = nearest_on_triangles(place[None].repeat(len(triangles), 0), corners)
        best = distance.argmin()
        triangle[row], bary[row] = triangles[best], bary_of[best]
    return Pins(index, triangle, bary, np.zeros((len(index), 3)), np.ones(len(index), bool))


def _margin_pins(
    face: Shape,
    opened: np.ndarray,
    model: np.ndarray,
    pair: tuple[np.ndarray, np.ndarray],
    unrolling: Unrolling,
    mouth: bool,
    ends: np.ndarray | None = None,
) -> Pins | None:
    plane = unrolling.flatten(model)[0]
    upper, lower = pair
    half, recess, reach, least = ((0.045, 0.030), 0.007, 0.020, 0.02) if mouth else ((0.024, 0.018), 0.006, 0.009, 0.01)
    centre = plane[np.concatenate(pair)].mean(axis=0)
    opening = find_opening(look(unrolling, opened, face.triangles, centre, half, 0.0002), recess, reach, least)
    if opening is None:
        return None
    if ends is not None:
        opening = opening.between(*ends)
    # Points of the margin keep their share of the way from corner to corner; their height the face's opening gives.
    first, last = plane[upper[[0, -1]], 0]
    triangle, bary = opening.border((plane[upper, 0] - first) / (last - first), _OUTSIDE)
    index = np.concatenate([upper, lower])
    count = len(index)
    return Pins(index, triangle.ravel(), bary.reshape(-1, 3), np.zeros((count, 3)), np.ones(count, bool))


def _twin(face: Shape, model: Shape, unrolling: Unrolling, find) -> Pins:
    """One place that is found on face and model in the same way, as a pin of the model's nearest point."""
    cells = []
    for shape in (face, model):
        view = _whole(shape, shape.points, unrolling)
        i, j = find(view, shape)
        cells.append((view.triangle[i, j], view.bary[i, j]))
    (triangle, bary), (ours, our_bary) = cells
    # The model's place as a pin of the corner that weighs most there, with the way from the place to that corner.
    place = our_bary @ model.points[model.triangles[ours]]
    index = model.triangles[ours][our_bary.argmax()]
    offset = (model.points[index] - place)[None]
    return Pins(np.array([index]), np.array([triangle]), bary[None], offset, np.array([False]))


def _nose_cell(view: FaceView, shape: Shape) -> tuple[int, int]:
    middle = (np.abs(view.s) < 0.012)[:, None] & (np.abs(view.z - 0.845) < 0.03)
    column, row = np.unravel_index(np.where(middle, view.distance, -np.inf).argmax(), view.distance.shape)
    return int(column), int(row)


def _peak_cell(view: FaceView, shape: Shape, name: str, sign: int) -> tuple[int, int]:
    # Centre of |move|⁴ on one side of the face: where a brow rises most, whatever skin around it follows a little.
    power = (view.sample(shape.moves[name], shape.triangles) ** 2).sum(axis=-1) ** 2
    power[view.s * sign <= 0] = 0
    plane = np.array([power.sum(axis=1) @ view.s, power.sum(axis=0) @ view.z]) / power.sum()
    column, row = view.cell(plane)
    return int(column), int(row)
