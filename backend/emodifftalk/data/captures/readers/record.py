"""What a capture is, whichever layout it was read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ....core.camera import Camera
from .picture import Picture


@dataclass(frozen=True)
class CaptureCamera:
    """A calibrated camera. split: `train` or `test` (held out)."""

    name: str
    camera: Camera
    split: str


@dataclass(frozen=True)
class CaptureFrame:
    """One moment.

    aus: (17,) 0..1.
    pictures: camera name to picture (a path is an RGBA file).
    head: (4, 4) rigid, from the cameras' world to the head as it stood in frame 0; None where the head stood still.
    gaze: yaw to the head's left and pitch upwards, radians.
    """

    name: str
    aus: np.ndarray
    pictures: dict[str, Path | Picture]
    head: np.ndarray | None = None
    gaze: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Capture:
    """A multi-view capture. Frame 0 is the neutral face.

    name, credit: of the subject, and whom to thank, in words.
    synthetic: no camera saw a person.
    cameras: by name.
    frames: F moments.
    points: (F, V, 3) metres, template points per frame, the motion of the head taken out.
    seed_points, seed_colors, seed_group: (M, 3) metres, (M, 3) 0..1 and (M,) uint8 into OTF_GROUPS, where the Gaussians
        begin that are not on the face.
    notes: sentences a person should read about what was left out, guessed or made up.
    licence, consent: under what terms the subject may be used, and whose consent there is, in words.
    eye_centers: (2, 3) metres, middles of the left and the right eyeball; (0, 3) when nobody knows them.
    """

    name: str
    credit: str
    synthetic: bool
    cameras: dict[str, CaptureCamera]
    frames: list[CaptureFrame]
    points: np.ndarray
    seed_points: np.ndarray
    seed_colors: np.ndarray
    seed_group: np.ndarray
    notes: tuple[str, ...] = ()
    licence: str = ""
    consent: str = ""
    eye_centers: np.ndarray = field(default_factory=lambda: np.zeros((0, 3), np.float32))

    def camera_at(self, frame: int, name: str) -> Camera:
        """The camera as it saw the head of a frame, which is held where it was in frame 0."""
        # The motion M that is taken out of the points goes into the camera: V M⁻¹ sees the head held still as V saw it.
        camera, head = self.cameras[name].camera, self.frames[frame].head
        if head is None:
            return camera
        return Camera(camera.viewmat @ np.linalg.inv(head), camera.K, camera.width, camera.height)
