"""Steps to undo for what happens outside an operator."""

from __future__ import annotations

import bpy


def push_undo(message: str) -> None:
    """Make a step to undo of what has just been changed. Only to be called when something has: a step in which nothing
    changes is one press of Ctrl Z that does nothing."""
    try:
        bpy.ops.ed.undo_push(message=message)
    except RuntimeError:
        pass  # no undo without a window; the change is there all the same
