"""What a capture needs to know of a character, whoever built it."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Character(Protocol):
    """Someone who can be posed and photographed.

    Our frame: metres, z up, looking along -y, x to the head's left.

    name: as the capture and its subject are called.
    to_world: (4, 4), from our frame to the scene.
    """

    name: str
    to_world: np.ndarray

    def pose(self, units: dict[str, float]) -> None:
        """Pose for a picture by intensities 0..1 of action units and articulations, by name."""
        ...

    def points(self, units: dict[str, float]) -> np.ndarray:
        """Points (N, 3) of the face in our frame in a pose, the same points in every one."""
        ...

    def frame(self) -> tuple[np.ndarray, float]:
        """What the pictures show: the middle (3,) and the height in metres, in our frame."""
        ...
