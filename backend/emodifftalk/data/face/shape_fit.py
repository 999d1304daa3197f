"""Giving the template the face's own proportions: turned, sized and differing as faces do, before it is bent."""

from __future__ import annotations

import numpy as np

from .nonrigid import Samples, match_places, point_normals
from .shapes import FaceShapes

_ROUNDS = 12
_TYPICAL = 0.0015  # metres by which a face lies off what the learnt ways can reach
_INDEPENDENT = 40.0  # points whose misfit is independent: neighbours miss together
_SLIDE = 0.05  # weight of a match along the surface against one across it
_PIN = 0.6  # a pin counts as this many of those points


def fit_proportions(
    points: np.ndarray,
    triangles: np.ndarray,
    shapes: FaceShapes,
    index: np.ndarray,
    places: np.ndarray,
    samples: Samples | None = None,
    moves: np.ndarray | None = None,
) -> np.ndarray:
    """The points (V, 3) metres of a mean face, given the proportions that bring them where a face has them.

    index, places: template points (P,) whose place (P, 3) on the face is known.
    samples, moves: of the surface that all points are to come to, and (V, C) metres as in the samples; neither for the
        pins alone.
    """
    # Displacement = amount (K + 7,) · fields: K learnt ways of differing, and moving, turning, growing as a whole.
    # A ridge of 1 holds each way to its standard deviation; the 7 of the frame are as good as free.
    fields = np.concatenate([shapes.ways, _frame_fields(points)])
    amount = np.zeros(len(fields))
    prior = np.concatenate([np.ones(len(shapes.ways)), np.full(7, 1e-4)])
    rows = fields[:, index].reshape(len(fields), -1)
    pin = _PIN / _TYPICAL**2
    # Ridge regression: (prior + pin R Rᵀ) amount = pin R (places - points), R (K + 7, 3 P) the fields at the pins.
    # Matches with the surface change as the points move, so it is solved anew with new ones, as ICP does.
    for _ in range(1 if samples is None else _ROUNDS):
        left = np.diag(prior) + pin * rows @ rows.T
        right = pin * rows @ (places - points[index]).ravel()
        if samples is not None and moves is not None:
            now = points + np.tensordot(amount, fields, axes=1)
            more_left, more_right = _onto(points, now, triangles, fields, samples, moves)
            left, right = left + more_left, right + more_right
        amount = np.linalg.solve(left, right)
    return points + np.tensordot(amount, fields, axes=1)


def _frame_fields(points: np.ndarray) -> np.ndarray:
    """Displacements (7, V, 3) of three shifts by 1 m, three turns by 1 rad and growing by its own size."""
    # Linearised at the points as they are: a turn by w displaces p by w × p, growing by s displaces it by s p.
    # Enough, because the frame was found before and only a few degrees are left.
    middle = points - points.mean(axis=0)
    shifts = np.repeat(np.eye(3)[:, None], len(points), axis=1)
    turns = np.stack([np.cross(axis, middle) for axis in np.eye(3)])
    return np.concatenate([shifts, turns, middle[None]])


def _onto(
    points: np.ndarray, now: np.ndarray, triangles: np.ndarray, fields: np.ndarray, samples: Samples, moves: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Normal equations of drawing the points `now` are at onto the samples that face and move as they do."""
    normals = point_normals(triangles, now)
    match = match_places(now, normals, moves, samples)
    offset = samples.places[match] - now
    onto = samples.normals[match]
    # Trust 0..1 falls where surfaces face apart (60° and more: none) and with (distance / 1 cm)²: outliers hold little.
    # Divided by V and the typical variance, V points that miss together count as 40 that do so independently.
    facing = (normals * onto).sum(axis=1)
    trust = np.clip((facing - 0.5) / 0.3, 0, 1) / (1 + (np.linalg.norm(offset, axis=1) / 0.01) ** 2)
    trust *= _INDEPENDENT / (len(points) * _TYPICAL**2)
    target = samples.places[match] - points
    # across (K, V): fields along the sample's normal, point to plane; along (K, 3 V): whole fields, at a twentieth.
    # A match tells how far the surface is, hardly which place on it is meant: points may slide.
    across = (fields * onto).sum(axis=2)
    along = fields.reshape(len(fields), -1)
    weight = np.repeat(_SLIDE * trust, 3)
    left = (across * trust) @ across.T + (along * weight) @ along.T
    right = (across * trust) @ (target * onto).sum(axis=1) + (along * weight) @ target.ravel()
    return left, right
