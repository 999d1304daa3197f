"""The part of a picture that the face fills: what stage 3 looks at, at full resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter

from ..rig.views import CapturedView

_MARGIN = 6  # pixels
_FINE = 5.0
"""Pixels: what changes slower than this is light and shape, not a wrinkle."""


@dataclass(frozen=True)
class FaceCrop:
    """A rectangle of a view.

    frame, name: which moment, and by which camera.
    rgba: (h, w, 4) uint8, premultiplied.
    viewmat: (4, 4) float32, world to camera in OpenCV's axes.
    K: (3, 3) float32, pixels of the rectangle.
    """

    frame: int
    name: str
    rgba: torch.Tensor
    viewmat: torch.Tensor
    K: torch.Tensor

    @staticmethod
    def of(view: CapturedView, points: np.ndarray) -> FaceCrop | None:
        """The rectangle round the face whose template points are `points` (V, 3), metres; None when it is not seen."""
        matrix, lens = view.viewmat.cpu().numpy(), view.K.cpu().numpy()
        # Template points to pixels, K (R p + t) divided by depth; their box is the rectangle. With the principal point
        # moved by its corner it is a picture of its own: fewer pixels to draw, at full resolution.
        place = points @ matrix[:3, :3].T + matrix[:3, 3]
        pixel = (place @ lens.T)[:, :2] / place[:, 2:]
        low = np.maximum(np.floor(pixel.min(axis=0)).astype(int) - _MARGIN, 0)
        high = np.minimum(np.ceil(pixel.max(axis=0)).astype(int) + _MARGIN, view.size)
        if (high - low < 16).any():
            return None
        shifted = view.K.clone()
        shifted[:2, 2] -= torch.from_numpy(low).to(shifted)
        rgba = view.rgba[low[1] : high[1], low[0] : high[0]].contiguous()
        return FaceCrop(view.frame, view.name, rgba, view.viewmat, shifted)

    @property
    def shape(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.rgba.shape[1], self.rgba.shape[0]

    @property
    def image(self) -> torch.Tensor:
        """(h, w, 3), 0..1, on black."""
        return self.rgba[..., :3].float() / 255

    def on(self, background: torch.Tensor) -> torch.Tensor:
        """The picture (h, w, 3) before a colour (3,)."""
        return self.image + (1 - self.rgba[..., 3:].float() / 255) * background


def blurred(picture: torch.Tensor, sigma: float) -> torch.Tensor:
    """A picture (H, W, C) under a Gaussian of `sigma` pixels; its rim repeats. Nothing is learned through it."""
    array = gaussian_filter(picture.detach().cpu().numpy(), (sigma, sigma, 0), mode="nearest", truncate=3.0)
    return torch.from_numpy(array).to(picture)


def fine_error(truth: torch.Tensor, drawn: torch.Tensor, matte: torch.Tensor) -> torch.Tensor:
    """What of truth - drawn (H, W, 3) is finer than shading: the wrinkles that are missing. matte: (H, W) 0..1."""
    error = truth - drawn
    # What a blur of 5 pixels takes away, where the matte is solid for 4 pixels around (an erosion, which is a negated
    # maximum of the negative): silhouettes are fine detail too, and no wrinkles.
    inside = -F.max_pool2d(-matte[None, None], 9, stride=1, padding=4)[0, 0]
    return (error - blurred(error, _FINE)) * (inside > 0.98)[..., None]
