"""The shipped template on an actor's skin: its planar layout of loops around eyes and mouth, laid round the actor's.

The layout lies on the face unrolled around the vertical axis of the head, in a pose with eyes half shut and mouth open,
where the openings can be seen; the points then ride on the skin back to neutral and through every action unit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import label

from ...core.facs import ARTICULATIONS, AU_NAMES
from ...core.template import FacialTemplate, load_template
from .actor import Actor
from .attachment import Attachment, Unrolled

_OPEN = {"AU25": 1.0, "AU26": 0.35, "AU45": 0.6}
# Eyes half shut: with the eye open the upper lid hides under its fold.
_MOUTH_COLUMNS, _EYE_COLUMNS = 27, 17
_MOUTH_RINGS = (0.0, 0.0022, 0.0048, 0.0078, 0.0112, 0.0152, 0.0200)
_EYE_RINGS = (0.0, 0.0015, 0.0034, 0.0058, 0.0088, 0.0124)


def fit_shipped_template(actor: Actor) -> tuple[FacialTemplate, Attachment]:
    """The shipped template, its very topology, in the shape of `actor`, and the attachment that moves it.

    The loops are laid around this actor's own eyes and mouth, the points between them are carried along by a thin-plate
    spline. Subjects of different actors then share one motion model. Raises ValueError when the layout folds.
    """
    shipped = load_template()
    skin = Unrolled(actor, actor.pose(_OPEN))
    loops = np.concatenate(_opening_rings(actor, skin))
    low, high = _outline(actor)
    outline = _border(shipped.faces)
    outline = outline[outline >= len(loops)]
    # Loops and border of the layout go to their places on this face; a thin-plate spline carries all between them, the
    # map of least bending. Template points are in the order of the loops, so the first len(loops) are theirs.
    fixed = np.concatenate([np.arange(len(loops)), outline])
    targets = np.concatenate([loops, low + shipped.uv[outline] * (high - low)])
    points = low + shipped.uv.astype(float) * (high - low)
    points = RBFInterpolator(points[fixed], targets, kernel="thin_plate_spline")(points)
    points[fixed] = targets
    # Signed area of the laid-out triangles: one that is turned over would cross its neighbours on the skin.
    a, b, c = (points[shipped.faces[:, k]] for k in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    if (area <= 0).any():
        raise ValueError(f"{(area <= 0).sum()} triangles of the template fold over on {actor.name}")
    attachment = skin.attach(points)
    neutral = attachment.follow(actor.neutral)
    units = len(AU_NAMES) + len(ARTICULATIONS)
    basis = np.stack([attachment.follow(_unit_pose(actor, row)) - neutral for row in range(units)])
    fitted = replace(
        shipped, neutral=neutral, au_basis=basis[: len(AU_NAMES)], articulation_basis=basis[len(AU_NAMES) :]
    )
    return fitted, attachment


def _border(faces: np.ndarray) -> np.ndarray:
    """Vertices (P,) on edges that only one triangle has."""
    sides = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges, uses = np.unique(np.sort(sides, axis=1), axis=0, return_counts=True)
    return np.unique(edges[uses == 1])


def _unit_pose(actor: Actor, row: int) -> np.ndarray:
    weights = np.zeros(len(AU_NAMES) + len(ARTICULATIONS), np.float32)
    weights[row] = 1
    return actor.pose(weights[: len(AU_NAMES)], weights[len(AU_NAMES) :])


def _mouth_margin(skin: Unrolled, centre: np.ndarray) -> np.ndarray:
    """Upper and lower lip margin (2, columns, 2): inside, the outermost skin lies well behind what surrounds it."""
    s, z, grid = _window(centre, 0.040, 0.022)
    distance = skin.hit(grid)[2].reshape(len(s), len(z))
    # Depth of every cell behind the lower of the two rims: the farthest skin above it and the farthest below.
    # accumulate runs from both ends of z, so each cell knows the largest distance on its side.
    rim = np.where(np.isfinite(distance), distance, 0)
    above, below = np.maximum.accumulate(rim[:, ::-1], axis=1)[:, ::-1], np.maximum.accumulate(rim, axis=1)
    return _margin(s, z, np.minimum(above, below) - rim > 0.007, _MOUTH_COLUMNS) + centre


def _eye_margin(skin: Unrolled, ball: np.ndarray, columns: int) -> np.ndarray:
    """Upper and lower lid margin (2, columns, 2): inside, the eyeball (points (n, 3)) lies before the skin."""
    middle, radius = (ball.max(axis=0) + ball.min(axis=0)) / 2, np.ptp(ball[:, [0, 2]], axis=0).mean() / 2
    centre = skin.flatten(middle - np.array([0, radius, 0]))[0]
    s, z, grid = _window(centre, 1.2 * radius, 0.9 * radius)
    # Where rays (angle, z) from the axis leave the ball: along + √(r² - across²), the sphere's equation along each ray.
    # Lids are where skin begins to lie before that; 0.98 r leaves out the edge, where rays only graze it.
    angle = grid[:, 0] / skin.RADIUS
    towards = np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    along = towards @ np.array([middle[0], middle[1] - skin.axis_y])
    across2 = middle[0] ** 2 + (middle[1] - skin.axis_y) ** 2 - along**2 + (grid[:, 1] - middle[2]) ** 2
    surface = along + np.sqrt(np.maximum(radius**2 - across2, 0))
    visible = (across2 < (0.98 * radius) ** 2) & (skin.hit(grid)[2] < surface)
    return _margin(s, z, visible.reshape(len(s), len(z)), columns) + centre


def _window(centre: np.ndarray, half_width: float, half_height: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    s = np.linspace(-half_width, half_width, 241)
    z = np.linspace(-half_height, half_height, 161)
    return s, z, (np.stack(np.meshgrid(s, z, indexing="ij"), axis=-1) + centre).reshape(-1, 2)


def _margin(s: np.ndarray, z: np.ndarray, inside: np.ndarray, columns: int) -> np.ndarray:
    """Upper and lower border (2, columns, 2) of the marked opening, corner to corner in step; corners are shared."""
    inside = _connected(inside, len(s) // 2)
    open_columns = np.flatnonzero(inside.any(axis=1))
    first, last = open_columns[0], open_columns[-1]
    top = [z[np.flatnonzero(inside[i])[-1]] for i in range(first, last + 1)]
    low = [z[np.flatnonzero(inside[i])[0]] for i in range(first, last + 1)]
    # Margins come in steps of the grid: smoothed over 13 columns, their ends repeated.
    kernel = np.hanning(13) / np.hanning(13).sum()
    margin = [np.convolve(np.pad(row, 6, mode="edge"), kernel, mode="valid") for row in (top, low)]
    # Columns crowd towards the corners, where the margin turns.
    crowded = (1 - np.cos(np.linspace(0, np.pi, columns))) / 2
    at = s[first] + (s[last] - s[first]) * (0.5 * crowded + 0.5 * np.linspace(0, 1, columns))
    curves = np.stack([np.interp(at, s[first : last + 1], row) for row in margin])
    curves[:, [0, -1]] = curves[:, [0, -1]].mean(axis=0)
    return np.stack([np.stack([at, row], axis=1) for row in curves])


def _connected(inside: np.ndarray, seed_column: int) -> np.ndarray:
    labels, _ = label(inside)
    # The part that most of the cells in the middle columns belong to.
    counts = np.bincount(labels[seed_column - 10 : seed_column + 10][inside[seed_column - 10 : seed_column + 10]])
    return labels == counts.argmax()


def _symmetric_margin(margin: np.ndarray) -> np.ndarray:
    """A margin centred on s = 0 made its own mirror image, paired column by column."""
    mirrored = margin[:, ::-1] * np.array([-1.0, 1.0])
    return (margin + mirrored) / 2


def _loop(margin: np.ndarray) -> np.ndarray:
    """Closed loop (2 columns - 2, 2): upper margin from right to left, lower margin back, corners once."""
    return np.concatenate([margin[0], margin[1, -2:0:-1]])


def _rings(loop: np.ndarray, widths: tuple[float, ...]) -> list[np.ndarray]:
    """Loops around an opening, each `width` metres outside it, rounder the farther out."""
    centre = loop.mean(axis=0)
    rings = []
    for width in widths:
        # Tangent from neighbour to neighbour, turned by 90°; one sign for all, so that the mean normal points outwards.
        tangent = np.roll(loop, -1, axis=0) - np.roll(loop, 1, axis=0)
        normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
        normal *= np.sign(((loop - centre) * normal).sum(axis=1, keepdims=True).mean())
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
        # Neighbours averaged (1, 2, 1), so that rings do not cross where the margin turns at its corners.
        for _ in range(3):
            normal = (np.roll(normal, 1, axis=0) + 2 * normal + np.roll(normal, -1, axis=0)) / 4
            normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
        rings.append(loop + (width + 0.0003) * normal)
    return rings


def _opening_rings(actor: Actor, skin: Unrolled) -> list[np.ndarray]:
    """The loops (n, 2) around mouth, left and right eye, from the margin outwards."""
    corner = actor.anchors["mouth_corner"]
    eye = actor.neutral[actor.vertices_of("eye_left")]
    mouth = _symmetric_margin(_mouth_margin(skin, np.array([0.0, corner[2] - 0.006])))
    left = _eye_margin(skin, eye, _EYE_COLUMNS)
    right = left[:, ::-1] * np.array([-1.0, 1.0])
    openings = ((mouth, _MOUTH_RINGS), (left, _EYE_RINGS), (right, _EYE_RINGS))
    return [ring for margin, widths in openings for ring in _rings(_loop(margin), widths)]


def _outline(actor: Actor) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest (s, z) of the face's border."""
    eye_z = float(actor.neutral[actor.vertices_of("eye_left")][:, 2].mean())
    return np.array([-0.112, float(actor.anchors["chin"][2]) - 0.020]), np.array([0.112, eye_z + 0.072])
