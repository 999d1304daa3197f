"""Blender's window seen and used from a script inside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import bpy
import gpu
import numpy as np

BUFFERS = 3


def quiet_window() -> None:
    """Nothing that moves or covers the view by itself."""
    view = bpy.context.preferences.view
    view.show_splash, view.smooth_view, view.render_display_type = False, 0, "NONE"


def in_view() -> dict:
    """The UI context of the 3D viewport."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    return {"window": window, "screen": window.screen, "area": area, "region": region}


def screenshot() -> np.ndarray:
    """The whole window as it is drawn now, RGBA (H, W, 4) uint8, row 0 at the bottom.

    Read from the buffer that is drawn to: Blender's own screenshot is black where a screen is only virtual. That buffer
    has been swapped for an older one when drawing is done, so all of them are drawn.
    """
    found = in_view()
    with bpy.context.temp_override(**found):
        for _ in range(BUFFERS):
            for area in found["screen"].areas:
                area.tag_redraw()
            bpy.ops.wm.redraw_timer(type="DRAW_WIN_SWAP", iterations=1)
        width, height = found["window"].width, found["window"].height
        pixels = gpu.state.active_framebuffer_get().read_color(0, 0, width, height, 4, 0, "UBYTE")
    pixels.dimensions = width * height * 4
    return np.array(pixels, np.uint8).reshape(height, width, 4)


def press(key: str, times: int = 1, ctrl: bool = False) -> None:
    """Press a key over the viewport, as a hand would."""
    found = in_view()
    region = found["region"]
    place = {"x": region.x + region.width // 2, "y": region.y + region.height // 2}
    found["window"].event_simulate("MOUSEMOVE", "NOTHING", **place)
    for _ in range(times):
        for value in ("PRESS", "RELEASE"):
            found["window"].event_simulate(key, value, **place, ctrl=ctrl)


def until(condition: Callable[[], bool], seconds: float = 5.0) -> Iterator[float]:
    """Let Blender work until something is so, or for some seconds: a busy computer hears of a key late."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        yield 0.05


def pull(*places: tuple[float, float]) -> Iterator[float]:
    """Move the mouse over the viewport, press at the first place and let go at the last; one place alone is clicked.

    Pixels of the viewport; every yield lets Blender hear of it.
    """
    found = in_view()
    region, window = found["region"], found["window"]
    on_window = [{"x": round(region.x + x), "y": round(region.y + y)} for x, y in places]
    first = on_window[0]
    for x in (first["x"] - 2, first["x"]):  # twice: what lies under a pointer is only looked for when that moves
        window.event_simulate("MOUSEMOVE", "NOTHING", x=x, y=first["y"])
        yield 0.05
    window.event_simulate("LEFTMOUSE", "PRESS", **first)
    for place in on_window[1:]:
        window.event_simulate("MOUSEMOVE", "NOTHING", **place)
        yield 0.05
    window.event_simulate("LEFTMOUSE", "RELEASE", **on_window[-1])
    yield 0.1
