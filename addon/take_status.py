"""What the Takes panel says about the take that plays: up to date or not, what changed, what it would cost."""

from __future__ import annotations

from bpy.types import Context, Object, Panel, UILayout

from .panel_parts import OfHead, draw_sentence, letters
from .staleness import BAKED, STALE, status
from .timeline_line import draw_legend


def draw_status(layout: UILayout, head: Object, context: Context) -> None:
    """A line beside Generate."""
    found, width = status(head, context.scene), letters(context)
    if found.state == BAKED:
        layout.label(text=found.line, icon="CHECKMARK")
    elif found.state == STALE:
        box = layout.box()
        draw_sentence(box, found.line, "FILE_REFRESH", width - 4)
        draw_sentence(box, found.sentence, "BLANK1", width - 4)
    elif found.sentence:
        draw_sentence(layout, found.sentence, "INFO", width - 4)


class EMODIFFTALK_PT_take_status(OfHead, Panel):
    """What the line in the time editors means."""

    bl_label = "On the Timeline"
    bl_parent_id = "EMODIFFTALK_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """The switch and the legend."""
        draw_legend(self.layout, context)
