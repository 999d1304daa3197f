"""Any face mesh seen from the axis of its head: what is outermost, and where it opens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, distance_transform_edt, label, maximum_filter1d

RADIUS = 0.09
"""Metres: s = angle × RADIUS on the unrolled face."""
_NARROW, _SHALLOW, _DEEP = 0.003, 0.0015, 0.012  # metres


@dataclass(frozen=True)
class Unrolling:
    """A vertical axis through x = 0, y = `axis_y`; coordinates (s, z) in metres, s > 0 on the head's left."""

    axis_y: float

    def flatten(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(s, z) (..., 2) and distance from the axis (...,), metres, of points (..., 3)."""
        x, y = points[..., 0], points[..., 1] - self.axis_y
        return np.stack([np.arctan2(x, -y) * RADIUS, points[..., 2]], axis=-1), np.hypot(x, y)


@dataclass(frozen=True)
class FaceView:
    """A picture of the outermost surface.

    s, z: (S,) and (Z,) metres, its columns and rows.
    triangle: (S, Z) index, -1 where nothing is.
    bary: (S, Z, 3) barycentric coordinates in that triangle.
    distance: (S, Z) metres from the axis, -inf where nothing is.
    """

    s: np.ndarray
    z: np.ndarray
    triangle: np.ndarray
    bary: np.ndarray
    distance: np.ndarray

    @property
    def step(self) -> float:
        """Size of a cell in metres."""
        return float(self.z[1] - self.z[0])

    def cell(self, plane: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Column and row of the cells nearest to (s, z) (..., 2); places outside give border cells."""
        i = np.rint((plane[..., 0] - self.s[0]) / self.step).astype(int)
        j = np.rint((plane[..., 1] - self.z[0]) / self.step).astype(int)
        return np.clip(i, 0, len(self.s) - 1), np.clip(j, 0, len(self.z) - 1)

    def sample(self, values: np.ndarray, triangles: np.ndarray) -> np.ndarray:
        """Values (N, C) of the vertices as a picture (S, Z, C); 0 where nothing is."""
        picture = (values[triangles[self.triangle]] * self.bary[..., None]).sum(axis=2)
        return np.where(self.triangle[..., None] >= 0, picture, 0)


def look(
    unrolling: Unrolling,
    vertices: np.ndarray,
    triangles: np.ndarray,
    centre: np.ndarray,
    half: tuple[float, float],
    step: float,
) -> FaceView:
    """The surface of vertices (N, 3), triangles (F, 3) in a window of (s, z) `centre` ± `half`, cells of `step` metres.

    Only triangles that face away from the axis are seen, the outermost in front.
    """
    s = np.arange(centre[0] - half[0], centre[0] + half[0] + step / 2, step)
    z = np.arange(centre[1] - half[1], centre[1] + half[1] + step / 2, step)
    # Signed area in the plane: only triangles that are counter-clockwise from outside, that is face away from the axis.
    plane, distance = unrolling.flatten(vertices)
    corners = plane[triangles]
    low, high = corners.min(axis=1), corners.max(axis=1)
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    # Triangles across the seam behind the head would cover the whole picture.
    shown = (area > 1e-14) & (high[:, 0] - low[:, 0] < RADIUS)
    shown &= (high >= (s[0], z[0])).all(axis=1) & (low <= (s[-1], z[-1])).all(axis=1)
    chosen = np.flatnonzero(shown)
    # All cells (owner, i, j) under the box of each triangle, then those inside it by barycentric coordinates, which are
    # ratios of signed areas: a rasterizer without a loop over triangles.
    first = np.ceil((low[chosen] - (s[0], z[0])) / step)
    last = np.floor((high[chosen] - (s[0], z[0])) / step)
    first, last = np.maximum(first, 0).astype(int), np.minimum(last, (len(s) - 1, len(z) - 1)).astype(int)
    owner, i, j = _cells(first, np.maximum(last - first + 1, 0))
    owner = chosen[owner]
    p = np.stack([s[i], z[j]], axis=1) - corners[owner, 0]
    v = (p[:, 0] * b[owner, 1] - p[:, 1] * b[owner, 0]) / area[owner]
    w = (a[owner, 0] * p[:, 1] - a[owner, 1] * p[:, 0]) / area[owner]
    bary = np.stack([1 - v - w, v, w], axis=1)
    inside = bary.min(axis=1) >= -1e-9
    owner, i, j, bary = owner[inside], i[inside], j[inside], bary[inside]
    depth = (bary * distance[triangles[owner]]).sum(axis=1)
    order = np.argsort(depth)  # of what is written twice the last stays: the outermost
    i, j, shape = i[order], j[order], (len(s), len(z))
    view = FaceView(s, z, np.full(shape, -1), np.zeros((*shape, 3)), np.full(shape, -np.inf))
    view.triangle[i, j], view.bary[i, j], view.distance[i, j] = owner[order], bary[order], depth[order]
    return view


def _cells(first: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Owner, column and row of every cell of boxes that begin at `first` (m, 2) and hold `size` (m, 2) cells."""
    # nth: 0, 1, 2 … within each box, from a running number less where the box began; then split into column and row.
    count = size[:, 0] * size[:, 1]
    owner = np.repeat(np.arange(len(first)), count)
    nth = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
    height = np.maximum(size[owner, 1], 1)
    return owner, first[owner, 0] + nth // height, first[owner, 1] + nth % height


@dataclass(frozen=True)
class Opening:
    """An opening seen in a view.

    s: (C,) metres, its columns.
    upper, lower: (C,) metres, its borders z above each column.
    inside: (S, Z) bool, the cells of the view within it.
    """

    view: FaceView
    s: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    inside: np.ndarray

    def between(self, first: float, last: float) -> Opening:
        """The opening made to end at s = `first` and s = `last`, where its corners are known to be."""
        columns = self.view.cell(np.array([[first, 0.0], [last, 0.0]]))[0]
        s = self.view.s[columns[0] : columns[1] + 1]
        inside = self.inside & ((self.view.s >= s[0]) & (self.view.s <= s[-1]))[:, None]
        return Opening(self.view, s, np.interp(s, self.s, self.upper), np.interp(s, self.s, self.lower), inside)

    def border(self, fraction: np.ndarray, outside: float) -> tuple[np.ndarray, np.ndarray]:
        """The surface `outside` metres around the opening: triangle (2, P) and bary (2, P, 3), upper border first.

        fraction: (P,) from 0 (smallest s) to 1 (largest s) along the opening.
        """
        at = self.s[0] + (self.s[-1] - self.s[0]) * fraction
        plane = np.stack([np.stack([at, np.interp(at, self.s, z)], axis=1) for z in (self.upper, self.lower)])
        plane[:, fraction <= 0, 1] = plane[:, fraction <= 0, 1].mean(axis=0)
        plane[:, fraction >= 1, 1] = plane[:, fraction >= 1, 1].mean(axis=0)
        # The opening grown by `outside`; from the border outwards the nearest cell that is not closed is skin.
        # The distance transform's indices name that cell for the whole picture at once.
        cells = max(round(outside / self.view.step), 1)
        closed = binary_dilation(self.inside, iterations=cells) | (self.view.triangle < 0)
        nearest = distance_transform_edt(closed, return_distances=False, return_indices=True)
        i, j = nearest[:, *self.view.cell(plane)]
        return self.view.triangle[i, j], self.view.bary[i, j]


def find_opening(view: FaceView, recess: float, reach: float, least: float) -> Opening | None:
    """The widest place near the middle of `view` that lies `recess` metres behind what is above and below it.

    reach: metres up and down in which a rim is sought.
    least: metres it must be wide.

    None when nothing is.
    """
    distance = np.where(np.isfinite(view.distance), view.distance, 0)
    # Towards its corners an opening is shallow, yet narrow: there a smaller recess counts, from nearer rims.
    deep = _recess(distance, round(reach / view.step)) > recess
    narrow = _recess(distance, round(_NARROW / view.step)) > _SHALLOW
    labels, count = label(deep | narrow)
    widths = [np.count_nonzero((deep & (labels == n)).any(axis=1)) for n in range(1, count + 1)]
    if not widths or max(widths) * view.step < least:
        return None
    inside = _with_depths(distance, labels == 1 + int(np.argmax(widths)))
    columns = np.flatnonzero(inside.any(axis=1))
    rows = view.z
    upper = np.array([rows[np.flatnonzero(inside[i])[-1]] for i in columns])
    lower = np.array([rows[np.flatnonzero(inside[i])[0]] for i in columns])
    return Opening(view, view.s[columns], _smooth(upper, view.step), _smooth(lower, view.step), inside)


def _with_depths(distance: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The cells inside, and those beside them too deep for skin, where the rims are too far apart to be seen."""
    # The rim: median distance of the two cells around. What lies 12 mm behind it and touches the opening belongs to it.
    rim = np.median(distance[binary_dilation(inside, iterations=2) & ~inside])
    labels, _ = label(inside | (distance < rim - _DEEP))
    return np.isin(labels, np.unique(labels[inside]))


def _recess(distance: np.ndarray, cells: int) -> np.ndarray:
    """How far every cell lies behind both the foremost within `cells` above and the foremost within `cells` below."""
    # Sliding maxima over the `cells` above and below, by one filter read at two shifts: its window is centred, so half
    # a window further up or down it covers one side only. The lower of both rims counts.
    padded = maximum_filter1d(np.pad(distance, ((0, 0), (cells, cells))), cells + 1, axis=1)
    rows = np.arange(distance.shape[1])
    half = cells // 2
    above, below = padded[:, rows + 2 * cells - half], padded[:, rows + cells - half]
    return np.minimum(above, below) - distance


def _smooth(row: np.ndarray, step: float) -> np.ndarray:
    half = max(round(0.0012 / step), 1)
    kernel = np.hanning(2 * half + 3)[1:-1]
    return np.convolve(np.pad(row, half, mode="edge"), kernel / kernel.sum(), mode="valid")
