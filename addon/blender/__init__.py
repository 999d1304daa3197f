"""Blender itself, made the same in every version: compatibility, animation, cameras, redraws, registering."""

from .state import Memory

MODULES = ("side_bar",)
memory = Memory()
