"""How a lens bends a picture, and its straight picture: OpenCV's two models, which COLMAP and nerfstudio share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

MODELS = ("radial", "fisheye")


@dataclass(frozen=True)
class Lens:
    """How a lens bends its picture.

    model: `radial`, OpenCV's plain model, or `fisheye`.
    coefficients: (k1, k2, p1, p2, k3, k4, k5, k6) of `radial`, (k1, k2, k3, k4) of the angle of `fisheye`.
    K: (3, 3) pixels.
    """

    model: str
    coefficients: tuple[float, ...]
    K: tuple[tuple[float, ...], ...]

    def bend(self, points: np.ndarray) -> np.ndarray:
        """Where the lens puts points (..., 2) of the picture without distortion; pixels, centres at +0.5."""
        K = np.array(self.K)
        # x, y: the ray's slopes (metres at a distance of one metre), where both models are defined.
        x = (points[..., 0] - K[0, 2]) / K[0, 0]
        y = (points[..., 1] - K[1, 2]) / K[1, 1]
        if self.model == "fisheye":
            k1, k2, k3, k4 = self.coefficients
            radius = np.maximum(np.hypot(x, y), 1e-9)
            # θ (1 + k1 θ² + k2 θ⁴ + k3 θ⁶ + k4 θ⁸) instead of tan θ, by Horner's rule.
            angle = np.arctan(radius)
            square = angle**2
            bent = angle * (1 + square * (k1 + square * (k2 + square * (k3 + square * k4)))) / radius
            x, y = x * bent, y * bent
        else:
            k1, k2, p1, p2, k3, k4, k5, k6 = self.coefficients
            square = x**2 + y**2
            # (1 + k1 r² + k2 r⁴ + k3 r⁶) / (1 + k4 r² + k5 r⁴ + k6 r⁶), and p1, p2 for a lens that stands askew.
            scale = 1 + square * (k1 + square * (k2 + square * k3))
            scale = scale / (1 + square * (k4 + square * (k5 + square * k6)))
            cross = 2 * x * y
            x, y = (
                x * scale + p1 * cross + p2 * (square + 2 * x**2),
                y * scale + p1 * (square + 2 * y**2) + p2 * cross,
            )
        return np.stack([x * K[0, 0] + K[0, 2], y * K[1, 1] + K[1, 2]], axis=-1)

    def straighten(self, pixels: np.ndarray, box: tuple[int, int, int]) -> np.ndarray:
        """The square `box` (left, top, side) of the picture (H, W, C) without distortion, (side, side, C) float32."""
        left, top, side = box
        # Pulled, not pushed: for every pixel of the straight picture, where the bent one has it (rows before columns,
        # pixel centres at whole numbers), bilinear; nothing needs to be inverted and no holes appear.
        grid = np.stack(np.meshgrid(np.arange(side) + left + 0.5, np.arange(side) + top + 0.5), axis=-1)
        where = self.bend(grid)[..., ::-1].transpose(2, 0, 1) - 0.5
        channels = [map_coordinates(pixels[..., c], where, order=1, cval=0.0) for c in range(pixels.shape[2])]
        return np.stack(channels, axis=-1).astype(np.float32)


def radial(K: np.ndarray, k1=0.0, k2=0.0, p1=0.0, p2=0.0, k3=0.0, k4=0.0, k5=0.0, k6=0.0) -> Lens | None:
    """The lens of OpenCV's plain model; None when it bends nothing."""
    return _lens("radial", (k1, k2, p1, p2, k3, k4, k5, k6), K)


def fisheye(K: np.ndarray, k1=0.0, k2=0.0, k3=0.0, k4=0.0) -> Lens:
    """The lens of OpenCV's fisheye model: without coefficients it is equidistant, not straight."""
    return Lens("fisheye", (float(k1), float(k2), float(k3), float(k4)), _frozen(K))


def _lens(model: str, coefficients: tuple[float, ...], K: np.ndarray) -> Lens | None:
    coefficients = tuple(float(c) for c in coefficients)
    return Lens(model, coefficients, _frozen(K)) if any(coefficients) else None


def _frozen(K: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(v) for v in row) for row in np.asarray(K))
