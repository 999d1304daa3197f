"""What the Takes panel says about the take that plays: up to date or not, what changed, what it would cost."""

from __future__ import annotations

import re

from bpy.types import Context, Object, Panel, UILayout

from ..scene.panel_parts import OfHead, draw_sentence, letters
from .line import draw_legend
from .settings import live_settings
from .staleness import BAKED, STALE, status


def draw_status(layout: UILayout, head: Object, context: Context) -> None:
    """A line beside Generate."""
    latest, width = status(head, context.scene), letters(context)
    if latest.state == BAKED and not live_settings().on:  # Live says so itself
        layout.label(text=latest.line, icon="CHECKMARK")
    elif latest.state == STALE:
        box = layout.box()
        state, _, cost = latest.line.partition(" · ")
        column = box.column(align=True)
        column.label(text=state, icon="FILE_REFRESH")
        if cost:
            column.label(text=f"{cost[0].upper()}{cost[1:]}", icon="SORTTIME")
        draw_sentence(box, _whole_times(latest.sentence), "BLANK1", width - 4)
    elif latest.sentence:
        draw_sentence(layout, latest.sentence, "INFO", width - 4)


def _whole_times(sentence: str) -> str:
    """With numbers that are not parted from their seconds where a line ends."""
    return re.sub(r"(\d) s\b", "\\1\u00a0s", sentence)


class EMODIFFTALK_PT_take_status(OfHead, Panel):
    """What the line in the time editors means."""

    bl_label = "On the Timeline"
    bl_parent_id = "EMODIFFTALK_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """The switch and the legend."""
        draw_legend(self.layout, context)
