"""Takes in the tab: made, kept up to date, listed, how sure they are."""

from __future__ import annotations

from bpy.types import Context, Object, Panel, UILayout, UIList

from ..curves import confidence
from ..scene.heads import active_head, active_take, settings
from ..scene.panel_parts import NARROW, OfHead, draw_sentence, letters, time_text
from . import waiting
from .generate import job_of, job_text
from .live_panel import draw_live
from .status import cost, draw_status

_ROWS = 3


class EMODIFFTALK_UL_takes(UIList):
    """The takes of a head."""

    bl_idname = "EMODIFFTALK_UL_takes"

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:
        """Name and length of a take."""
        narrow = letters(context) < NARROW
        split = layout.split(factor=0.6 if narrow else 0.5, align=True)
        split.prop(item, "name", text="", emboss=False, icon="PLAY" if index == data.active_take else "BLANK1")
        right = split.row()
        right.alignment = "RIGHT"
        right.active = False
        right.label(text=f"{item.frames / 25:.1f} s" if narrow else time_text(context.scene, item.frames / 25))


class EMODIFFTALK_PT_generate(OfHead, Panel):
    """Making takes and choosing among them."""

    bl_label = "Takes"

    def draw(self, context: Context) -> None:
        """Generate or progress, how the take stands, Live, the takes there are: each has its place, always."""
        layout, head = self.layout, active_head(context)
        _draw_button(layout, head, context)
        draw_status(layout, head, context)
        draw_live(layout, head, context)
        row, head_settings = layout.row(), settings(head)
        row.template_list(
            "EMODIFFTALK_UL_takes", "", head_settings, "takes", head_settings, "active_take", rows=_ROWS, maxrows=_ROWS
        )
        column = row.column(align=True)
        column.operator("emodifftalk.remove_take", text="", icon="REMOVE")
        column.operator("emodifftalk.keep_take", text="", icon="PINNED")
        _draw_confidence(layout, head)
        _draw_waiting(layout, head, letters(context))


def _draw_button(layout: UILayout, head: Object, context: Context) -> None:
    job, row = job_of(head), layout.row(align=True)
    row.scale_y = 1.5
    if job is not None and job.running and not job.live:
        row.progress(text=f"{job_text(job)}  {job.fraction:.0%}", factor=job.fraction)
    else:
        price = cost(head, context)
        text = f"Generate · {price}" if price else "Generate"
        row.operator("emodifftalk.generate", text=text, icon="RENDER_ANIMATION")
    row.operator("emodifftalk.cancel", text="", icon="CANCEL")


def _draw_confidence(layout: UILayout, head: Object) -> None:
    row, known = layout.row(align=True), bool(confidence.line(head))
    now = settings(head).confidence if known else 0.0
    bar = row.row(align=True)
    bar.active = known
    bar.alert = known and bool(confidence.stretched(head))
    bar.progress(text=f"Confidence {now:.0%}" if known else "Confidence", factor=now)
    row.operator("emodifftalk.previous_stretch", text="", icon="PREV_KEYFRAME")
    row.operator("emodifftalk.next_stretch", text="", icon="NEXT_KEYFRAME")


def _draw_waiting(layout: UILayout, head: Object, width: int) -> None:
    """Takes that came while the head was deleted, and that undo has not brought back with it."""
    takes = waiting.of(head)
    if not takes:
        return
    box = layout.box()
    one = len(takes) == 1
    text = f"“{takes[0].path.stem}” was" if one else f"{len(takes)} takes were"
    draw_sentence(box, f"{text} made while this head was deleted.", "INFO", width - 4)
    box.operator("emodifftalk.list_waiting_takes", text="List It" if one else "List Them", icon="ADD")


class EMODIFFTALK_PT_take_details(OfHead, Panel):
    """How the take that plays was made."""

    bl_label = "Details"
    bl_parent_id = "EMODIFFTALK_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """Seed, note, and how far it stays within what the subject was trained on."""
        layout, head, width = self.layout, active_head(context), letters(context)
        entry = active_take(head)
        layout.prop(settings(head), "whole_takes")
        if entry is None:
            layout.label(text="No take yet")
            return
        layout.label(text=f"Seed {entry.seed}")
        for text in (entry.note, confidence.line(head)):
            if text:
                draw_sentence(layout, text, width=width)
