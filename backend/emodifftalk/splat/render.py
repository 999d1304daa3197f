"""One picture of one frame of Gaussians, in NumPy: what previews, takes and exports call."""

from __future__ import annotations

import numpy as np

from ..core.camera import Camera
from ..core.gaussians import Gaussians
from . import cpu
from .rasterize import choose_rasterizer, rasterization

MODES = ("RGB", "RGB+D", "RGB+ED")


def render(
    gaussians: Gaussians,
    camera: Camera,
    background: tuple[float, float, float] | np.ndarray | None = None,
    mode: str = "RGB+ED",
    backend: str = "auto",
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw `gaussians` as `camera` sees them.

    background: one RGB colour 0..1, or a picture (H, W, 3), behind the Gaussians; None leaves the colours
    premultiplied by alpha.
    mode: "RGB+ED" gives the expected view depth of each pixel, "RGB+D" the accumulated one (expected depth times
    alpha); "RGB" means "RGB+ED".

    Returns image (H, W, 3) display-referred sRGB, alpha (H, W) 0..1, depth (H, W) metres along the view axis (0
    where nothing is), all float32, row 0 at the top. Raises `UserError` when `backend` is not on this machine.
    """
    if mode not in MODES:
        raise ValueError(f"mode {mode!r} is none of {MODES}")
    if choose_rasterizer(backend) == "cpu":
        image, alpha, depth = _draw_cpu(gaussians, camera)
    else:
        image, alpha, depth = _draw_torch(gaussians, camera, backend)
    if mode != "RGB+D":
        # Accumulated depth is a sum of depth times weight, alpha the sum of the weights: their quotient is the mean.
        depth = depth / np.maximum(alpha, 1e-10)
    if background is not None:
        # Colours are premultiplied: the background only adds through what light is left.
        image = image + (1.0 - alpha)[..., None] * np.asarray(background, np.float32)
    return np.ascontiguousarray(image), alpha, np.ascontiguousarray(depth)


def _draw_cpu(gaussians: Gaussians, camera: Camera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colours, alpha and accumulated depth straight from the kernels, without torch in between."""
    view = cpu.RasterizationSettings(
        np.ascontiguousarray(camera.viewmat, np.float64),
        np.ascontiguousarray(camera.K, np.float64),
        int(camera.width),
        int(camera.height),
    )
    g = gaussians
    return cpu.draw(g.means, g.quats, g.scales, g.opacities, g.colors, view)


def _draw_torch(gaussians: Gaussians, camera: Camera, backend: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import torch

    g = gaussians
    means, quats, scales, opacities, colors = (
        torch.from_numpy(np.ascontiguousarray(array, np.float32))
        for array in (g.means, g.quats, g.scales, g.opacities, g.colors)
    )
    viewmats, Ks = (torch.from_numpy(np.asarray(array, np.float32)[None]) for array in (camera.viewmat, camera.K))
    with torch.no_grad():
        pictures, alphas, _ = rasterization(
            means,
            quats,
            scales,
            opacities,
            colors,
            viewmats,
            Ks,
            camera.width,
            camera.height,
            render_mode="RGB+D",
            backend=backend,
        )
    picture = pictures[0].numpy()
    return picture[..., :3], alphas[0, ..., 0].numpy(), picture[..., 3]
