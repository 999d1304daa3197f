"""How a retimed strip runs through its content: straight between its keys, along an arc where its speed changes slowly.
Plain arithmetic, no Blender."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_NEAR = 0.02
"""Frames by which a transition, taken as straight from point to point, may be wrong."""


@dataclass(frozen=True)
class RetimingKey:
    """A key of a retimed strip.

    frame: of the timeline.
    content: frame of its content that the strip has come to there.
    curved: from here to the next key its speed changes steadily.
    """

    frame: float
    content: float
    curved: bool = False


@dataclass(frozen=True)
class RetimedSpan:
    """From `first` to `last` frame a strip plays its content from frame `content` on at `speed`."""

    first: float
    last: float
    content: float
    speed: float


def retimed_spans(keys: Sequence[RetimingKey], left: float, right: float) -> list[RetimedSpan]:
    """What a strip plays between its handles, frames `left` to `right`. Stretches that stand still are left out.

    keys: at least two, in order; before the first and after the last the strip goes on as it did.
    """
    points = _points(keys)
    spans = []
    for (start, content), (end, after) in pairwise(points):
        speed = (after - content) / (end - start)
        first = left if start == points[0][0] else max(start, left)
        last = right if end == points[-1][0] else min(end, right)
        if last > first and speed > 1e-6:
            spans.append(RetimedSpan(first, last, content + (first - start) * speed, speed))
    return spans


def _points(keys: Sequence[RetimingKey]) -> list[tuple[float, float]]:
    points = []
    for i, (key, after) in enumerate(pairwise(keys)):
        points.append((key.frame, key.content))
        if key.curved and 0 < i < len(keys) - 2:
            points += _arc(keys[i - 1], key, after, keys[i + 2], keys[-1])
    points.append((keys[-1].frame, keys[-1].content))
    return [point for point, after in pairwise(points) if after[0] > point[0]] + points[-1:]


def _arc(
    before: RetimingKey, start: RetimingKey, end: RetimingKey, after: RetimingKey, whole: RetimingKey
) -> list[tuple[float, float]]:
    """Points between two keys on the arc that touches the straight lines before and after them.

    Blender draws it with content counted as a share of the whole strip, which makes it nearly a parabola.
    """
    share = 1 / whole.content
    rise_in = (start.content - before.content) * share / (start.frame - before.frame)
    rise_out = (after.content - end.content) * share / (after.frame - end.frame)
    if abs(rise_in - rise_out) < 1e-9:
        return []
    # The centre lies on the normals of both lines at the ends of the arc.
    y0, y1 = start.content * share, end.content * share
    y = (end.frame + rise_out * y1 - start.frame - rise_in * y0) / (rise_out - rise_in)
    x = start.frame + rise_in * (y0 - y)
    radius = math.hypot(start.frame - x, y0 - y)
    side = -1 if y > y0 else 1
    # A chord of a parabola whose slope changes by `change` over `length` is off by change * length / (8 steps^2) at
    # most: so many steps keep that under _NEAR.
    length, change = end.frame - start.frame, abs(rise_out - rise_in) / share
    steps = math.ceil(math.sqrt(change * length / (8 * _NEAR)))
    frames = [start.frame + length * i / steps for i in range(1, steps)]
    return [(frame, (y + side * math.sqrt(max(radius**2 - (frame - x) ** 2, 0))) / share) for frame in frames]
