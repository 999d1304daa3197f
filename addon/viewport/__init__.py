"""Heads in the 3D viewports: drawn, limited in number, selected by a click."""
