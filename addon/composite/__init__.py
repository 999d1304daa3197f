"""Heads in what another engine renders: joined by depth in the compositor."""

MODULES = ("heads_scene", "operators")
