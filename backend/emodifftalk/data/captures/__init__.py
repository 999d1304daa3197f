"""Captures are planned, photographed by Blender, and read from what others recorded."""
