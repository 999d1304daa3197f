"""What the panels of our tab have in common: where they stand, and sentences that fit their width."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from bpy.types import Context, UILayout

from .heads import active_head

if TYPE_CHECKING:  # that they are mixed into one; when they run, Blender would take a class of this base for a panel
    from bpy.types import Panel
else:
    Panel = object

AU_GROUPS = (
    ("Brows", ("AU01", "AU02", "AU04")),
    ("Eyes", ("AU05", "AU06", "AU07", "AU45")),
    ("Nose and Upper Lip", ("AU09", "AU10")),
    ("Mouth", ("AU12", "AU14", "AU15", "AU23", "AU24", "AU25", "AU26")),
    ("Chin", ("AU17",)),
)
"""The action units as they lie on the face, from top to bottom."""


def draw_sentence(layout: UILayout, text: str, icon: str = "NONE", width: int = 38) -> None:
    """A sentence over as many lines as it needs, `width` letters each."""
    column = layout.column(align=True)
    column.scale_y = 0.85
    for number, line in enumerate(textwrap.wrap(text, max(width, 16)) or [""]):
        if icon == "NONE":
            column.label(text=line)
        else:
            column.label(text=line, icon=icon if number == 0 else "BLANK1")  # type: ignore[arg-type]  # a name


def draw_problem(layout: UILayout, text: str, width: int) -> None:
    """A problem in a box of its own."""
    box = layout.box()
    box.alert = True
    draw_sentence(box, text, icon="ERROR", width=width - 4)


def letters(context: Context) -> int:
    """How many letters fit in the side bar's width."""
    return max(18, int(context.region.width / (6.6 * context.preferences.system.ui_scale)) - 6)


class InTab(Panel):
    """A panel of our tab in the 3D viewport."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "EmoDiffTalk"


class OfHead(InTab):
    """One that is there with a head only."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        """With a head."""
        return active_head(context) is not None
