"""How far Gaussians reach, and where in a head its neck begins."""

from __future__ import annotations

import numpy as np

from .arrays import Floats
from .gaussians import Gaussians
from .subject import Subject

_SOLID = 0.2
"""Least opacity of a Gaussian that counts."""
_STRAY = 0.001
"""Share of the Gaussians, at either end of every axis, that may lie outside the box: a few always float about."""
_MARGIN = 0.02
"""Of the box's size, added on every side: Gaussians reach further than their centres."""
_NECK_DOWN, _NECK_BACK = 0.45, 1.18
"""From the chin to the base of the neck, over the height of the eyes above the chin. Measured on both sample heads,
where the necks' outlines meet the shoulders."""
_LIDS = ("lid_upper_left", "lid_lower_left", "lid_upper_right", "lid_lower_right")


def solid_box(gaussians: Gaussians) -> Floats:
    """Lowest and highest corner (2, 3), metres, of a box around what is seen of at least one Gaussian.

    It has some thickness along every axis, and a few that lie far away from all others do not count.
    """
    solid = gaussians.means[gaussians.opacities > _SOLID]
    points = solid if len(solid) else gaussians.means
    low, high = np.quantile(points.astype(np.float64), [_STRAY, 1 - _STRAY], axis=0)
    margin = np.maximum(_MARGIN * (high - low), 1e-3)
    return np.stack([low - margin, high + margin])


def neck_base(subject: Subject) -> Floats:
    """The middle (3,) of the neck where it meets the shoulders, metres in the subject's own space.

    The face says where: hair, scarves and collars hide the neck itself. Where a head ends above it, its lower end is
    taken, and what lies outside the Gaussians is brought in.
    """
    # Own space has z up and the face along -y: from the chin down and back by shares of how high the eyes are above it.
    neutral, landmarks = subject.template.neutral, subject.template.landmarks
    chin = neutral[landmarks["chin"]].mean(axis=0).astype(np.float64)
    eyes = np.concatenate([neutral[landmarks[name]] for name in _LIDS]).mean(axis=0)
    height = max(float(eyes[2] - chin[2]), 0.0)
    base = np.array([eyes[0], chin[1] + _NECK_BACK * height, chin[2] - _NECK_DOWN * height])
    low, high = solid_box(subject.gaussians)
    return np.clip(base, low, high)
