"""A synthetic head that calibrated cameras photograph: what the tests put into data sets of every layout.

The face is our own template, so its triangles and landmarks are known; a ball of hair is behind it. Nobody was
captured.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from emodifftalk.core.camera import Camera, look_at
from emodifftalk.core.facs import AU_INDEX, AU_NAMES
from emodifftalk.core.template import FacialTemplate, load_template
from emodifftalk.data.captures.readers.world import PLACES
from emodifftalk.data.similarity import Similarity

WIDTH, HEIGHT = 128, 112
ANGLES = {"00": -90, "01": -60, "02": -30, "03": 0, "04": 30, "05": 60, "06": 90}
"""Degrees around the head, 0 before it, rising to its left."""
MOMENTS = {"000000": {}, "000001": {"AU26": 0.8, "AU25": 0.6}, "000002": {"AU12": 0.9}}
TURN = np.radians(6.0)
"""The head turns by this in the last moment."""
EYE_CENTERS = np.array([[0.0333, -0.131, 0.883], [-0.0333, -0.131, 0.883]])
SKIN, HAIR, NOSE = (0.8, 0.6, 0.5), (0.2, 0.15, 0.1), (0.0, 0.0, 1.0)
"""The tip of the nose is blue: it can be found again in a picture."""


@dataclass(frozen=True)
class World:
    """A data set's world: to_ours leads from it to metres, z up, face along -y."""

    to_ours: Similarity

    def of(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of ours in this world."""
        t = self.to_ours
        return (points - t.shift) @ t.rotation / t.scale

    def camera(self, camera: Camera) -> Camera:
        """A camera of ours in this world."""
        t = self.to_ours
        back = Similarity(1 / t.scale, t.rotation.T, -t.rotation.T @ t.shift / t.scale)
        return back.camera(camera)


def turned_world(scale: float, seed: int = 1) -> World:
    """A world whose unit is `scale` metres, turned and moved as calibration happens to leave it."""
    rng = np.random.default_rng(seed)
    u, _, v = np.linalg.svd(rng.normal(size=(3, 3)))
    rotation = u @ v
    return World(Similarity(scale, rotation * np.sign(np.linalg.det(rotation)), rng.normal(size=3) * 0.3))


@lru_cache(maxsize=1)
def template() -> FacialTemplate:
    """The shipped facial template."""
    return load_template()


@lru_cache(maxsize=1)
def triangles() -> np.ndarray:
    """(F, 3) of the head: the face and the ball behind it."""
    return np.concatenate([template().faces, _ball()[1] + len(template().neutral)])


def vertices(moment: str) -> np.ndarray:
    """(N, 3) of the head at a moment, metres in our world."""
    aus = np.zeros(len(AU_NAMES), np.float32)
    for name, value in MOMENTS[moment].items():
        aus[AU_INDEX[name]] = value
    whole = np.concatenate([template().neutral + template().displace(aus), _ball()[0]]).astype(float)
    if moment == "000002":
        c, s = np.cos(TURN), np.sin(TURN)
        middle = np.array([0, -0.06, 0.86])
        whole = (whole - middle) @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + middle
    return whole


def landmarks() -> dict[str, int]:
    """Vertex numbers of the places that fix the head."""
    return {name: int(template().landmarks[line][i]) for name, (line, i) in PLACES.items()}


def cameras() -> dict[str, Camera]:
    """Around the head in our world; their pictures are wider than they are high."""
    middle = np.array([0, -0.08, 0.87])
    places = {n: middle + 1.1 * np.array([np.sin(a), -np.cos(a), 0.06]) for n, a in _angles().items()}
    return {n: look_at(tuple(eye), tuple(middle), WIDTH, HEIGHT, 24.0) for n, eye in places.items()}


def photograph(camera: Camera, moment: str, distortion: tuple[float, ...] = ()) -> np.ndarray:
    """RGBA (H, W, 4) uint8 of the head through a pinhole, or a lens with OpenCV's (k1, k2, p1, p2, k3)."""
    points, colors = _surface(moment)
    place = camera.project(points)
    if distortion:
        place[:, :2] = _bent(camera, place[:, :2], distortion)
    picture = np.zeros((camera.height, camera.width, 4))
    column, row = np.floor(place[:, :2]).astype(int).T
    seen = (column >= 0) & (row >= 0) & (column < camera.width) & (row < camera.height)
    far_first = np.flatnonzero(seen)[np.argsort(-place[seen, 2], kind="stable")]
    picture[row[far_first], column[far_first], :3] = colors[far_first]
    picture[row[far_first], column[far_first], 3] = 1
    return (picture * 255).round().astype(np.uint8)


def _bent(camera: Camera, pixels: np.ndarray, distortion: tuple[float, ...]) -> np.ndarray:
    k1, k2, p1, p2, k3 = distortion
    focal, middle = camera.K[[0, 1], [0, 1]], camera.K[:2, 2]
    x, y = ((pixels - middle) / focal).T
    r = x * x + y * y
    radial = 1 + k1 * r + k2 * r**2 + k3 * r**3
    u = x * radial + 2 * p1 * x * y + p2 * (r + 2 * x * x)
    v = y * radial + p1 * (r + 2 * y * y) + 2 * p2 * x * y
    return np.stack([u, v], axis=1) * focal + middle


@lru_cache(maxsize=4)
def _surface(moment: str) -> tuple[np.ndarray, np.ndarray]:
    """Points all over the head and their colours."""
    rng = np.random.default_rng(0)
    corners = vertices(moment)[triangles()]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    pick = rng.choice(len(corners), 120_000, p=area / area.sum())
    weights = rng.dirichlet((1, 1, 1), len(pick))
    points = np.einsum("pk,pkc->pc", weights, corners[pick])
    colors = np.where((pick < len(template().faces))[:, None], SKIN, HAIR)
    nose = vertices(moment)[landmarks()["nose_tip"]]
    colors[np.linalg.norm(points - nose, axis=1) < 0.008] = NOSE
    return points, colors


@lru_cache(maxsize=1)
def _ball() -> tuple[np.ndarray, np.ndarray]:
    """The rest of the head behind the face: vertices, and triangles counter-clockwise from outside."""
    rows, columns = 13, 24
    polar, around = np.meshgrid(np.linspace(0.02, np.pi - 0.02, rows), np.arange(columns) * 2 * np.pi / columns)
    polar, around = polar.T, around.T
    unit = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], axis=-1)
    points = np.array([0, -0.03, 0.875]) + unit.reshape(-1, 3) * (0.07, 0.085, 0.11)
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b = index[:-1], index[1:]
    c, d = np.roll(b, -1, axis=1), np.roll(a, -1, axis=1)
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return points, faces


def _angles() -> dict[str, float]:
    return {name: np.radians(degrees) for name, degrees in ANGLES.items()}
