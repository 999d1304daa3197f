"""Final frames: the render engine, its passes, motion blur."""

from ..blender.state import Memory

MODULES = ("engine", "head_camera", "panels")
memory = Memory()
