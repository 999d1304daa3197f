"""Giving the template the face's own proportions: turned, sized and differing as faces do, before it is bent."""

from __future__ import annotations

import numpy as np

from .nonrigid import Samples, match_places, point_normals
from .shapes import FaceShapes

_ROUNDS = 12
_TYPICAL = 0.0015  # metres by which a face lies off what the learnt ways can reach
_LIKE = 40.0  # points whose misfit is independent: neighbours miss together
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
    """The points (V, 3) metres of a mean face given the proportions that bring those at `index` (P,) to `places` (P, 3)
    and all of them onto `samples`, where given; moves (V, C) as in the samples.
    """
    fields = np.concatenate([shapes.ways, _frame_fields(points)])
    amount = np.zeros(len(fields))
    prior = np.concatenate([np.ones(len(shapes.ways)), np.full(7, 1e-4)])
    rows = fields[:, index].reshape(len(fields), -1)
    pin = _PIN / _TYPICAL**2
    for _ in range(_ROUNDS if samples is not None else 1):
        left = np.diag(prior) + pin * rows @ rows.T
        right = pin * rows @ (places - points[index]).ravel()
        if samples is not None:
            now = points + np.tensordot(amount, fields, axes=1)
            more_left, more_right = _onto(points, now, triangles, fields, samples, moves)
            left, right = left + more_left, right + more_right
        amount = np.linalg.solve(left, right)
    return points + np.tensordot(amount, fields, axes=1)


def _frame_fields(points: np.ndarray) -> np.ndarray:
    """Displacements (7, V, 3) of three shifts by 1 m, three turns by 1 rad and growing by its own size."""
    middle = points - points.mean(axis=0)
    shifts = np.repeat(np.eye(3)[:, None], len(points), axis=1)
    turns = np.stack([np.cross(axis, middle) for axis in np.eye(3)])
    return np.concatenate([shifts, turns, middle[None]])


def _onto(
    points: np.ndarray, now: np.ndarray, triangles: np.ndarray, fields: np.ndarray, samples: Samples, moves: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Normal equations of drawing the points `now` are at onto the samples that face and move as they do."""
    normals = point_normals(triangles, now)
    found = match_places(now, normals, moves, samples)
    offset = samples.places[found] - now
    onto = samples.normals[found]
    facing = (normals * onto).sum(axis=1)
    trust = np.clip((facing - 0.5) / 0.3, 0, 1) / (1 + (np.linalg.norm(offset, axis=1) / 0.01) ** 2)
    trust *= _LIKE / (len(points) * _TYPICAL**2)
    target = samples.places[found] - points
    across = (fields * onto).sum(axis=2)
    along = fields.reshape(len(fields), -1)
    weight = np.repeat(_SLIDE * trust, 3)
    left = (across * trust) @ across.T + (along * weight) @ along.T
    right = (across * trust) @ (target * onto).sum(axis=1) + (along * weight) @ target.ravel()
    return left, right
