"""From files and the frame to the Gaussians of a head. No backend needed."""

from ..blender.state import Memory

MODULES = ("gaussians",)
memory = Memory()
