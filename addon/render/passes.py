"""The passes of our engine: Combined and Mask always, depths and the object's index as the view layer asks for them.

Mask is the alpha of all heads, whatever is behind them. With “Mask per Head” every head has one of its own beside it,
named after its object, with soft edges and without what other heads hide.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from bpy.types import Scene, ViewLayer

from ..blender import compat
from ..draw.settings import layer_settings
from ..scene.heads import drawn
from .heads import SOLID

COMBINED, DEPTH, MASK = "Combined", "Depth", "Mask"
SOFT_DEPTH = "Soft Depth"
"""The pass that has a depth wherever anything of a head is seen, single hairs too; Depth begins at half covered."""
FAINT = 1 / 255
"""Alpha from which on anything is seen."""
FAR = 1e10
"""Depth where nothing is, as Cycles writes it."""
Kind = Literal["VALUE", "VECTOR", "COLOR"]
"""What the numbers of a pass are."""
_LONGEST = 63
"""Bytes of a pass's name."""


def mask_of(name: str) -> str:
    """The name of the mask pass of the head whose object is called `name`."""
    return f"{MASK} {name}".encode()[:_LONGEST].decode(errors="ignore")


def wanted_passes(scene: Scene, layer: ViewLayer) -> Iterator[tuple[str, int, str, Kind]]:
    """Name, number of channels, their letters and kind of every pass of a view layer."""
    yield COMBINED, 4, "RGBA", "COLOR"
    if layer.use_pass_z:
        yield DEPTH, 1, "Z", "VALUE"
        yield SOFT_DEPTH, 1, "Z", "VALUE"
    if layer.use_pass_object_index:
        yield compat.OBJECT_INDEX_PASS, 1, "X", "VALUE"
    yield MASK, 1, "X", "VALUE"
    if layer_settings(layer).mask_per_head:
        for name in sorted({mask_of(head.name) for head in drawn(scene)}):
            yield name, 1, "X", "VALUE"


def wants_heads_apart(layer: ViewLayer) -> bool:
    """Whether a pass of the view layer tells one head from another."""
    return layer.use_pass_object_index or layer_settings(layer).mask_per_head


def index_pass(alpha: np.ndarray, coverage: dict[str, np.ndarray], indices: dict[str, int]) -> np.ndarray:
    """Pass index (H, W) of the head that fills most of a pixel, 0 where no head is. Hard edges, as in every engine."""
    if not coverage:
        return np.zeros_like(alpha)
    # (H, W) number of the head with the greatest coverage, then that head's index: heads are few, pixels many.
    most = np.argmax(np.stack(list(coverage.values())), axis=0)
    return np.where(alpha > SOLID, np.array([indices[name] for name in coverage])[most], 0)


def flat(values: np.ndarray) -> np.ndarray:
    """A pass as `rect.foreach_set` takes it: float32, the lowest row first."""
    return np.ascontiguousarray(values[::-1], np.float32).ravel()
