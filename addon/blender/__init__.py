"""Blender itself, made the same in every version: compatibility, animation, cameras, redraws, registering."""

from .state import Memory

MODULES = ("details", "side_bar", "status_bar")
memory = Memory()
