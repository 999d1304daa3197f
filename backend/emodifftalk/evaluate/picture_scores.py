"""The picture metrics of the paper's Table 1, of one picture or the mean of many."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..core.errors import UserError
from ..data.captures.readers.picture import StoredPicture
from ..splat.metrics import psnr, ssim
from ..splat.sharpness import cpbd
from .perceptual import Lpips, haarpsi

Scores = dict[str, float | None]
"""Figures by name:

psnr, psnr_head: dB, of the whole picture and of the head.
ssim, haarpsi: 1 for equal pictures.
lpips: 0 for equal pictures, None without weights.
cpbd, cpbd_truth: sharpness, 0..1, of the picture and of the true one.
lmd: pixels, None where the lips are not seen.
"""
PICTURE_SCORES = ("psnr", "psnr_head", "ssim", "haarpsi", "lpips", "lmd", "cpbd", "cpbd_truth")
_BLACK = 0.5 / 255

PROTOCOL = (
    "Whole square pictures of {size} × {size} pixels, no crop, no alignment; black background, matte applied; 8-bit "
    "sRGB; every metric per picture, then the mean. “PSNR head” counts only the pixels that either picture does not "
    "leave black. SSIM: 11 × 11 Gaussian window, sigma 1.5, RGB. HaarPSI (1 is equal) needs no weights. {lpips} CPBD: "
    "of the luma, 64 × 64 blocks, Narvekar and Karam 2011; beside it that of the true pictures themselves."
)


def picture_score(image: np.ndarray, truth: np.ndarray, lpips: Lpips) -> Scores:
    """All metrics but LMD of a picture (S, S, 3) against the true one, both sRGB on black, 0..1."""
    # As a file would hold it: everybody's frames arrive with eight bits.
    image = np.rint(np.clip(image, 0, 1) * 255) / 255
    # (S, S): what either picture shows, so that a head beside the true one costs as much as a missing one.
    head = (image > _BLACK).any(axis=-1) | (truth > _BLACK).any(axis=-1)
    return {
        "psnr": float(psnr(image, truth)),
        "psnr_head": float(psnr(image, truth, head)),
        "ssim": float(ssim(image, truth)),
        "haarpsi": haarpsi(image, truth),
        "lpips": lpips.measure(image, truth) if lpips.measure else None,
        "lmd": None,
        "cpbd": cpbd(image),
        "cpbd_truth": cpbd(truth),
    }


def mean(scores: Iterable[Scores]) -> Scores:
    """The mean of every metric over the pictures that have it, and `pictures`, how many there are."""
    scores = list(scores)
    means: Scores = {}
    for name in PICTURE_SCORES:
        values = [value for one in scores if (value := one[name]) is not None]
        means[name] = float(np.mean(values)) if values else None
    means["pictures"] = len(scores)
    return means


def read_on_black(path: Path, size: int) -> np.ndarray:
    """A picture (size, size, 3) float64 sRGB 0..1, its alpha, if any, laid over black.

    Raises UserError when it is missing, damaged or of another size.
    """
    pixels = StoredPicture(path).pixels().astype(np.float64)
    if pixels.shape[:2] != (size, size):
        height, width = pixels.shape[:2]
        raise UserError(f"The picture {path} has {width} × {height} pixels, the protocol asks for {size} × {size}.")
    return pixels[..., :3] * pixels[..., 3:]
