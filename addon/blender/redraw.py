"""Having Blender draw editors again."""

from __future__ import annotations

import bpy

VIEWS = ("VIEW_3D",)
TIME_EDITORS = ("SEQUENCE_EDITOR", "DOPESHEET_EDITOR", "GRAPH_EDITOR")
SIDE_BARS = ("VIEW_3D", "SEQUENCE_EDITOR", "PREFERENCES")
"""Where our panels stand."""


def redraw(area_types: tuple[str, ...]) -> None:
    """Draw all editors of these types again when Blender has a moment; there are none in background mode."""
    for window in getattr(bpy.context.window_manager, "windows", ()):
        for area in window.screen.areas:
            if area.type in area_types:
                area.tag_redraw()


def is_playing() -> bool:
    """Whether a window plays the timeline."""
    windows = getattr(bpy.context.window_manager, "windows", ())
    return any(window.screen.is_animation_playing for window in windows)
