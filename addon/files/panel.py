"""Other Tools: what other tools get from a head, what a head takes from them, and the ending of the last export."""

from __future__ import annotations

from bpy.types import Context, Panel, UILayout

from ..backend import long_work
from ..scene.panel_parts import InTab, draw_lines, letters
from .collect import draw_collecting
from .export import exporting


class EMODIFFTALK_PT_tools(InTab, Panel):
    """To and from other tools."""

    bl_label = "Other Tools"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """Export or its progress, how the last one ended, imports."""
        layout, width = self.layout, letters(context)
        row = layout.row(align=True)
        if exporting():
            job = long_work.current()
            row.progress(text=f"{long_work.job_text()}  {job.fraction:.0%}", factor=job.fraction)
        else:
            row.operator("emodifftalk.export", text="Export…", icon="EXPORT")
        row.operator("emodifftalk.cancel_export", text="", icon="CANCEL")
        _draw_ending(layout, width)
        column = layout.column(align=True)
        column.operator("emodifftalk.import_curves", text="Import Face Curves…", icon="IMPORT")
        column.operator("emodifftalk.import_gaussians", text="Import Gaussians…", icon="IMPORT")
        draw_collecting(layout, width)


def _draw_ending(layout: UILayout, width: int) -> None:
    """How the last export ended, in lines that are always there, and its folder."""
    job, row = long_work.current(), layout.row(align=True)
    ended = job if job is not None and job.op == "export" and not job.running else None
    text, icon = "", "NONE"
    if ended is not None and ended.problem:
        text, icon = ended.problem, "ERROR"
    elif ended is not None and ended.cancelled:
        text, icon = "Cancelled: the same export goes on from there.", "INFO"
    elif ended is not None and ended.done:
        made = ended.result
        size = f"{made['files']} file{'s' if made['files'] != 1 else ''}, {made['bytes'] / 1e6:.0f} MB."
        text, icon = " ".join([size, *made["notes"]]), "CHECKMARK"
    said = row.column()
    said.alert = icon == "ERROR"
    draw_lines(said, text, 2, width - 8, icon)
    opened = row.column()
    opened.enabled = ended is not None and ended.done
    button = opened.operator("wm.path_open", text="", icon="FILE_FOLDER")
    button.filepath = ended.result["folder"] if ended is not None and ended.done else ""
