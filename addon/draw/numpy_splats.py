"""Gaussians drawn in NumPy when there is neither a graphics card nor a backend: render farms, and single pixels.

The rules are gsplat's: affine projection, 0.3 square pixels of blur, contributions under 1/255 dropped, alpha at most
0.999, front to back by view depth. The picture is cut into small tiles; tiles with about as many Gaussians are blended
together, as one block of numbers (tile, Gaussian, pixel) that fits the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from emodifftalk.core.camera import Camera
from emodifftalk.core.errors import Cancelled
from emodifftalk.core.gaussians import Gaussians, normalize, quat_to_matrix

from ..blender.camera import View

EPS2D = 0.3
_ALPHA_LEAST, _ALPHA_MOST = 1 / 255, 0.999
_MARGIN = 0.15
"""Share of the picture by which the centre of a Jacobian may lie beside it, so that Gaussians there do not explode."""
_TILE = 8
"""Pixels along a tile's side."""
_BLOCK = 1 << 18
"""Numbers blended at a time: a megabyte, about what a processor keeps close."""


@dataclass(frozen=True)
class _Projected:
    """Gaussians in front of a camera, the nearest first.

    centres: (K, 2) pixels.
    conics: (K, 3) inverse covariances xx, xy, yy, per square pixel.
    reach: (K, 2) half sizes in pixels of what is visible.
    log_opacities: (K,).
    values: (K, 5) colour, 1, view depth in metres: what is blended.
    """

    centres: np.ndarray
    conics: np.ndarray
    reach: np.ndarray
    log_opacities: np.ndarray
    values: np.ndarray


