"""LMD, the landmark distance of the lips: known points seen through known cameras, no detector.

All lip landmarks of our template (both inner edges and the outer one), projected into the picture. Both sets are
centred on their own middle, so that a head that stands elsewhere is not charged to the lips; neither is scaled. LMD is
the mean distance in pixels.
"""

from __future__ import annotations

import numpy as np

from ..core.camera import Camera
from ..core.dome import layout

_SEEN = 90.0
"""Degrees from the front within which a camera sees the lips."""

PROTOCOL = (
    "LMD: {count} lip landmarks of our facial template (inner and outer edge), the true ones where the photographed "
    "head has them, the predicted ones where the take moves them, both projected with the camera of the picture (no "
    "detector); each set centred on its own middle, not scaled; mean distance in pixels at {size} × {size}; only "
    "cameras within 90 degrees of the front, which see the mouth."
)


def landmark_distance(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """LMD (...,) in pixels of landmarks (..., L, 2) in pixels."""
    # Mean over L of |(p - p̄) - (q - q̄)|: each set (..., L, 2) about its own middle, since where the
    # head stands is not charged to the lips.
    difference = (predicted - predicted.mean(axis=-2, keepdims=True)) - (truth - truth.mean(axis=-2, keepdims=True))
    return np.linalg.norm(difference, axis=-1).mean(axis=-1)


def projected_distance(predicted: np.ndarray, truth: np.ndarray, camera: Camera) -> np.ndarray:
    """The same (...,) of points (..., L, 3) in metres that `camera` sees."""
    return landmark_distance(camera.project(predicted)[..., :2], camera.project(truth)[..., :2])


def sees_lips(camera: str) -> bool:
    """Whether a held-out camera of the dome of 24, by name, sees the mouth."""
    return any(place.name == camera and place.from_front < _SEEN for place in layout(24))
