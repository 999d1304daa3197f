"""The backend as Blender sees it: the process, the connection to it, long work, preferences."""

from ..blender.state import Memory

MODULES = ("trust", "connection", "long_work", "preferences", "installation", "operators")
memory = Memory()
