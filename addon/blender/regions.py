"""What of a region can be seen: its side bars, headers and toolbars lie over it where Blender lets regions overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bpy.types import Area, Context, Region

_NAVIGATION = ((44, 262), (106, 104))
"""Width and height at a resolution scale of 1 of what a 3D viewport has in its upper right corner to navigate with: a
column of buttons, and the axes above it."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of a region, counted from its lower left corner."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        """Pixels; less than 0 when nothing is left of it."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels; less than 0 when nothing is left of it."""
        return self.top - self.bottom

    def holds(self, x: float, y: float) -> bool:
        """Whether a pixel lies in it."""
        return self.left <= x <= self.right and self.bottom <= y <= self.top

    def meets(self, other: Box) -> bool:
        """Whether two boxes have pixels in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.bottom < other.top and other.bottom < self.top


def free_box(area: Area, region: Region) -> Box:
    """The part of an area's main region over which no bar lies."""
    left, bottom, right, top = 0.0, 0.0, float(region.width), float(region.height)
    for bar in area.regions:
        x, y = bar.x - region.x, bar.y - region.y
        lies_over = Box(x, y, x + bar.width, y + bar.height).meets(Box(0, 0, region.width, region.height))
        if not lies_over or min(bar.width, bar.height) <= 1:  # one that is hidden keeps a pixel
            continue
        if bar.alignment == "LEFT":
            left = max(left, x + bar.width)
        elif bar.alignment == "RIGHT":
            right = min(right, x)
        elif bar.alignment == "BOTTOM":
            bottom = max(bottom, y + bar.height)
        elif bar.alignment == "TOP":
            top = min(top, y)
    return Box(left, bottom, right, top)


def navigation_boxes(context: Context) -> list[Box]:
    """What Blender's own buttons for navigation cover in the region of a 3D viewport; empty when they are not shown."""
    space: Any = context.space_data
    if not (space.show_gizmo and space.show_gizmo_navigate):
        return []
    free, scale = free_box(context.area, context.region), context.preferences.system.ui_scale
    return [Box(free.right - wide * scale, free.top - high * scale, free.right, free.top) for wide, high in _NAVIGATION]
