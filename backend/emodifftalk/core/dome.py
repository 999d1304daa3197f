"""Where the cameras of a capture stand: on rings around the head, and held-out ones between them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .arrays import Floats
from .camera import Camera, look_at

VIEWS: tuple[int, ...] = (11, 24, 60)
"""How many cameras a subject can be learned from. 11 is EmoTalk3D's half circle; 24 and 60 go all round."""
FIELD_OF_VIEW = 17.0  # degrees


@dataclass(frozen=True)
class Place:
    """A camera's place.

    azimuth: degrees, 0 in front and positive to the head's left.
    elevation: degrees above the head's plane.
    split: `train` or `test` (held out).
    """

    name: str
    azimuth: float
    elevation: float
    split: str = "train"

    @property
    def from_front(self) -> float:
        """Degrees 0..180 between this place's azimuth and the front."""
        return abs((self.azimuth + 180) % 360 - 180)


def layout(views: int) -> list[Place]:
    """The places of a dome of `views` cameras to learn from, then the held-out ones. Raises KeyError for others."""
    return _LAYOUTS[views]()


def _half_circle() -> list[Place]:
    places = _ring("ring", [-90 + 18 * i for i in range(11)], 0)
    return places + _held_out((-27, 4), (9, 8))


def _all_round() -> list[Place]:
    places = _ring("ring", [22.5 * i for i in range(16)], 0)
    places += _ring("high", [32, -32, 78, -78, 150, -150], 28)
    places += _ring("low", [25, -25], -22)
    return places + _held_out((-34, 6), (11, 8), (56, 10), (146, 6))


def _dense() -> list[Place]:
    places = _ring("ring", [15 * i for i in range(24)], 0)
    places += _ring("high", [22.5 * (i + 0.5) for i in range(16)], 24)
    places += _ring("top", [45 * i for i in range(8)], 48)
    places += _ring("low", [30 * (i + 0.5) for i in range(12)], -20)
    return places + _held_out((-34, 10), (8, 12), (50, -9), (98, 12), (-142, 10), (-83, -9))


_LAYOUTS = {11: _half_circle, 24: _all_round, 60: _dense}


def _ring(name: str, azimuths: list[float], elevation: float) -> list[Place]:
    return [Place(f"{name}{i:02d}", azimuth, elevation) for i, azimuth in enumerate(azimuths)]


def _held_out(*directions: tuple[float, float]) -> list[Place]:
    return [Place(f"test{i:02d}", azimuth, elevation, "test") for i, (azimuth, elevation) in enumerate(directions)]


def calibrate(places: list[Place], centre: Floats, height: float, size: int) -> dict[str, Camera]:
    """The camera at every place, by name.

    centre: (3,) metres, looked at.
    height: metres that fill the picture there.
    size: pixels, square.
    """
    distance = 0.5 * height / math.tan(math.radians(FIELD_OF_VIEW) / 2)
    cameras = {}
    for place in places:
        a, e = math.radians(place.azimuth), math.radians(place.elevation)
        # From the centre to the camera: front is -y, the head's left +x, up z; the distance is where `height` fills the
        # field of view.
        towards = np.array([math.sin(a) * math.cos(e), -math.cos(a) * math.cos(e), math.sin(e)])
        eye = np.asarray(centre, float) + distance * towards
        cameras[place.name] = look_at(tuple(eye), tuple(centre), size, size, FIELD_OF_VIEW)
    return cameras
