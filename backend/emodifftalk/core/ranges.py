"""Ranges of time, and what is left of them."""

from __future__ import annotations

from collections.abc import Iterable

Range = tuple[float, float]
"""From one second to another."""


def without(ranges: Iterable[Range], holes: Iterable[Range], least: float = 0.0) -> list[Range]:
    """What of the ranges lies outside the holes (in order, without overlaps), parts longer than `least` seconds."""
    left = list(ranges)
    for start, end in holes:
        left = [part for a, b in left for part in ((a, min(b, start)), (max(a, end), b)) if part[1] - part[0] > least]
    return left
