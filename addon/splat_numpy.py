"""The last resort: Gaussians drawn in NumPy when there is neither a graphics card nor a backend. Seconds per picture.

The rules are gsplat's: affine projection, 0.3 square pixels of blur, contributions under 1/255 dropped, alpha at most
0.999, back to front by view depth.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emodifftalk.core.camera import Camera
from emodifftalk.core.errors import Cancelled
from emodifftalk.core.gaussians import Gaussians, normalize, quat_to_matrix

EPS2D = 0.3
NEAR = 0.01
_ALPHA_LEAST, _ALPHA_MOST = 1 / 255, 0.999
_MARGIN = 0.15
"""Share of the picture by which the centre of a Jacobian may lie beside it, so that Gaussians there do not explode."""


def draw(
    gaussians: Gaussians, camera: Camera, given_up: Callable[[], bool] = lambda: False
) -> tuple[np.ndarray, np.ndarray]:
    """rgba (H, W, 4) float32, premultiplied display-referred sRGB, and view depth (H, W) metres; row 0 at the top.

    given_up: asked now and then. Raises Cancelled once it says yes.
    """
    good = np.isfinite(np.concatenate([gaussians.means, gaussians.quats, gaussians.scales], axis=1)).all(axis=1)
    place = np.where(good[:, None], gaussians.means, 0) @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    kept = np.flatnonzero(good & (place[:, 2] >= NEAR) & (gaussians.opacities >= _ALPHA_LEAST))
    kept = kept[np.argsort(-place[kept, 2], kind="stable")]
    centres, conics, reach = _project(gaussians, camera, place, kept)
    canvas = np.zeros((camera.height, camera.width, 5))  # premultiplied colour, alpha, depth times alpha
    opacities = gaussians.opacities[kept].astype(float)
    values = np.concatenate([gaussians.colors[kept], np.ones((len(kept), 1)), place[kept, 2:]], axis=1)
    low = np.clip(np.floor(centres - reach), 0, (camera.width, camera.height)).astype(int)
    high = np.clip(np.ceil(centres + reach), 0, (camera.width, camera.height)).astype(int)
    for number, i in enumerate(np.flatnonzero((high > low).all(axis=1))):
        if number % 1000 == 0 and given_up():
            raise Cancelled
        (left, top), (right, bottom), (a, b, c) = low[i], high[i], conics[i]
        x = np.arange(left, right) + 0.5 - centres[i, 0]
        y = np.arange(top, bottom)[:, None] + 0.5 - centres[i, 1]
        alpha = np.minimum(opacities[i] * np.exp(-0.5 * (a * x * x + c * y * y) - b * x * y), _ALPHA_MOST)
        alpha[alpha < _ALPHA_LEAST] = 0
        patch = canvas[top:bottom, left:right]
        patch *= 1 - alpha[..., None]
        patch += alpha[..., None] * values[i]
    depth = canvas[..., 4] / np.maximum(canvas[..., 3], 1e-10)
    return canvas[..., :4].astype(np.float32), depth.astype(np.float32)


def _project(g: Gaussians, camera: Camera, place: np.ndarray, kept: np.ndarray):
    """Centres (K, 2) in pixels, inverse covariances (K, 3) as (xx, xy, yy), half sizes (K, 2) of what is visible."""
    x, y, z = place[kept].T
    focal, centre = np.diag(camera.K)[:2], camera.K[:2, 2]
    size = np.array([camera.width, camera.height])
    low, high = -centre / focal - _MARGIN * size / focal, (size - centre) / focal + _MARGIN * size / focal
    ratio = np.stack([x / z, y / z], axis=1)
    held = np.clip(ratio, low, high)
    turn = camera.viewmat[:3, :3] @ quat_to_matrix(normalize(g.quats[kept].astype(float)))
    half = turn * g.scales[kept][:, None, :]
    rows = [focal[k] / z[:, None] * (half[:, k] - held[:, k, None] * half[:, 2]) for k in (0, 1)]
    xx, yy = ((row**2).sum(axis=1) + EPS2D for row in rows)
    xy = (rows[0] * rows[1]).sum(axis=1)
    area = xx * yy - xy**2
    spread = np.sqrt(2 * np.log(np.maximum(g.opacities[kept] / _ALPHA_LEAST, 1)))
    reach = spread[:, None] * np.sqrt(np.stack([xx, yy], axis=1))
    return ratio * focal + centre, np.stack([yy, -xy, xx], axis=1) / area[:, None], reach
