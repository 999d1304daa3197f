"""Capture: a posed character in a studio of calibrated cameras, rendered with Cycles."""
