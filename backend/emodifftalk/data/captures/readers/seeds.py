"""Where Gaussians begin that no tracked mesh carries: hair, neck and clothes around the face, eyes and teeth inside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from ....core.camera import Camera
from ....core.subject import OTF_GROUPS
from ....core.template import FacialTemplate
from ..visual_hull import agree, carve
from .inner_seeds import inner_seeds
from .record import CaptureCamera, CaptureFrame

SURROUND = 7200
"""Points around the face, as many as a capture of ours has."""
_SIZE = 256
_LOW, _HIGH = np.array([-0.19, -0.17, -0.26]), np.array([0.19, 0.2, 0.19])
"""The box around the middle of the head that is carved, metres."""
_FACE, _RIM = 0.03, 0.004
"""Metres around the face that belong to it, and beyond its rim."""


@dataclass(frozen=True)
class Seeds:
    """Where Gaussians begin that are not on the face.

    points: (M, 3) metres.
    colors: (M, 3) 0..1.
    group: (M,) uint8 index into OTF_GROUPS.
    note: a sentence for a person, may be empty.
    """

    points: np.ndarray
    colors: np.ndarray
    group: np.ndarray
    note: str


def make_seeds(
    cameras: dict[str, CaptureCamera],
    frame: CaptureFrame,
    face: np.ndarray,
    template: FacialTemplate,
    middle: np.ndarray,
    extra: tuple[np.ndarray, np.ndarray],
    eyes: np.ndarray,
) -> Seeds:
    """Seeds for the neutral `frame`: the visual hull of its training pictures without the face, points of a
    reconstruction that lie inside it, and the inside of eyes and mouth.

    face: (V, 3) metres, template points of that frame.
    middle: (3,) metres, of the head.
    extra: points (M, 3) of a reconstruction and their colours (M, 3) 0..1.
    eyes: (2, 3) metres, middles of the eyeballs, or (0, 3).
    """
    views, images, mattes = [], [], []
    for name, picture in frame.pictures.items():
        if cameras[name].split == "train":
            image, matte = picture.read(_SIZE)  # type: ignore[union-attr]
            views.append(cameras[name].camera.resized(_SIZE, _SIZE))
            images.append(image)
            mattes.append(matte)
    low, high = middle + _LOW, middle + _HIGH
    hull = _beside(carve(views, mattes, low, high), face, template)
    around = _extra_around(extra, views, mattes, low, high, face, template)
    rng = np.random.default_rng(0)
    hull = hull[rng.permutation(len(hull))[: max(SURROUND - len(around[0]), 0)]]
    inner, inner_color, inner_group = inner_seeds(face.astype(np.float64), template, eyes)
    note = ""
    if len(hull) + len(around[0]) < 200:
        note = "The mattes show hardly anything around the face: hair and clothes will be missing."
    surround = np.full(len(hull) + len(around[0]), OTF_GROUPS.index("surround"), np.uint8)
    return Seeds(
        np.concatenate([hull, around[0], inner]).astype(np.float32),
        np.concatenate([_colors(hull, middle, views, images, mattes), around[1], inner_color]).astype(np.float32),
        np.concatenate([surround, inner_group]),
        note,
    )


def _extra_around(
    extra: tuple[np.ndarray, np.ndarray], views: list[Camera], mattes: list[np.ndarray], low: np.ndarray,
    high: np.ndarray, face: np.ndarray, template: FacialTemplate,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    points, colors = extra
    near = ((points > low) & (points < high)).all(axis=1)
    points, colors = points[near], colors[near]
    good = agree(points, views, mattes) & _outside_face(points, face, template)
    return points[good][: SURROUND // 2], colors[good][: SURROUND // 2]


def _beside(points: np.ndarray, face: np.ndarray, template: FacialTemplate) -> np.ndarray:
    return points[_outside_face(points, face, template)]


def _outside_face(points: np.ndarray, face: np.ndarray, template: FacialTemplate) -> np.ndarray:
    """(M,) bool: not on the face, whose surface is known, nor in the hollows before it that no outline shows."""
    if not len(points):
        return np.zeros(0, bool)
    # Within 3 cm of the face is face, except beyond its rim, where hair and neck begin 4 mm away.
    rim = np.zeros(len(face), bool)
    rim[outer_rim(template.faces, face)] = True
    gap, nearest = cKDTree(face).query(points)
    return (gap > _FACE) | (rim[nearest] & (gap > _RIM))


def outer_rim(faces: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Vertices along the longest border of triangles (F, 3) with points (V, 3): around the face, not eyes and mouth."""
    # Border edges are those of one triangle only. A depth-first walk along them collects each closed loop; the loop
    # with the largest box is the rim, eyes and mouth have the small ones.
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    key = np.sort(edges, axis=1)
    unique, count = np.unique(key, axis=0, return_counts=True)
    border = unique[count == 1]
    following: dict[int, list[int]] = {}
    for a, b in border.tolist():
        following.setdefault(a, []).append(b)
        following.setdefault(b, []).append(a)
    best, left = np.zeros(0, np.int64), set(following)
    while left:
        loop, stack = [], [left.pop()]
        while stack:
            loop.append(stack.pop())
            near = [v for v in following[loop[-1]] if v in left]
            left.difference_update(near)
            stack.extend(near)
        if not len(best) or np.ptp(points[loop], axis=0).sum() > np.ptp(points[best], axis=0).sum():
            best = np.array(loop)
    return best


def _colors(
    points: np.ndarray, middle: np.ndarray, views: list[Camera], images: list[np.ndarray], mattes: list[np.ndarray]
) -> np.ndarray:
    """Colours (M, 3): the mean of what cameras on their side of the head see there, grey where none does."""
    # Σ image / Σ matte over the cameras: images are premultiplied, so background adds to neither.
    # A hundredth of a view of grey to begin with, for points that no camera faces.
    total, weight = np.full((len(points), 3), 0.005), np.full((len(points), 1), 0.01)
    outward = points - middle
    for camera, image, matte in zip(views, images, mattes, strict=True):
        eye = -camera.viewmat[:3, :3].T @ camera.viewmat[:3, 3] - middle
        place = camera.project(points)
        # Cosine between the ways out of the head and to the camera: beyond 66° a point is seen edge-on or hidden.
        facing = outward @ eye / (np.linalg.norm(outward, axis=1) * np.linalg.norm(eye) + 1e-12)
        rows = np.flatnonzero((facing > 0.4) & ((place[:, :2] > 0) & (place[:, :2] < _SIZE)).all(axis=1))
        where = place[rows, 1::-1].T - 0.5
        total[rows] += np.stack([map_coordinates(image[..., c], where, order=1, mode="nearest") for c in range(3)], 1)
        weight[rows, 0] += map_coordinates(matte, where, order=1, mode="nearest")
    return (total / weight).clip(0, 1)
