"""Heads in what another engine renders: joined by depth in the compositor."""

from ..blender.state import Memory

MODULES = ("heads_scene", "operators", "missing")
memory = Memory()
