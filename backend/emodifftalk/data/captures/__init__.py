"""Captures: planned, photographed, and read from what others recorded."""
