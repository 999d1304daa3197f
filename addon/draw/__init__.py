"""Gaussians to pixels: clouds on the card, rasterizers, colours. Knows no head's take."""

MODULES = ("settings",)
