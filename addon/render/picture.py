"""The picture of one frame, gathered over the moments the shutter is open, as the passes want it."""

from __future__ import annotations

import numpy as np

from emodifftalk.core.colour_space import display_colour, linear_colour

from ..blender import compat
from .heads import SOLID, HeadPicture, RenderedHead
from .passes import COMBINED, DEPTH, FAINT, FAR, MASK, SOFT_DEPTH, flat, index_pass, mask_of


class _Depths:
    """The mean depth of a pixel over the moments at which its alpha is more than `least`."""

    def __init__(self, least: float) -> None:
        self._least = least
        self._sum: np.ndarray | float = 0.0
        self._count: np.ndarray | int = 0

    def add(self, alpha: np.ndarray, depth: np.ndarray) -> None:
        """Another moment, (H, W) each."""
        there = alpha > self._least
        self._sum = self._sum + np.where(there, depth, 0)
        self._count = self._count + there

    def mean(self) -> np.ndarray:
        """(H, W) metres, FAR where nothing ever was."""
        return np.where(self._count > 0, self._sum / np.maximum(self._count, 1), FAR)


class RenderedPicture:
    """Adds up the pictures of the moments a frame is made of; each counts the same."""

    def __init__(self, background: np.ndarray | None) -> None:
        """background: scene-linear RGB (3,), or None for a transparent film."""
        self._background = background
        self._count = 0
        self._indices: dict[str, int] = {}
        self._coverage: dict[str, np.ndarray] = {}
        self._combined = self._alpha = np.zeros(0)
        self._depths = {DEPTH: _Depths(SOLID), SOFT_DEPTH: _Depths(FAINT)}

    @property
    def anyone(self) -> bool:
        """Whether a head was there at any moment."""
        return bool(self._indices)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = self._alpha.shape
        return height, width

    def add(self, moment: HeadPicture, heads: list[RenderedHead]) -> None:
        """The picture of another moment with its heads."""
        alpha = moment.rgba[..., 3]
        if self._count == 0:
            self._combined, self._alpha = np.zeros((*alpha.shape, 4)), np.zeros(alpha.shape)
        self._count += 1
        # Light adds up as light: a bright streak stays bright.
        self._combined += to_scene_linear(moment.rgba, self._background)
        self._alpha += alpha
        for depths in self._depths.values():
            depths.add(alpha, moment.depth)
        self._indices.update({head.name: head.index for head in heads})
        for name, part in moment.coverage.items():
            self._coverage[name] = self._coverage.get(name, 0) + part

    def values(self, name: str) -> np.ndarray | None:
        """A pass, flat float32 as `rect.foreach_set` takes it; None for one that is not ours."""
        count = max(self._count, 1)
        alpha = self._alpha / count
        coverage = {who: part / count for who, part in self._coverage.items()}
        if name == COMBINED:
            return flat(self._combined / count)
        if name == MASK:
            return flat(alpha)
        if name in self._depths:
            return flat(self._depths[name].mean())
        if name == compat.OBJECT_INDEX_PASS:
            return flat(index_pass(alpha, coverage, self._indices))
        parts = [part for who, part in coverage.items() if mask_of(who) == name]
        if not parts:
            return flat(np.zeros_like(alpha)) if name.startswith(MASK) else None
        return flat(np.sum(parts, axis=0))


def to_scene_linear(rgba: np.ndarray, background: np.ndarray | None) -> np.ndarray:
    """What the compositor expects, (H, W, 4) scene-linear and premultiplied, of a drawn picture (H, W, 4).

    rgba: display-referred sRGB premultiplied by alpha.
    background: scene-linear RGB (3,), or None for transparency.
    Gaussians are learned blended as they are displayed, so the background is blended that way too, before the colours
    are made linear.
    """
    colour, alpha = rgba[..., :3].astype(np.float64), rgba[..., 3:].astype(np.float64)
    if background is not None:
        solid = linear_colour(colour + (1 - alpha) * display_colour(background))
        return np.concatenate([solid, np.ones_like(alpha)], axis=-1).astype(np.float32)
    # Linear light has to be premultiplied anew: the alpha is taken out of the displayed colour first, but where it is
    # next to nothing and the quotient would be noise.
    straight = np.divide(colour, alpha, out=np.zeros_like(colour), where=alpha > 1e-6)
    return np.concatenate([linear_colour(straight) * alpha, alpha], axis=-1).astype(np.float32)
