"""Opening a tab of the 3D viewports' side bars: a file that was opened brings a window of its own, with other tabs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy

from . import memory
from .guarding import start_timer
from .registering import Adds
from .state import State

_TICK, _TRIES = 0.1, 30
"""Seconds between two tries, and how many: a side bar knows its tabs only after it has been drawn."""


@dataclass
class _Wanted(State):
    """tab: to be opened. tries: left."""

    tab: str = ""
    tries: int = 0


_wanted = memory.keep(_Wanted())


def open_tab(tab: str) -> None:
    """Open a tab in every 3D viewport of the windows there are, as soon as they have been drawn. In background mode
    there are none."""
    if bpy.app.background:
        return
    _wanted.tab, _wanted.tries = tab, _TRIES
    start_timer(_try, 0.0)


def _try() -> float | None:
    _wanted.tries -= 1
    views = [
        (area, next((region for region in area.regions if region.type == "UI"), None))
        for window in bpy.context.window_manager.windows
        for area in window.screen.areas
        if area.type == "VIEW_3D"
    ]
    opened = [_opened(area, region, _wanted.tab) for area, region in views if region is not None]
    return None if all(opened) or _wanted.tries <= 0 else _TICK


def _opened(area: bpy.types.Area, region: Any, tab: str) -> bool:
    space: Any = area.spaces.active
    if not space.show_region_ui:
        space.show_region_ui = True
        return False  # it is drawn first
    if region.active_panel_category == tab:
        return True
    try:
        region.active_panel_category = tab
    except TypeError:  # not a tab it knows of yet
        return False
    area.tag_redraw()
    return True


ADDS = Adds(timers=(_try,))
