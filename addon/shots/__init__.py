"""The shot list and its queue of background Blenders."""

from ..blender.state import Memory

MODULES = ("settings", "edit", "process", "queue")
memory = Memory()
