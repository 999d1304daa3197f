"""Takes in the tab: made, listed, how sure they are."""

from __future__ import annotations

from bpy.types import Context, Object, Panel, UILayout, UIList

from emodifftalk.core.clock import clock_text

from ..backend.panel import draw_remedy
from ..curves import confidence
from ..scene.heads import active_head, active_take, settings
from ..scene.panel_parts import OfHead, draw_problem, draw_sentence, letters
from .generate import Job, job_of, job_text
from .status import draw_status


class EMODIFFTALK_UL_takes(UIList):
    """The takes of a head."""

    bl_idname = "EMODIFFTALK_UL_takes"

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:
        """Name, length and seed of a take."""
        row = layout.row(align=True)
        row.prop(item, "name", text="", emboss=False, icon="PLAY" if index == data.active_take else "BLANK1")
        right = row.row()
        right.alignment = "RIGHT"
        right.label(text=f"{clock_text(item.frames / 25)}  seed {item.seed}")


class EMODIFFTALK_PT_generate(OfHead, Panel):
    """Making takes and choosing among them."""

    bl_label = "Takes"

    def draw(self, context: Context) -> None:
        """Generate or progress, what went wrong, the takes there are."""
        layout, head = self.layout, active_head(context)
        job, width = job_of(head), letters(context)
        if job is not None and job.running and not job.live:
            _draw_job(layout, job)
        else:
            row = layout.row()
            row.scale_y = 1.5
            row.operator("emodifftalk.generate", icon="RENDER_ANIMATION")
            _draw_obstacle(layout, job, width)
            draw_status(layout, head, context)
        head_settings = settings(head)
        if len(head_settings.takes):
            _draw_takes(layout, head, width)
        layout.prop(head_settings, "whole_takes")


def _draw_takes(layout: UILayout, head: Object, width: int) -> None:
    """The list, how the one that plays was made, and how sure it is."""
    head_settings = settings(head)
    row = layout.row()
    row.template_list(
        "EMODIFFTALK_UL_takes", "", head_settings, "takes", head_settings, "active_take", rows=2, maxrows=5
    )
    row.column(align=True).operator("emodifftalk.remove_take", text="", icon="REMOVE")
    entry = active_take(head)
    if entry is not None:
        if entry.note:
            draw_sentence(layout, entry.note, width=width)
        _draw_confidence(layout, head)


def _draw_confidence(layout: UILayout, head: Object) -> None:
    text = confidence.line(head)
    if not text:
        return
    row = layout.row(align=True)
    row.label(text=text, icon="ERROR" if confidence.stretched(head) else "CHECKMARK")
    row.operator("emodifftalk.previous_stretch", text="", icon="PREV_KEYFRAME")
    row.operator("emodifftalk.next_stretch", text="", icon="NEXT_KEYFRAME")
    now = settings(head).confidence
    layout.progress(text=f"Confidence {now:.0%}", factor=now)


def _draw_job(layout: UILayout, job: Job) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.5
    row.progress(text=f"{job_text(job)}  {job.fraction:.0%}", factor=job.fraction)
    row.operator("emodifftalk.cancel", text="", icon="CANCEL")


def _draw_obstacle(layout: UILayout, job: Job | None, width: int) -> None:
    if not draw_remedy(layout, width) and job is not None and job.problem:
        draw_problem(layout, job.problem, width)
