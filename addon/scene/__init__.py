"""What EmoDiffTalk keeps in a .blend: heads, strips, settings, and the bell that rings when a setting changes."""

from ..blender.state import Memory

MODULES = ("properties", "composite_settings", "overrides")
memory = Memory()
