"""Characters become subjects: photographed by another Blender, learned by the backend."""

from ..blender.state import Memory

MODULES = ("settings", "operators", "training")
memory = Memory()
