"""Heads in the 3D viewports: drawn, limited in number, selected by a click."""

from ..blender.state import Memory

MODULES = ("budget", "neighbours", "drawing", "click_select")
memory = Memory()
