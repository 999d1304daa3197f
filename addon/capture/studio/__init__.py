"""Capture: a posed character in a studio of calibrated cameras, rendered by Blender.

`python -m addon.capture` photographs a character of a .blend file as the backend planned it; `python -m
addon.capture.cc0` does the same for a CC0 head.
"""
