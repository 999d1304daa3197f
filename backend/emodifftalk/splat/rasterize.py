"""One call for every rasterizer that trains and renders in the backend: `gsplat` on CUDA, `cpu` everywhere."""

from __future__ import annotations

from typing import Any

import torch

from ..core.errors import UserError
from . import cpu, gsplat_backend

RENDER_MODES = ("RGB", "D", "ED", "RGB+D", "RGB+ED")


def available() -> list[str]:
    """Rasterizers that work on this machine, the fastest first."""
    return ["gsplat", "cpu"] if gsplat_backend.usable() else ["cpu"]


def choose_rasterizer(backend: str = "auto") -> str:
    """The rasterizer that `backend` ("auto", "cpu" or "gsplat") means on this machine.

    Raises `UserError` when it cannot be had here.
    """
    if backend == "auto":
        return available()[0]
    if backend not in ("cpu", "gsplat"):
        raise UserError(f"There is no rasterizer called '{backend}'; choose auto, cpu or gsplat.")
    if backend not in available():
        missing = "no CUDA card is in reach" if not torch.cuda.is_available() else "the gsplat package is not installed"
        raise UserError(f"The gsplat rasterizer cannot be used because {missing}; choose the rasterizer cpu or auto.")
    return backend


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
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    radius_clip: float = 0.0,
    eps2d: float = 0.3,
    backgrounds: torch.Tensor | None = None,
    render_mode: str = "RGB",
    rasterize_mode: str = "classic",
    backend: str = "auto",
) -> tuple[torch.Tensor, torch.Tensor, dict]:
    """Pictures of N Gaussians from C cameras, differentiable in the first five arguments, with either rasterizer.

    means: (N, 3) world metres.
    quats: (N, 4) wxyz, any length.
    scales: (N, 3) metres, linear.
    opacities: (N,) 0..1.
    colors: (N, D), blended as they are.
    viewmats: (C, 4, 4) world to camera, OpenCV axes.
    Ks: (C, 3, 3) pixels, pixel centres at +0.5.
    width, height: pixels.
    near_plane, far_plane: view depths in metres outside which a centre is not drawn.
    radius_clip: Gaussians that reach no further than this many pixels are not drawn.
    eps2d: blur added to each projected covariance, square pixels.
    backgrounds: (C, D), shown where the picture is transparent; never applied to depth.
    render_mode: what the last axis holds: RGB (D channels), D (accumulated depth), ED (expected depth: accumulated
        depth over alpha), or colours followed by one of the depths. Depth is view depth z in metres.
    rasterize_mode: "antialiased" dims Gaussians by what the blur made them grow, so that zooming out keeps brightness.
    backend: "auto", "cpu" or "gsplat".

    Returns (colors (C, H, W, D'), alphas (C, H, W, 1), meta). meta has "backend", "means2d" (C, N, 2) in the graph,
    "radii" (C, N, 2) pixels (0 where not drawn), "depths" (C, N). With `cpu`, a Gaussian with any value that is not
    finite is not drawn.

    Raises ValueError for shapes or modes that do not fit, `UserError` for a rasterizer that is not on this machine.
    """
    _check(means, quats, scales, opacities, colors, viewmats, Ks, width, height, render_mode, rasterize_mode)
    name = choose_rasterizer(backend)
    with_color, with_depth = render_mode.startswith("RGB"), render_mode.endswith("D")
    scene = (means, quats, scales, opacities, colors, viewmats, Ks, width, height)
    rules: dict[str, Any] = {
        "near_plane": near_plane, "far_plane": far_plane, "radius_clip": radius_clip, "eps2d": eps2d,
    }  # fmt: skip
    if name == "cpu":
        antialiased = rasterize_mode == "antialiased"
        pictures, alphas, meta = cpu.rasterization(
            *scene, **rules, with_color=with_color, with_depth=with_depth, antialiased=antialiased
        )
    else:
        # Expected depth is divided below, the same way for both.
        mode = render_mode.replace("ED", "D")
        pictures, alphas, meta = gsplat_backend.rasterization(
            *scene, **rules, render_mode=mode, rasterize_mode=rasterize_mode
        )
    return (
        _finish(pictures, alphas, backgrounds, with_color, with_depth, "ED" in render_mode),
        alphas,
        {
            **meta,
            "backend": name,
        },
    )


def _finish(pictures, alphas, backgrounds, with_color: bool, with_depth: bool, expected: bool) -> torch.Tensor:
    """Add the background to the colour channels and turn accumulated into expected depth."""
    if not (with_depth and expected) and (backgrounds is None or not with_color):
        return pictures
    # Depth, where there is any, is the last channel; colours are premultiplied, so the background adds by what is left.
    color, depth = (pictures[..., :-1], pictures[..., -1:]) if with_depth else (pictures, None)
    if with_color and backgrounds is not None:
        color = color + (1.0 - alphas) * backgrounds.to(color)[:, None, None, :]
    if depth is None:
        return color
    if expected:  # the sum of depth times weight over the sum of the weights
        depth = depth / alphas.clamp(min=1e-10)
    return torch.cat([color, depth], dim=-1)


def _check(means, quats, scales, opacities, colors, viewmats, Ks, width, height, render_mode, rasterize_mode) -> None:
    count, cameras = len(means), len(viewmats)
    wanted = {
        "means": (means, (count, 3)),
        "quats": (quats, (count, 4)),
        "scales": (scales, (count, 3)),
        "opacities": (opacities, (count,)),
        "colors": (colors, (count, colors.shape[-1])),
        "viewmats": (viewmats, (cameras, 4, 4)),
        "Ks": (Ks, (cameras, 3, 3)),
    }
    for name, (tensor, shape) in wanted.items():
        if tuple(tensor.shape) != shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape}")
    if width < 1 or height < 1:
        raise ValueError(f"a picture of {width} x {height} pixels cannot be drawn")
    if render_mode not in RENDER_MODES:
        raise ValueError(f"render_mode {render_mode!r} is none of {RENDER_MODES}")
    if rasterize_mode not in ("classic", "antialiased"):
        raise ValueError(f"rasterize_mode {rasterize_mode!r} is neither classic nor antialiased")
