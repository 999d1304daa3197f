"""Blender itself, made the same in every version: compatibility, animation, cameras, redraws, registering."""

from .state import Memory

MODULES = ("details", "status_bar")
memory = Memory()
