"""What the pictures of an evaluation share: ground, letters, margins."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GROUND, INK, FAINT, LINE = (24, 25, 28), (236, 236, 238), (150, 152, 158), (58, 60, 66)
TRUTH, FOUND, OTHER = (205, 207, 212), (255, 159, 67), (84, 160, 255)
"""Colours of the curves: the truth, the full system, what it is compared with."""


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font."""
    return ImageFont.load_default(size=size)


def as_image(picture: np.ndarray) -> Image.Image:
    """A picture (H, W, 3), 0..1, with eight bits."""
    return Image.fromarray(np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8))


def centred(draw: ImageDraw.ImageDraw, middle: float, top: float, text: str, size: int, ink=INK) -> None:
    """Text whose middle lies at x = `middle`."""
    letters = font(size)
    draw.text((middle - draw.textlength(text, font=letters) / 2, top), text, fill=ink, font=letters)
