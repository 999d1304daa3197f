"""Sharpness of one picture without a reference: CPBD, the cumulative probability of blur detection.

After Narvekar and Karam, "A No-Reference Image Blur Metric Based on the Cumulative Probability of Blur Detection",
IEEE Transactions on Image Processing 20(9), 2011: the picture is cut into blocks of 64 x 64; blocks with edges in more
than 0.2 percent of their pixels count. Every edge of these has a width w (Marziliano et al. 2002: from the edge
outwards to the nearest brightness extremum on either side) and is seen as blurred with the probability
1 - exp(-(w / w_jnb)^3.6), where w_jnb, the just noticeable width, is 5 pixels in blocks of contrast up to 50 of 255 and
3 in others. CPBD is the share of edges whose probability is at most that of the just noticeable width, 0.63.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

_BLOCK = 64
_EDGE_SHARE = 0.002
_BETA = 3.6
_JUST_NOTICEABLE = 1 - np.exp(-1.0)
_LOW_CONTRAST = 50.0
_FLATTEST = 0.5
"""Steps of 255 under which two neighbours are equal: half a step of the 8 bits that files have."""


def luminance(picture: np.ndarray) -> np.ndarray:
    """Rec. 601 luma (H, W), 0..255, of an sRGB picture (H, W, 3), 0..1."""
    return 255.0 * np.asarray(picture, np.float64) @ np.array([0.299, 0.587, 0.114])


def cpbd(picture: np.ndarray) -> float:
    """CPBD of an sRGB picture (H, W, 3) or its luma (H, W), 0..1: 1 for sharp, 0 for blurred, 0 without any edge.

    Measured on whole 64 x 64 blocks from the upper left corner; what is left at the right and lower rim is ignored.
    """
    picture = np.asarray(picture)
    grey = np.rint(luminance(picture) if picture.ndim == 3 else 255.0 * picture)
    rows, columns = (side // _BLOCK for side in grey.shape)
    grey = grey[: rows * _BLOCK, : columns * _BLOCK]
    if grey.size == 0:
        return 0.0
    edges = vertical_edges(grey)
    blocks = _in_blocks(grey)
    # blocks (rows, 64, columns, 64): maxima and means over axes 1 and 3 are one number for each block.
    contrast = blocks.max(axis=(1, 3)) - blocks.min(axis=(1, 3))
    counts = _in_blocks(edges).mean(axis=(1, 3)) > _EDGE_SHARE
    noticeable = np.where(contrast <= _LOW_CONTRAST, 5.0, 3.0)
    here = edges & _per_pixel(counts)
    if not here.any():
        return 0.0
    # Of every edge pixel in a block that counts: the probability that its width w is seen, 1 - exp(-(w / w_jnb)^3.6).
    blurred = 1 - np.exp(-((edge_widths(grey)[here] / _per_pixel(noticeable)[here]) ** _BETA))
    return float(np.mean(blurred <= _JUST_NOTICEABLE + 1e-9))


def vertical_edges(grey: np.ndarray) -> np.ndarray:
    """Pixels (H, W) bool on edges that run from top to bottom: Sobel, thinned to one pixel along the row.

    An edge is stronger than twice the root mean square of the picture's horizontal gradient, and within 22.5 degrees of
    upright.
    """
    # 4 mean(gradient^2) is (2 RMS)^2: no root is needed. Thinned along the row, since only upright edges are wanted,
    # with > on one side, so that of two equal neighbours one stays.
    across, down = (ndimage.sobel(grey, axis=axis, mode="nearest") for axis in (1, 0))
    strength = np.abs(across)
    strong = across**2 > 4 * np.mean(across**2)
    upright = np.abs(down) <= np.tan(np.radians(22.5)) * strength
    before, after = np.roll(strength, 1, axis=1), np.roll(strength, -1, axis=1)
    thin = (strength >= before) & (strength > after)
    thin[:, [0, -1]] = False
    return strong & upright & thin


def edge_widths(grey: np.ndarray) -> np.ndarray:
    """For every pixel (H, W): how many pixels brightness keeps rising, or falling, through it along its row."""
    rising = np.diff(grey, axis=1) > _FLATTEST
    falling = np.diff(grey, axis=1) < -_FLATTEST
    # Steps that end at a pixel plus, seen from the other side, steps that begin there: between the nearest extrema on
    # both sides of an edge brightness only rises or only falls.
    up = _run_before(rising) + _run_before(rising[:, ::-1])[:, ::-1]
    down = _run_before(falling) + _run_before(falling[:, ::-1])[:, ::-1]
    return np.maximum(up, down).astype(float)


def _run_before(steps: np.ndarray) -> np.ndarray:
    """Steps (H, W - 1) bool between neighbours -> (H, W): how many in a row end at each pixel."""
    # A count along the row that falls back to 0 where a step is missing; a loop over columns, all rows at once.
    runs = np.zeros((steps.shape[0], steps.shape[1] + 1), np.int64)
    for column in range(steps.shape[1]):
        runs[:, column + 1] = np.where(steps[:, column], runs[:, column] + 1, 0)
    return runs


def _in_blocks(values: np.ndarray) -> np.ndarray:
    """(H, W) -> (rows, 64, columns, 64)."""
    return values.reshape(values.shape[0] // _BLOCK, _BLOCK, values.shape[1] // _BLOCK, _BLOCK)


def _per_pixel(values: np.ndarray) -> np.ndarray:
    return np.repeat(np.repeat(values, _BLOCK, axis=0), _BLOCK, axis=1)
