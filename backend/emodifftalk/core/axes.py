"""Which way is up: the axes of Gaussians in files, and of ours.

`blender`: x right, y into the picture, z up, as everywhere in EmoDiffTalk. `rub`: x right, y up, z towards the viewer
(glTF, USD with y up, SPZ). `rdf`: x right, y down, z into the picture (COLMAP, most 3DGS .ply).
"""

from __future__ import annotations

import numpy as np

from .arrays import Floats
from .gaussians import Gaussians

AXES: dict[str, Floats] = {
    "blender": np.eye(3),
    "rub": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "rdf": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
}
"""Rotation from our axes into each."""


def matrix_between(source: str, target: str, scale: float = 1.0) -> Floats:
    """The matrix (4, 4) from one of `AXES` into another, lengths multiplied by `scale`."""
    matrix = np.eye(4)
    # Out of the source's axes by its transpose (a rotation's inverse), into the target's.
    matrix[:3, :3] = scale * AXES[target] @ AXES[source].T
    return matrix


def turned(gaussians: Gaussians, source: str, target: str, scale: float = 1.0) -> Gaussians:
    """Gaussians in other axes, lengths multiplied by `scale`."""
    if source == target and scale == 1.0:
        return gaussians
    return gaussians.transformed(matrix_between(source, target, scale))
