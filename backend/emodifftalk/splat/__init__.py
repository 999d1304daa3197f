"""Rasterizers of 3D Gaussians and image metrics."""
