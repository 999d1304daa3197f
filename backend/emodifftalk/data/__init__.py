"""Readers, recipes and generators of training data."""
