"""Picture metrics in torch, differentiable, with masks: PSNR and SSIM.

SSIM follows Wang et al. 2004: an 11x11 Gaussian window of sigma 1.5, constants 0.01 and 0.03, channels averaged;
the rim of 5 pixels where the window does not fit is left out. It equals scikit-image's
`structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)`, which a test checks.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

_WINDOW, _SIGMA = 11, 1.5


def _as_batch(image: torch.Tensor | np.ndarray) -> torch.Tensor:
    """(H, W), (H, W, D) or (B, H, W, D), torch or NumPy -> (B, D, H, W) floating point."""
    tensor = torch.as_tensor(image)
    if not tensor.is_floating_point():
        raise ValueError("pictures are floating point, 0..1")
    if tensor.dim() == 2:
        tensor = tensor[..., None]
    if tensor.dim() == 3:
        tensor = tensor[None]
    return tensor.permute(0, 3, 1, 2)


def _pair(image, reference) -> tuple[torch.Tensor, torch.Tensor]:
    a, b = _as_batch(image), _as_batch(reference)
    if a.shape != b.shape:
        raise ValueError(f"pictures of different shape: {tuple(a.shape)} and {tuple(b.shape)}")
    return a, b.to(a)


def _as_mask(mask: torch.Tensor | np.ndarray, like: torch.Tensor) -> torch.Tensor:
    """(H, W) or (B, H, W) weights -> (B, 1, H, W)."""
    weights = torch.as_tensor(mask).to(like)
    return (weights[None] if weights.dim() == 2 else weights)[:, None].expand(len(like), 1, -1, -1)


def _mean(values: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Mean of (B, D, H, W) values, weighted by (B, 1, H, W)."""
    if weights is None:
        return values.mean()
    # The weights are one channel for all D of the values, so their sum counts D times.
    return (values * weights).sum() / (weights.sum() * values.shape[1]).clamp(min=1e-10)


def psnr(
    image: torch.Tensor | np.ndarray,
    reference: torch.Tensor | np.ndarray,
    mask: torch.Tensor | np.ndarray | None = None,
) -> torch.Tensor:
    """Peak signal-to-noise ratio in decibels of pictures 0..1, a 0-d tensor (capped at 150 dB for equal pictures).

    image, reference: (H, W), (H, W, D) or (B, H, W, D). mask: (H, W) or (B, H, W), bool or weights; only masked
    pixels count.
    """
    a, b = _pair(image, reference)
    error = _mean((a - b) ** 2, None if mask is None else _as_mask(mask, a))
    return -10.0 * torch.log10(error.clamp(min=1e-15))


def _window(like: torch.Tensor) -> torch.Tensor:
    # exp(-x^2 / 2 sigma^2) along one axis, summing to 1: the window is its product with itself.
    offsets = torch.arange(_WINDOW, dtype=like.dtype, device=like.device) - _WINDOW // 2
    weights = torch.exp(-0.5 * (offsets / _SIGMA) ** 2)
    return weights / weights.sum()


def _blur(values: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
    """Separable Gaussian window over (B, D, H, W), "valid" pixels only."""
    # One filter per channel, channels last: ten times as fast on the CPU as channels taken for a batch.
    channels = values.shape[1]
    values = values.contiguous(memory_format=torch.channels_last)
    down, across = (window.view(1, 1, *shape).expand(channels, -1, -1, -1) for shape in ((-1, 1), (1, -1)))
    return F.conv2d(F.conv2d(values, down, groups=channels), across, groups=channels)


def ssim(
    image: torch.Tensor | np.ndarray,
    reference: torch.Tensor | np.ndarray,
    mask: torch.Tensor | np.ndarray | None = None,
) -> torch.Tensor:
    """Structural similarity of pictures 0..1, a 0-d tensor, 1 for equal pictures; D-SSIM is (1 - ssim) / 2.

    Shapes as in `psnr`; pictures are at least 11x11. A mask weights the windows by the value at their centre pixel.
    """
    a, b = _pair(image, reference)
    if min(a.shape[-2:]) < _WINDOW:
        raise ValueError(f"SSIM needs pictures of at least {_WINDOW} x {_WINDOW} pixels")
    # Means, squares and products of both pictures, blurred in one go (B, 5 D, H, W): E[x^2] - E[x]^2 under the window
    # is the variance, E[xy] - E[x] E[y] the covariance.
    moments = _blur(torch.cat([a, b, a * a, b * b, a * b], dim=1), _window(a))
    mean_a, mean_b, square_a, square_b, product = moments.chunk(5, dim=1)
    var_a, var_b, covariance = square_a - mean_a**2, square_b - mean_b**2, product - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    similarity = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    similarity = similarity / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    rim = _WINDOW // 2  # "valid" pixels only: the mask loses the rim that the blur lost
    return _mean(similarity, None if mask is None else _as_mask(mask, a)[..., rim:-rim, rim:-rim])
