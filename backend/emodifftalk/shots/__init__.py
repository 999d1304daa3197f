"""The shot queue: a list of shots is rendered by background Blenders, and goes on where it was after any interruption.

Standard library only, so that it runs in Blender's own Python without a backend. It stands beside `core`.
"""
