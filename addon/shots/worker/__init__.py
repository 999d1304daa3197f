"""The Blender end of the shot queue: `render_worker.py` is run by background Blenders, and renders what it is told."""
