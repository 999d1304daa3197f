"""The bells of the settings: a setting that changes rings, and the rooms further up that show it listen."""

from __future__ import annotations

from ..blender.bell import Bell

LOOK_CHANGED = Bell()
"""Rung with a scene: heads in it look different now."""
TAKE_CHANGED = Bell()
"""Rung with a head and the context's scene: another take plays, or its file is another."""
WORDS_CHANGED = Bell()
"""Rung with a prompt's strip: its words were changed."""
HEAD_CHANGED = Bell()
"""Rung with a scene: a head whose strips lie there speaks another voice now, or has another colour."""
HAND_CHANGED = Bell()
"""Rung with a strip's settings: Set by Hand was switched."""
COLOURS_CHANGED = Bell()
"""Rung with a shot: its heads keep their colours from now on, or no longer."""
