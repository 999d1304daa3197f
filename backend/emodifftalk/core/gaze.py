"""Where the eyes look: eyeballs turn about their own centres."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .arrays import Floats
from .facs import AU_INDEX, AU_NAMES
from .gaussians import Gaussians, matrix_to_quat, quat_multiply
from .limits import GAZE as LIMIT
from .subject import OTF_GROUPS, Subject, pose
from .take import TakeFrame

_LIDS_UP, _LIDS_DOWN = ("AU05", 1.0), ("AU45", 0.7)
"""What the upper lid does when the eye looks up or down, per radian."""


GazeKeys = tuple[tuple[float, float, float], ...]
"""Keyframes of a gaze: seconds (rising), yaw, pitch in radians."""


def gaze_at(keys: GazeKeys, seconds: float) -> Floats:
    """Yaw and pitch (2,), radians, at a time: straight from key to key, held before and after, ahead without keys."""
    if not keys:
        return np.zeros(2)
    times, *angles = np.array(keys, float).T
    return np.array([np.interp(seconds, times, angle) for angle in angles])


def lids_follow(pitch: float) -> dict[str, float]:
    """Intensities of the action units by which the lids go along with eyes that look `pitch` radians upwards."""
    unit, gain = _LIDS_UP if pitch > 0 else _LIDS_DOWN
    return {unit: round(gain * min(abs(pitch), LIMIT[1]), 3)} if pitch else {}


def gazing(subject: Subject, frame: TakeFrame | None, gaze: Floats) -> Gaussians:
    """The subject's Gaussians in a frame of a take (None: its canonical face) looking along `gaze` (2,).

    gaze: yaw to the head's left and pitch upwards, radians. The lids follow as far as they are not closed already.
    Object space, metres. Raises UserError when the take is of another subject.
    """
    if len(subject.eye_centers) == 0 or not np.any(gaze):
        return frame.gaussians(subject) if frame is not None else subject.gaussians
    # The lids' share of the gaze, less what a blink has closed of the way already.
    units = np.zeros(len(AU_NAMES), np.float32)
    closed = float(frame.aus[AU_INDEX["AU45"]]) if frame is not None else 0.0
    for unit, value in lids_follow(float(gaze[1])).items():
        units[AU_INDEX[unit]] = value * (1 - min(max(closed, 0.0), 1.0))
    # units (17,) times the basis (17, V, 3): only the lids' own offsets, added to whatever the take does.
    lids = np.tensordot(units, subject.template.au_basis, axes=1)
    if frame is None:
        posed = pose(subject, lids)
    else:
        frame.expect_of(subject)
        posed = pose(subject, frame.offsets + lids, frame.rotations, frame.opacities, frame.tints)
    return turn_eyes(subject, posed, gaze)


def gaze_matrix(gaze: Floats | tuple[float, float]) -> Floats:
    """Rotations (..., 3, 3) of gaze directions (..., 2): yaw to the head's left, pitch upwards, radians.

    Object space: z up, the head looks along -y, its left is +x. Angles beyond `LIMIT` stop there.
    """
    limit = np.array(LIMIT)
    yaw, pitch = np.moveaxis(np.clip(np.asarray(gaze, float), -limit, limit), -1, 0)
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)
    turn = [[np.cos(yaw), -np.sin(yaw), zero], [np.sin(yaw), np.cos(yaw), zero], [zero, zero, one]]
    nod = [[one, zero, zero], [zero, np.cos(pitch), np.sin(pitch)], [zero, -np.sin(pitch), np.cos(pitch)]]
    # Both (..., 3, 3), the nod about x first, then the turn about z: pitch keeps its angle to the horizon at any yaw.
    turn, nod = (np.stack([np.stack(row, axis=-1) for row in rows], axis=-2) for rows in (turn, nod))
    rotation: Floats = turn @ nod
    return rotation


def turn_eyes(subject: Subject, gaussians: Gaussians, gaze: Floats | tuple[float, float]) -> Gaussians:
    """The subject's `gaussians`, posed in its own space, with both eyeballs turned by `gaze` (2,): yaw, pitch, radians.

    A subject without eye centres keeps looking ahead.
    """
    if len(subject.eye_centers) == 0 or not np.any(gaze):
        return gaussians
    matrix = gaze_matrix(gaze)
    turn = matrix_to_quat(matrix)
    means, quats = gaussians.means.copy(), gaussians.quats.copy()
    for name, centre in zip(("eye_left", "eye_right"), subject.eye_centers, strict=True):
        rows = subject.n_face + np.flatnonzero(subject.otf_group == OTF_GROUPS.index(name))
        # R (mean - centre) + centre, and R's quaternion before each one's own: the eyeball turns as a solid.
        means[rows] = (means[rows] - centre) @ matrix.T + centre
        quats[rows] = quat_multiply(np.broadcast_to(turn, quats[rows].shape), quats[rows])
    return replace(gaussians, means=means.astype(np.float32), quats=quats.astype(np.float32))
