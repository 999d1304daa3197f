"""Gaussians to pixels: clouds on the card, rasterizers, colours. Knows no head's take."""

from ..blender.state import Memory

MODULES = ("settings", "left_out")
memory = Memory()