def draw(
    gaussians: Gaussians, view: View | Camera, given_up: Callable[[], bool] = lambda: False
) -> tuple[np.ndarray, np.ndarray]:
    """rgba (H, W, 4) float32, premultiplied display-referred sRGB, and view depth (H, W) metres; row 0 at the top.

    given_up: asked now and then. Raises Cancelled once it says yes.
    """
    view = View(view) if isinstance(view, Camera) else view
    projected = _project(gaussians, view)
    columns, rows = -(-view.width // _TILE), -(-view.height // _TILE)
    tiles = np.zeros((rows * columns, _TILE * _TILE, 5), np.float32)
    # The last row draws nothing: it fills up tiles with fewer Gaussians than others of their block.
    values = np.concatenate([projected.values, np.zeros((1, 5), np.float32)])
    for block, members in _blocks(*_pairs(projected, columns, rows), len(values) - 1):
        if given_up():
            raise Cancelled
        tiles[block] = _blend(_alphas(projected, block, members, columns), values[members])
    # (tile, pixel, 5) to (H, W, 5): the rows within tiles go beside the rows of tiles, the columns likewise. Tiles that
    # reach beyond the picture are cut off.
    picture = tiles.reshape(rows, columns, _TILE, _TILE, 5).transpose(0, 2, 1, 3, 4)
    picture = picture.reshape(rows * _TILE, columns * _TILE, 5)[: view.height, : view.width]
    return np.ascontiguousarray(picture[..., :4]), picture[..., 4] / np.maximum(picture[..., 3], 1e-10)


def blend_at(gaussians: Gaussians, view: View, pixel: np.ndarray) -> tuple[float, float]:
    """Alpha and expected view depth in metres at a place (2,) in pixels, row 0 at the top."""
    projected = _project(gaussians, view)
    near = np.flatnonzero((np.abs(pixel - projected.centres) <= projected.reach).all(axis=1))
    x, y = (pixel - projected.centres[near]).T
    a, b, c = projected.conics[near].T
    alpha = _cut(np.exp(projected.log_opacities[near] - 0.5 * (a * x * x + c * y * y) - b * x * y))
    seen = _blend(alpha[None, :, None], projected.values[near][None])[0, 0]
    return float(seen[3]), float(seen[4] / max(seen[3], 1e-10))


def _pairs(p: _Projected, columns: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Tiles in rising order and the Gaussian that touches each, one pair per touch; in a tile the nearest first."""
    most = np.array([columns, rows])
    low = np.clip(np.floor((p.centres - p.reach) / _TILE), 0, most).astype(np.int64)
    high = np.clip(np.ceil((p.centres + p.reach) / _TILE), 0, most).astype(np.int64)
    # A Gaussian stands in a row of its own for each of the wide * tall tiles it touches; `number` counts those from 0
    # for every Gaussian anew, and is read as row and column of its rectangle of tiles.
    wide, tall = np.maximum(high - low, 0).T
    touches = wide * tall
    who = np.repeat(np.arange(len(touches)), touches)
    number = np.arange(len(who)) - np.repeat(np.cumsum(touches) - touches, touches)
    across = wide[who]
    tile = (low[who, 1] + number // np.maximum(across, 1)) * columns + low[who, 0] + number % np.maximum(across, 1)
    # Stable, so that in a tile the nearest stay first; 16 bits are sorted by radix, many times faster.
    order = np.argsort(tile.astype(np.uint16) if columns * rows < 65536 else tile, kind="stable")
    return tile[order], who[order]


def _blocks(tile: np.ndarray, who: np.ndarray, nobody: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Tiles (B,) to be blended together, and their Gaussians (B, K), filled up with `nobody`."""
    # Pairs of a tile lie side by side. The fullest tiles first: those of a block then have about as many Gaussians, and
    # little of (B, K) is filling.
    used, starts, counts = np.unique(tile, return_index=True, return_counts=True)
    order = np.argsort(counts, kind="stable")[::-1]
    first = 0
    while first < len(order):
        longest = counts[order[first]]
        chosen = order[first : first + max(1, _BLOCK // (longest * _TILE * _TILE))]
        first += len(chosen)
        slots = np.arange(longest)
        inside = slots < counts[chosen, None]
        places = np.where(inside, starts[chosen, None] + slots, 0)
        yield used[chosen], np.where(inside, who[places], nobody)


def _alphas(p: _Projected, block: np.ndarray, members: np.ndarray, columns: int) -> np.ndarray:
    """Alpha (B, K, pixels) of a block's Gaussians: the exponent is a polynomial of the place within a tile."""
    nobody = members == len(p.centres)
    members = np.where(nobody, 0, members)
    # At (u, v) from its tile's middle the exponent is -(a (x+u)² + 2 b (x+u)(y+v) + c (y+v)²) / 2: six coefficients
    # (B, K, 6) of the powers of u and v, so that one product of matrices gives it at all pixels.
    middle = np.stack([block % columns, block // columns], axis=1) * _TILE + _TILE / 2
    x, y = np.moveaxis(middle[:, None] - p.centres[members], -1, 0).astype(np.float32)
    a, b, c = np.moveaxis(p.conics[members], -1, 0)
    constant = p.log_opacities[members] - 0.5 * (a * x * x + c * y * y) - b * x * y
    terms = np.stack([np.where(nobody, -100, constant), -a * x - b * y, -b * x - c * y, a, b, c], axis=-1)
    terms[nobody, 1:] = 0
    return _cut(np.exp(terms.astype(np.float32) @ _within_tile()))


def _within_tile() -> np.ndarray:
    """(6, pixels) float32: what the coefficients of the exponent are multiplied with at each pixel of a tile."""
    side = np.arange(_TILE) + 0.5 - _TILE / 2
    y, x = (axis.ravel() for axis in np.meshgrid(side, side, indexing="ij"))
    return np.stack([np.ones_like(x), x, y, -0.5 * x * x, -x * y, -0.5 * y * y]).astype(np.float32)


def _cut(alpha: np.ndarray) -> np.ndarray:
    """Alphas, in place, without those too small to count, none quite opaque."""
    alpha *= alpha >= _ALPHA_LEAST
    return np.minimum(alpha, _ALPHA_MOST, out=alpha)


def _blend(alpha: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (B, K, C) of Gaussians blended front to back with alpha (B, K, pixels): (B, pixels, C)."""
    # Weight i is alpha_i times what the ones before let through, the product of 1 - alpha; then weights (B, pixels, K)
    # times values (B, K, C).
    through = np.cumprod(1 - alpha, axis=1)
    alpha[:, 1:] *= through[:, :-1]
    return alpha.transpose(0, 2, 1) @ values


def _project(g: Gaussians, view: View) -> _Projected:
    """What of Gaussians in world space lies before a view's camera and is not too faint to count."""
    camera = view.camera
    good = np.isfinite(np.concatenate([g.means, g.quats, g.scales], axis=1)).all(axis=1)
    place = np.where(good[:, None], g.means, 0) @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    depth = place[:, 2]
    visible = np.flatnonzero(good & (depth >= view.near) & (depth <= view.far) & (g.opacities >= _ALPHA_LEAST))
    visible = visible[np.argsort(depth[visible], kind="stable")]
    place, opacities = place[visible], g.opacities[visible].astype(np.float64)
    centres, rows = _flatten(view, place, camera.viewmat[:3, :3] @ _halves(g, visible))
    # The covariance in the picture is R Rᵀ of the rows R (K, 2, 3), blurred: three numbers, inverted in closed form.
    # A Gaussian ends where its alpha falls below the least: o exp(-d²/2) = 1/255 gives d, in standard deviations.
    xx, yy = ((row**2).sum(axis=1) + EPS2D for row in rows)
    xy = (rows[0] * rows[1]).sum(axis=1)
    spread = np.sqrt(2 * np.log(np.maximum(opacities / _ALPHA_LEAST, 1)))
    reach = spread[:, None] * np.sqrt(np.stack([xx, yy], axis=1))
    conics = np.stack([yy, -xy, xx], axis=1) / (xx * yy - xy**2)[:, None]
    values = np.concatenate([g.colors[visible], np.ones((len(visible), 1)), place[:, 2:]], axis=1)
    numbers = conics, reach, np.log(opacities), values
    return _Projected(centres, *(array.astype(np.float32) for array in numbers))


def _halves(g: Gaussians, rows: np.ndarray) -> np.ndarray:
    """(K, 3, 3): rotation times scales; times their transposes, they are covariances."""
    return quat_to_matrix(normalize(g.quats[rows])) * g.scales[rows][:, None, :]


def _flatten(view: View, place: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """Centres (K, 2) in pixels and the two rows (K, 3) of what `half` (K, 3, 3) becomes in the picture."""
    camera = view.camera
    focal, centre = np.diag(camera.K)[:2], camera.K[:2, 2]
    if view.orthographic:
        return place[:, :2] * focal + centre, [focal[k] * half[:, k] for k in (0, 1)]
    # Rows of J W R S, with the Jacobian J of x / z at the centre: f / z (first row minus x / z times third row). The
    # ratio is clipped there, and only there: far beside the picture J would smear a Gaussian all over it.
    size, z = np.array([camera.width, camera.height]), place[:, 2:]
    low, high = -centre / focal - _MARGIN * size / focal, (size - centre) / focal + _MARGIN * size / focal
    ratio = place[:, :2] / z
    held = np.clip(ratio, low, high)
    return ratio * focal + centre, [focal[k] / z * (half[:, k] - held[:, k, None] * half[:, 2]) for k in (0, 1)]
