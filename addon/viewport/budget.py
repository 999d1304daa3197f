"""Drawing less for weak graphics cards: a share of the Gaussians, fewer pixels, and all of it once nothing moves."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from bpy.types import Context

from emodifftalk.core import thinning

from ..blender.guarding import start_timer
from ..blender.redraw import VIEWS, redraw
from ..blender.registering import Adds
from ..playback.latest import Latest
from . import memory

if TYPE_CHECKING:
    from emodifftalk.core.gaussians import Gaussians

_STILL = 0.25
"""Seconds without a change after which a viewport is drawn in full."""
_chosen: Latest[tuple[int, float], tuple[Gaussians, np.ndarray, np.float32]] = memory.keep(Latest(16))


def reduced(gaussians: Gaussians, canonical: Gaussians, share: float) -> Gaussians:
    """The part `share` (0..1) of posed Gaussians to draw, grown a little so that no holes open.

    canonical: the same as they were trained. Always the same rows for it, so that nothing flickers as a head moves.
    """
    if share >= 1 or len(gaussians) != len(canonical):
        return gaussians
    rows, swell = _choice(canonical, share)
    return thinning.thinned(gaussians, rows, swell)


def _choice(canonical: Gaussians, share: float) -> tuple[np.ndarray, np.float32]:
    key = (id(canonical), share)
    _, rows, swell = _chosen.get(key, lambda: (canonical, *thinning.important(canonical, share)))
    return rows, swell


class ChangeWatch:
    """Notices whether what one viewport shows is changing."""

    def __init__(self) -> None:
        self._seen: tuple | None = None
        self._changed = -np.inf

    def moving(self, context: Context, shown: tuple) -> bool:
        """Whether the timeline plays, or `shown` (anything that can be compared) is new or was new a moment ago."""
        if self._seen is not None and shown != self._seen:
            self._changed = time.monotonic()
        self._seen = shown
        playing = context.screen is not None and context.screen.is_animation_playing
        return playing or time.monotonic() - self._changed < _STILL

    @staticmethod
    def look_again() -> None:
        """Draw the viewports again when everything may have come to rest."""
        start_timer(_redraw, 1.2 * _STILL, persistent=False)


def _redraw() -> None:
    redraw(VIEWS)


ADDS = Adds(timers=(_redraw,))
