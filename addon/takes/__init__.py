"""From the timeline to takes: asked for, made, kept up to date, listed."""

from ..blender.state import Memory

MODULES = ("settings", "generate", "take_list", "live_takes", "live", "live_panel", "staleness", "line")
memory = Memory()
