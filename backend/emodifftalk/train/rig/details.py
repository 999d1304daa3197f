"""Where the pictures of a capture show the eyes and the mouth."""

from __future__ import annotations

import numpy as np

from ...core.camera import Camera
from ...core.template import FacialTemplate
from ...data.captures.capture import Capture
from .views import CapturedView

_PARTS = (
    ("lip_outer",),
    ("lid_upper_left", "lid_lower_left"),
    ("lid_upper_right", "lid_lower_right"),
)
_FACING = 0.35
"""Least cosine between where the camera looks and the back of the head: from behind there are no eyes to see."""
_MARGIN = 0.15
"""Share of a part's width and height that is added around it."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""


class Details:
    """Boxes around lips and lids in every frame, by the tracked template."""

    def __init__(self, capture: Capture, template: FacialTemplate) -> None:
        self._points = capture.points
        self._parts = [np.concatenate([template.landmarks[name] for name in names]) for names in _PARTS]

    def boxes(self, view: CapturedView) -> list[Box]:
        """What a view shows of them, at most three boxes."""
        camera = Camera(view.viewmat.cpu().numpy(), view.K.cpu().numpy(), view.size, view.size)
        # Third row of the view: where the camera looks, in the world. The head looks along -y, so its y is the cosine
        # with the way to the back of the head.
        if camera.viewmat[2, 1] < _FACING:
            return []
        boxes = []
        for part in self._parts:
            pixels = camera.project(self._points[view.frame, part])[:, :2]
            low, high = pixels.min(axis=0), pixels.max(axis=0)
            margin = _MARGIN * (high - low)
            left, top = np.floor(low - margin).clip(0, view.size).astype(int)
            right, bottom = np.ceil(high + margin).clip(0, view.size).astype(int)
            if right > left and bottom > top:
                boxes.append((int(left), int(top), int(right), int(bottom)))
        return boxes
