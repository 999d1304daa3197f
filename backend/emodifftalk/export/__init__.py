"""Gaussian sequences for other tools."""
