"""Laying our facial template on any head mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from ...core.errors import UserError
from ...core.facs import ARTICULATIONS, AU_NAMES
from ...core.template import FacialTemplate, load_template
from .attachment import Attachment
from .frame import Shape, face_of, find_frame, template_shape
from .landmarks import (
    LANDMARK_NAMES,
    OPEN,
    Pins,
    even_moves,
    find_margins,
    find_marks,
    joined,
    margins,
    middle_of,
    with_jaw,
)
from .nonrigid import attach, point_normals, refine, sample_surface, warp
from .shape_fit import fit_proportions
from .shapes import FaceShapes, load_face_shapes
from .view import Unrolling

__all__ = ["LANDMARK_NAMES", "register_template"]

_SKULL = 0.075
"""Metres from the lids back to the vertical axis the face is unrolled around, less the eyeball before it."""
_BALL = 0.013
_EXACT, _ROUGH = 100.0, 0.5
"""How stiffly a pin holds: on a margin or given by a person; found by its likeness."""
_FEWEST = 100


def register_template(
    vertices: np.ndarray,
    triangles: np.ndarray,
    moved: dict[str, np.ndarray] | None = None,
    landmarks: dict[str, np.ndarray] | None = None,
    eyes: dict[str, np.ndarray] | None = None,
    upright: bool = True,
) -> Attachment:
    """Where on a head mesh the points of our template lie: they then follow the mesh through every pose.

    vertices: (N, 3) of the relaxed head; hair, clothes, eyes and teeth may be part of it as shells of their own.
    triangles: (F, 3) vertex indices, either winding.
    moved: AU or articulation name to the displacement (N, 3) of every vertex at intensity 1; other names are passed
        over, strength does not matter.
    landmarks: names of LANDMARK_NAMES to places (3,).
    eyes: "left" and "right" to the middles (3,) of the eyeballs.
    upright: vertices must be in metres, z up, the face along -y; if False, any turn and size will do
        (Attachment.follow keeps to the mesh's frame either way).

    Everything is in the mesh's own frame and unit. Without a blink (AU45) and a jaw drop (AU26 or AU25), landmarks must
    give the corners of eyes and mouth; `eyes` does for the former.

    Returns the attachment, matrix (V, N): every template point is a place on one triangle. Raises UserError for an
    empty or broken mesh, unknown or distant landmarks, a face that is not found, and a mouth that does not open.
    """
    given, eyes = dict(landmarks or {}), dict(eyes or {})
    _expect_mesh(vertices, triangles)
    _expect_places(vertices, given, eyes)
    mesh = Shape(np.asarray(vertices, float), np.asarray(triangles, int), _known_moves(vertices, moved or {}))
    template, shapes = load_template(), load_face_shapes()
    face, model, given, unrolling = _lay_together(mesh, template, given, eyes, upright)
    fitted, pins = _proportioned(face, model, shapes, template, unrolling, given)
    triangle, bary = _bent_onto(face, model, fitted, pins, unrolling)
    # Matrix (V, N), three entries a row: the barycentric weights of a template point at its triangle's corners.
    # Sparse and of vertex positions alone, so one product carries the template through any pose of the mesh.
    rows = np.repeat(np.arange(len(triangle)), 3)
    shape = (len(triangle), len(vertices))
    return Attachment(sp.csr_matrix((bary.ravel(), (rows, face.triangles[triangle].ravel())), shape=shape))


def _expect_mesh(vertices: np.ndarray, triangles: np.ndarray) -> None:
    if np.ndim(vertices) != 2 or np.shape(vertices)[1] != 3 or np.ndim(triangles) != 2 or np.shape(triangles)[1] != 3:
        raise UserError("The head mesh must have vertices (N, 3) and triangles (F, 3): triangulate it.")
    if len(triangles) < _FEWEST or len(vertices) < _FEWEST:
        raise UserError(f"The head mesh has {len(triangles)} triangles, too few for a face: choose the head.")
    broken = np.flatnonzero(~np.isfinite(vertices).all(axis=1))
    if len(broken):
        raise UserError(
            f"{len(broken)} vertices of the head mesh are not numbers, first vertex {broken[0]}: clean up the mesh."
        )
    if np.min(triangles) < 0 or np.max(triangles) >= len(vertices):
        raise UserError("The triangles of the head mesh belong to another mesh than its vertices: export both again.")


def _expect_places(vertices: np.ndarray, landmarks: dict[str, np.ndarray], eyes: dict[str, np.ndarray]) -> None:
    """Raise UserError for landmarks and eyes that are not known by name, not places, or far from the mesh."""
    unknown = [name for name in landmarks if name not in LANDMARK_NAMES] + sorted(set(eyes) - {"left", "right"})
    if unknown:
        raise UserError(f"“{unknown[0]}” is no landmark: use {', '.join(LANDMARK_NAMES)}.")
    # A tenth of the mesh's longest side around its box: eyes lie inside, a landmark in another unit far outside.
    low, high = np.min(vertices, axis=0), np.max(vertices, axis=0)
    margin = 0.1 * (high - low).max()
    for name, place in {**landmarks, **{f"{side} eye": place for side, place in eyes.items()}}.items():
        if np.shape(place) != (3,) or not np.isfinite(place).all():
            raise UserError(f"The landmark {name} is no place: give three numbers.")
        if (place < low - margin).any() or (place > high + margin).any():
            raise UserError(f"The landmark {name} lies far from the mesh: give it in the mesh's own frame and unit.")


def _known_moves(vertices: np.ndarray, moved: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    known = {name: np.asarray(moved[name], float) for name in (*AU_NAMES, *ARTICULATIONS) if name in moved}
    for name, move in known.items():
        if move.shape != np.shape(vertices) or not np.isfinite(move).all():
            raise UserError(f"The shape of {name} does not fit the head mesh: export it from the same mesh again.")
    # A shape key that moves nothing tells nothing.
    return {name: move for name, move in known.items() if np.abs(move).max() > 0}


@dataclass(frozen=True)
class _Model:
    """The template that is to be laid: the mean face, relaxed, and how it moves."""

    shape: Shape

    @property
    def opened(self) -> np.ndarray:
        return self.shape.posed(OPEN)

    def like(self, opened: np.ndarray) -> Shape:
        """The template relaxed from opened points (V, 3)."""
        # What the fit changed in the opened face is changed in the relaxed one, so the moves between them stay.
        return Shape(self.shape.points + opened - self.opened, self.shape.triangles, self.shape.moves)

    def moves(self) -> np.ndarray:
        """All moves side by side (V, 3 × moves)."""
        return np.concatenate(list(self.shape.moves.values()), axis=1)


def _lay_together(
    mesh: Shape, template: FacialTemplate, given: dict, eyes: dict, upright: bool
) -> tuple[Shape, _Model, dict[str, np.ndarray], Unrolling]:
    """The face's own shell in the template's frame, the template with the same moves, landmarks, the unrolling."""
    fields = np.concatenate([template.au_basis, template.articulation_basis])
    model = template_shape(template, (*AU_NAMES, *ARTICULATIONS), fields)
    openings = margins(template)
    lids = {side: np.concatenate(openings[side]) for side in ("left", "right")}
    face, frame = find_frame(face_of(mesh, given), model, lids, openings["mouth"][0], given, eyes, upright)
    face = Shape(frame.points(face.points), face.triangles, {k: frame.directions(v) for k, v in face.moves.items()})
    given = {name: frame.points(np.asarray(place, float)) for name, place in given.items()}
    # The axis stands in the skull, y = mean of the lids + 88 mm (the face looks along -y): seen from there, cheeks,
    # lips and lids lie side by side, and hardly any skin hides behind other skin.
    axis = float(template.neutral[np.concatenate(list(lids.values())), 1].mean()) + _SKULL + _BALL
    unrolling = Unrolling(axis)
    face = even_moves(face, model, unrolling)
    if not {"AU25", "AU26"} & set(face.moves):
        mouth = middle_of(template, "mouth")
        face, model = with_jaw(face, mouth, unrolling), with_jaw(model, mouth, unrolling)
    return face, _Model(Shape(model.points, model.triangles, {k: model.moves[k] for k in face.moves})), given, unrolling


def _proportioned(
    face: Shape, model: _Model, shapes: FaceShapes, template: FacialTemplate, unrolling: Unrolling, given: dict
) -> tuple[np.ndarray, Pins]:
    """The opened template (V, 3) with the face's proportions, and the pins that are known of it.

    Marks come first: only a template that lies well tells which opening is whose, and where the margins end.
    """
    model = _Model(Shape(model.shape.points + shapes.mean, model.shape.triangles, model.shape.moves))
    # The model starts from the mean face, not from the template's own, because the learnt ways differ from that one.
    # Both are posed OPEN, because closed lips and lids have no margins that could be seen.
    opened, names = face.posed(OPEN), list(face.moves)
    ours, moves, faces = model.opened, model.moves(), model.shape.triangles

    def fit(pins: Pins, near: np.ndarray) -> np.ndarray:
        places = pins.places(opened, face.triangles)
        samples = sample_surface(face, opened, names, unrolling, near)
        return fit_proportions(ours, faces, shapes, pins.index, places, samples, moves)

    marks = find_marks(face, model.shape, template, unrolling, given)
    near = fit_proportions(ours, faces, shapes, marks.index, marks.places(opened, face.triangles))
    like = model.like(fit(marks, near))
    # Once more from the template that now lies well: marks move to better twins, margins end at the right corners.
    marks, seen = (find(face, like, template, unrolling, given) for find in (find_marks, find_margins))
    pins = joined([marks, seen])
    return fit(pins, like.posed(OPEN)), pins


def _bent_onto(
    face: Shape, model: _Model, fitted: np.ndarray, pins: Pins, unrolling: Unrolling
) -> tuple[np.ndarray, np.ndarray]:
    """Triangle (V,) of the face and barycentric (V, 3) of every template point, from the opened template (V, 3)."""
    opened, moves = face.posed(OPEN), model.moves()
    places = pins.places(opened, face.triangles)
    start = warp(fitted, pins.index, places)
    samples = sample_surface(face, opened, list(face.moves), unrolling, start)
    weight = np.where(pins.exact, _EXACT, _ROUGH)
    bent = refine(start, model.shape, moves, samples, pins.index, places, weight)
    triangle, bary = attach(bent, point_normals(model.shape.triangles, bent), moves, samples, face, opened)
    # Exact pins keep the very places they name: `attach` would only choose the nearest one that faces alike.
    exact = pins.index[pins.exact]
    triangle[exact], bary[exact] = pins.triangle[pins.exact], pins.bary[pins.exact]
    return triangle, bary
