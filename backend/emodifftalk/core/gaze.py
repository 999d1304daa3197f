"""Where the eyes look: eyeballs turn about their own centres."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .gaussians import Gaussians, matrix_to_quat, quat_multiply
from .subject import OTF_GROUPS, Subject

LIMIT = np.radians((35.0, 25.0))
"""The furthest an eye turns, radians: yaw, pitch."""


def gaze_matrix(gaze: np.ndarray) -> np.ndarray:
    """Rotations (..., 3, 3) of gaze directions (..., 2): yaw to the head's left, pitch upwards, radians.

    Object space: z up, the head looks along -y, its left is +x. Angles beyond `LIMIT` stop there.
    """
    yaw, pitch = np.moveaxis(np.clip(np.asarray(gaze, float), -LIMIT, LIMIT), -1, 0)
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)
    turn = [[np.cos(yaw), -np.sin(yaw), zero], [np.sin(yaw), np.cos(yaw), zero], [zero, zero, one]]
    nod = [[one, zero, zero], [zero, np.cos(pitch), np.sin(pitch)], [zero, -np.sin(pitch), np.cos(pitch)]]
    turn, nod = (np.stack([np.stack(row, axis=-1) for row in rows], axis=-2) for rows in (turn, nod))
    return turn @ nod


def turn_eyes(subject: Subject, gaussians: Gaussians, gaze: np.ndarray) -> Gaussians:
    """The subject's `gaussians`, posed in object space, with both eyeballs turned by `gaze` (2,): yaw, pitch, radians.

    A subject without eye centres keeps looking ahead.
    """
    if len(subject.eye_centers) == 0 or not np.any(gaze):
        return gaussians
    matrix = gaze_matrix(gaze)
    turn = matrix_to_quat(matrix)
    means, quats = gaussians.means.copy(), gaussians.quats.copy()
    for name, centre in zip(("eye_left", "eye_right"), subject.eye_centers, strict=True):
        rows = subject.n_face + np.flatnonzero(subject.otf_group == OTF_GROUPS.index(name))
        means[rows] = (means[rows] - centre) @ matrix.T + centre
        quats[rows] = quat_multiply(np.broadcast_to(turn, quats[rows].shape), quats[rows])
    return replace(gaussians, means=means.astype(np.float32), quats=quats.astype(np.float32))
