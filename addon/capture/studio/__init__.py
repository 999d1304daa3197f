"""Capture: a posed character in a studio of calibrated cameras, rendered by Blender.

`python -m addon.capture.studio` photographs a character of a .blend file as the backend planned it; `python -m
sample_scenes.heads.cc0` does the same for a CC0 head.
"""
