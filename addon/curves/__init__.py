"""Action units as F-curves: shown from takes, drawn over, imported; how sure a take is."""

from ..blender.state import Memory

MODULES = ("confidence", "shown", "hand", "imported")
memory = Memory()
