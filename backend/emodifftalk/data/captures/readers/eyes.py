"""The middles of the eyeballs, which no tracked mesh of the skin knows: given by a person, checked against the lids."""

from __future__ import annotations

import numpy as np

from ....core.errors import UserError
from ....core.template import FacialTemplate
from ...similarity import Similarity
from .recording import DatasetSettings, Recording

REACH = 0.03
"""Metres that the middle of an eyeball may be from the middle of its lids."""


def eye_centers(
    recording: Recording, settings: DatasetSettings, world: Similarity, face: np.ndarray, template: FacialTemplate
) -> np.ndarray:
    """Middles of the left and the right eyeball (2, 3) float32 in our world; (0, 3) and a note when none were given.

    face: (V, 3) template points of the neutral moment. Raises UserError when they do not lie behind the lids.
    """
    if not settings.eye_centers:
        recording.notes.append("Nobody said where the eyeballs turn: give “eye_centers” to steer the gaze.")
        return np.zeros((0, 3), np.float32)
    centers = world.points(np.array(settings.eye_centers))
    for side, center in zip(("left", "right"), centers, strict=True):
        lids = face[np.concatenate([template.landmarks[f"lid_{lid}_{side}"] for lid in ("upper", "lower")])]
        behind = center - lids.mean(axis=0)
        if not (0 < behind[1] < REACH and np.linalg.norm(behind) < REACH):
            raise UserError(
                f"{recording.layout} {recording.folder.name}: the {side} of “eye_centers” lies "
                f"{1000 * np.linalg.norm(behind):.0f} mm from the middle of its lids and not close behind them (left "
                "means the person's own left)."
            )
    return centers.astype(np.float32)
