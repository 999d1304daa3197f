"""Saying something in Blender's status bar."""

from __future__ import annotations

import bpy

from .guarding import start_timer, stop_timer
from .registering import Adds


def show_status(text: str | None, seconds: float = 0.0) -> None:
    """Say something until something else is said, or for some seconds; None gives the bar back to Blender."""
    workspace = getattr(bpy.context, "workspace", None)
    stop_timer(_hush)
    if workspace is None or bpy.app.background:
        return
    workspace.status_text_set(text)
    if seconds:
        start_timer(_hush, seconds)


def _hush() -> None:
    show_status(None)


ADDS = Adds(timers=(_hush,))
