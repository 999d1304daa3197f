"""What the tab says about the take that plays: up to date or not, what changed, what it would cost."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bpy.types import Context, Object, Panel, UILayout

from ..scene.heads import active_take
from ..scene.panel_parts import OfHead, letters, shortened
from .generate import job_of
from .line import draw_legend
from .staleness import BAKED, MISSING, STALE, status


def state_line(head: Object, context: Context) -> tuple[str, str]:
    """How a head's take stands, in a few words, and an icon."""
    job, latest = job_of(head), status(head, context.scene)
    if job is not None and not job.running and job.problem:
        return "Not made: see details", "ERROR"
    if latest.state == BAKED:
        return "Up to date", "CHECKMARK"
    if latest.state == STALE:
        return latest.line.partition(" · ")[0], "FILE_REFRESH"
    if latest.state == MISSING or active_take(head) is None:
        return "No take yet", "RADIOBUT_OFF"
    return latest.sentence, "INFO"


def cost(head: Object, context: Context) -> str:
    """What making a stale take again would cost, in a few words; empty when that is not known."""
    latest = status(head, context.scene)
    return latest.line.partition(" · ")[2].removesuffix(" to make again") if latest.state == STALE else ""


def sentences(head: Object, context: Context) -> Iterator[tuple[str, str]]:
    """All there is to say about a head's take, and icons."""
    job, latest = job_of(head), status(head, context.scene)
    if job is not None and not job.running and job.problem:
        yield job.problem, "ERROR"
    if latest.line:
        yield f"{latest.line.replace(' · ', ', ')}.", "CHECKMARK" if latest.state == BAKED else "FILE_REFRESH"
    if latest.sentence:
        yield _whole_times(latest.sentence), "BLANK1" if latest.line else "INFO"
    if active_take(head) is None and not latest.sentence:
        yield "This head has no take yet: choose a voice or type a feeling, then Generate.", "INFO"


def draw_status(layout: UILayout, head: Object, context: Context) -> None:
    """A line below Generate, always there; the rest of it lies behind its button."""
    text, icon = state_line(head, context)
    row = layout.row()
    left = row.row()
    left.alert = icon == "ERROR"
    left.label(text=shortened(text, letters(context) - 6), icon=icon)  # type: ignore[arg-type]  # a name
    row.popover("EMODIFFTALK_PT_details", text="", icon="INFO")


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
