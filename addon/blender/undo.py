"""Steps to undo for what happens outside an operator."""

from __future__ import annotations

import bpy


def push_undo(message: str) -> None:
    """Make a step to undo of what has just been changed; in background mode nobody undoes anything.

    Only to be called when something has changed: a step without a change is a press of Ctrl Z that does nothing.
    """
    if bpy.app.background:
        return
    try:
        bpy.ops.ed.undo_push(message=message)
    except RuntimeError:
        pass  # this window cannot undo; the change is there all the same
