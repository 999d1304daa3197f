"""Laying our facial template on any head mesh."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from ..core.facs import ARTICULATIONS, AU_NAMES
from ..core.template import load_template
from .attachment import Attachment
from .face_frame import Shape, face_of, find_frame, template_shape
from .face_view import Unrolling
from .face_shapes import load_face_shapes
from .shape_fit import fit_proportions
from .nonrigid import attach, point_normals, refine, sample_surface, warp
from .shape_landmarks import LANDMARK_NAMES, OPEN, even_moves, find_marks, find_pins, margins, middle_of, with_jaw

__all__ = ["LANDMARK_NAMES", "register_template"]


def register_template(
    vertices: np.ndarray,
    triangles: np.ndarray,
    moved: dict[str, np.ndarray] | None = None,
    landmarks: dict[str, np.ndarray] | None = None,
    eyes: dict[str, np.ndarray] | None = None,
) -> Attachment:
    template = load_template()
    face, given = Shape(vertices.astype(float), triangles, {k: v.astype(float) for k, v in (moved or {}).items()}), dict(landmarks or {})
    names = (*AU_NAMES, *ARTICULATIONS)
    model = template_shape(template, names, np.concatenate([template.au_basis, template.articulation_basis]))
    face = face_of(face, given)
    openings = margins(template)
    lids = {side: np.concatenate(openings[side]) for side in ("left", "right")}
    face, frame = find_frame(face, model, lids, openings["mouth"][0], given, eyes or {})
    face = Shape(frame.place(face.points), face.triangles, {k: frame.direct(v) for k, v in face.moves.items()})
    given = {k: frame.place(v) for k, v in given.items()}
    unrolling = Unrolling(float(template.neutral[np.concatenate(list(lids.values())), 1].mean()) + 0.088)
    face = even_moves(face, model, unrolling)
    if not {"AU25", "AU26"} & set(face.moves):
        place = middle_of(template, "mouth")
        face, model = with_jaw(face, place, unrolling), with_jaw(model, place, unrolling)
    model = Shape(model.points, model.triangles, {k: model.moves[k] for k in face.moves})
    model = Shape(model.points + load_face_shapes().mean, model.triangles, model.moves)
    marks = find_marks(face, model, template, unrolling, given)
    opened, ours = face.posed(OPEN), model.posed(OPEN)
    places = marks.places(opened, face.triangles)
    shared = list(face.moves)
    moves = np.concatenate([model.moves[k] for k in shared], axis=1)
    fitted = fit_proportions(ours, model.triangles, load_face_shapes(), marks.index, places)
    samples = sample_surface(face, opened, shared, unrolling, fitted)
    fitted = fit_proportions(ours, model.triangles, load_face_shapes(), marks.index, places, samples, moves)
    model = Shape(model.points + fitted - ours, model.triangles, model.moves)
    pins = find_pins(face, model, template, unrolling, given)
    places = pins.places(opened, face.triangles)
    ours = ours if False else model.posed(OPEN)
    base = load_template().neutral.astype(float) + load_face_shapes().mean
    base = Shape(base, model.triangles, model.moves).posed(OPEN)
    samples = sample_surface(face, opened, shared, unrolling, fitted)
    fitted = fit_proportions(base, model.triangles, load_face_shapes(), pins.index, places, samples, moves)
    start = warp(fitted, pins.index, places)
    samples = sample_surface(face, opened, shared, unrolling, start)
    found = refine(start, model, moves, samples, pins.index, places, np.where(pins.exact, 100.0, 0.5))
    triangle, bary = attach(found, point_normals(model.triangles, found), moves, samples, face, opened)
    exact = pins.index[pins.exact]
    triangle[exact], bary[exact] = pins.triangle[pins.exact], pins.bary[pins.exact]
    rows = np.repeat(np.arange(len(found)), 3)
    matrix = sp.csr_matrix((bary.ravel(), (rows, face.triangles[triangle].ravel())), shape=(len(found), len(vertices)))
    return Attachment(matrix)
