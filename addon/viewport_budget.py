"""Drawing less for weak graphics cards: a share of the Gaussians, fewer pixels, and all of it once nothing moves."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.types import Context

from emodifftalk.core.gaussians import Gaussians

if TYPE_CHECKING:
    from emodifftalk.core.subject import Subject

_STILL = 0.25
"""Seconds without a change after which a viewport is drawn in full."""
_SWELL = 0.4
"""How the kept Gaussians grow as those left out leave holes: their scales times (share of what is covered) to minus
this power. Found by comparing pictures of heads with all and with some of their Gaussians."""
_chosen: OrderedDict[tuple[int, float], tuple[Subject, np.ndarray, np.float32]] = OrderedDict()


def reduced(gaussians: Gaussians, subject: Subject, share: float) -> Gaussians:
    """The part `share` (0..1) of a subject's posed Gaussians to draw, grown a little so that no holes open.

    Always the same rows for a subject, so that nothing flickers as it moves.
    """
    if share >= 1 or len(gaussians) != len(subject.gaussians):
        return gaussians
    rows, swell = _choice(subject, share)
    kept = Gaussians(*(values[rows] for values in vars(gaussians).values()))
    return replace(kept, scales=kept.scales * swell)


def _choice(subject: Subject, share: float) -> tuple[np.ndarray, np.float32]:
    key = (id(subject), share)
    if key not in _chosen:
        _chosen[key] = (subject, *important(subject.gaussians, share))
        while len(_chosen) > 16:
            _chosen.popitem(last=False)
    return _chosen[key][1:]


def important(gaussians: Gaussians, share: float) -> tuple[np.ndarray, np.float32]:
    """Rows to keep, rising, and the factor by which their scales grow.

    Drawn by lot without replacement, each weighted by opacity times the largest area it can show: taking simply the
    largest would leave eyes and lips bare, which are made of small ones.
    """
    middle, large = np.sort(gaussians.scales.astype(float), axis=1)[:, 1:].T
    weight = np.maximum(gaussians.opacities * middle * large, 1e-30)
    lots = -np.log1p(-np.random.default_rng(0).random(len(weight))) / weight
    rows = np.sort(np.argsort(lots, kind="stable")[: max(1, round(share * len(weight)))])
    covered = weight[rows].sum() / weight.sum()
    return rows, np.float32(max(covered, 0.05) ** -_SWELL)


class Watch:
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
        if not bpy.app.timers.is_registered(_redraw_views):
            bpy.app.timers.register(_redraw_views, first_interval=1.2 * _STILL)


def _redraw_views() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def forget() -> None:
    """Drop what was chosen, and stop looking again."""
    _chosen.clear()
    if bpy.app.timers.is_registered(_redraw_views):
        bpy.app.timers.unregister(_redraw_views)
