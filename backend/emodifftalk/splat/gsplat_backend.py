"""gsplat on a CUDA card: a thin call, imported only where there is one.

With a CUDA compiler but no card, importing gsplat's kernels dies with a misleading ImportError, so `torch.cuda` is
asked first, always.
"""

from __future__ import annotations

import importlib.util

import torch


def usable() -> bool:
    """Whether this machine has both a CUDA card and the gsplat package."""
    return torch.cuda.is_available() and importlib.util.find_spec("gsplat") is not None


def rasterization(
    means: torch.Tensor,
    quats: torch.Tensor,
    scales: torch.Tensor,
    opacities: torch.Tensor,
    colors: torch.Tensor,
    viewmats: torch.Tensor,
    Ks: torch.Tensor,
    width: int,
    height: int,
    **options,
) -> tuple[torch.Tensor, torch.Tensor, dict]:
    """Call gsplat with tensors from any device; the pictures, without background, come back on that of `means`.

    Shapes as in `rasterize.rasterization`; `options` go to gsplat as they are.
    """
    from gsplat import rasterization as draw  # late: see the module docstring

    inputs = [tensor.to(device="cuda", dtype=torch.float32) for tensor in (means, quats, scales, opacities, colors)]
    cameras = [tensor.to(device="cuda", dtype=torch.float32) for tensor in (viewmats, Ks)]
    # packed=False keeps meta["means2d"] at (C, N, 2), the shape the CPU rasterizer gives
    pictures, alphas, meta = draw(*inputs, *cameras, width, height, packed=False, **options)
    return pictures.to(means.device), alphas.to(means.device), meta
