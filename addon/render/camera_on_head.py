"""Camera on Head: a portrait camera that looks at the face, wherever the head stands and however it is turned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from bpy.types import Object, Scene
from mathutils import Matrix

from ..blender.camera import picture_size
from ..playback import gaussians as playback
from ..playback import origin, sources

LENS, _SENSOR = 85.0, 36.0
"""Millimetres: a portrait lens on full frame."""
_SOLID = 0.3
"""Least opacity of a Gaussian that counts."""
_QUANTILE = 0.002
"""Share of what is framed that may stand out on each side: single hairs do not push the camera back."""


@dataclass(frozen=True)
class Framing:
    """What of a head a camera frames, in face lengths (from between the eyes to the chin).

    below: how far under the chin the picture ends, if there is something to be cut.
    above, beside: how far up from the eyes, and to each side, what is framed may reach.
    turn: degrees around the head, 0 is the front, towards its left.
    """

    below: float
    above: float
    beside: float
    turn: float

    def seen_from_right(self) -> Framing:
        """The same from the head's other side."""
        return replace(self, turn=-self.turn)


FRAMINGS = {
    "CLOSE_UP": Framing(below=0.5, above=2.2, beside=1.4, turn=0.0),
    "HALF_PROFILE": Framing(below=0.5, above=2.2, beside=1.4, turn=40.0),
    "BUST": Framing(below=0.95, above=2.2, beside=1.9, turn=12.0),
}
_FREE = 0.08, 0.12
"""Shares of what is framed that stay free on each side and above it; below, the picture cuts neck or chest."""


@dataclass(frozen=True)
class Face:
    """Where a face is in the world.

    eyes, chin: between the eyes, and the chin's tip, (3,) metres.
    left, up, ahead: (3,) of length 1, at right angles: towards the head's left, its crown, and where it looks.
    """

    eyes: np.ndarray
    chin: np.ndarray
    left: np.ndarray
    up: np.ndarray
    ahead: np.ndarray

    @property
    def length(self) -> float:
        """Metres from between the eyes to the chin."""
        return float(np.linalg.norm(self.eyes - self.chin))


def face_of(head: Object) -> Face:
    """The face of a head where it is now. Raises UserError when its subject cannot be read."""
    template = sources.subject_of(head).template
    marks, lids = template.landmarks, ("lid_upper_left", "lid_lower_left", "lid_upper_right", "lid_lower_right")
    neutral = np.asarray(template.neutral, float)
    matrix = origin.to_world(head)
    linear, zero = matrix[:3, :3], matrix[:3, 3]
    eyes = np.mean([neutral[marks[name]].mean(axis=0) for name in lids], axis=0)
    # A template looks along -y, z up, x to its left; a scaled or mirrored one is made square again, its gaze first.
    ahead = _unit(linear @ (0.0, -1.0, 0.0))
    up = linear @ (0.0, 0.0, 1.0)
    up = _unit(up - ahead * (ahead @ up))
    left = np.cross(up, ahead)
    if left @ linear[:, 0] < 0:
        left = -left
    return Face(linear @ eyes + zero, linear @ neutral[marks["chin"]].mean(axis=0) + zero, left, up, ahead)


def _unit(vector: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vector)
    return vector / length if length > 1e-9 else np.array([0.0, 0.0, 1.0])


def place_camera(head: Object, scene: Scene, framing: Framing) -> tuple[Matrix, float]:
    """Where a camera of `LENS` stands to frame a head, and its distance from the eyes in metres.

    Raises UserError when the head's files cannot be read.
    """
    face, points = face_of(head), _world_points(head, scene)
    turn = np.radians(framing.turn)
    back = np.cos(turn) * face.ahead + np.sin(turn) * face.left  # from the face towards the camera
    right, up = _upright(back, face)
    framed = _part(points, face, framing)
    # Of everything that is framed: how far right, up and towards the camera it lies from the eyes.
    x, y, near = ((framed - face.eyes) @ axis for axis in (right, up, back))
    low, high = np.quantile(np.stack([x, y]), [_QUANTILE, 1 - _QUANTILE], axis=1)
    near = near[(x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])].max()
    free = np.multiply(_FREE, high - low)
    low, high = low - (free[0], 0.0), high + free
    # The picture is filled where what is framed comes nearest to the camera; farther back it only gets smaller.
    middle, half = (low + high) / 2, (high - low) / 2
    distance = float(near + (half / _half_picture(scene)).max())
    where = face.eyes + right * middle[0] + up * middle[1] + back * distance
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = np.stack([right, up, back], axis=1), where
    return Matrix(matrix.tolist()), distance


def _world_points(head: Object, scene: Scene) -> np.ndarray:
    gaussians = playback.current_gaussians(head, scene)
    solid = gaussians.means[gaussians.opacities >= _SOLID]
    matrix = origin.to_world(head)
    points = solid if len(solid) else gaussians.means
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _part(points: np.ndarray, face: Face, framing: Framing) -> np.ndarray:
    """What is framed of the head's points, its eyes and its chin always."""
    away, length = points - face.eyes, face.length
    height, side = away @ face.up, away @ face.left
    chin = (face.chin - face.eyes) @ face.up
    inside = (height > chin - framing.below * length) & (height < framing.above * length)
    inside &= np.abs(side) < framing.beside * length
    return np.concatenate([points[inside], [face.eyes, face.chin]])


def _upright(back: np.ndarray, face: Face) -> tuple[np.ndarray, np.ndarray]:
    """The camera's right and up: upright in the world, unless the head lies down or the camera looks steeply."""
    world = np.array([0.0, 0.0, 1.0])
    up = world if abs(back @ world) < 0.85 and face.up @ world > 0.5 else face.up
    right = _unit(np.cross(up, back))
    return right, np.cross(back, right)


def _half_picture(scene: Scene) -> np.ndarray:
    """Half the picture's width and height (2,) at a distance of 1, seen through `LENS`."""
    width, height = picture_size(scene)
    size = np.array([width * scene.render.pixel_aspect_x, height * scene.render.pixel_aspect_y])
    half: np.ndarray = size / size.max() * _SENSOR / 2 / LENS
    return half
