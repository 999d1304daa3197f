"""The panel of exports and imports: what other tools get from a head, and what a head takes from them."""

from __future__ import annotations

from bpy.types import Context, Panel

from ..backend import long_work
from ..scene.panel_parts import OfHead, draw_problem, draw_sentence, letters
from .collect import draw_collecting
from .export import exporting


class EMODIFFTALK_PT_exchange(OfHead, Panel):
    """To and from other tools."""

    bl_label = "Other Tools"
    bl_options = {"DEFAULT_CLOSED"}
    bl_order = 5

    def draw(self, context: Context) -> None:
        """Export or its progress, how the last one ended, import."""
        layout, width = self.layout, letters(context)
        if exporting():
            row = layout.row(align=True)
            row.progress(
                text=f"{long_work.job_text()}  {long_work.current().fraction:.0%}", factor=long_work.current().fraction
            )
            row.operator("emodifftalk.cancel_export", text="", icon="CANCEL")
        else:
            layout.operator("emodifftalk.export", text="Export…", icon="EXPORT")
            self._draw_ending(width)
        layout.operator("emodifftalk.import_curves", text="Import Face Curves…", icon="IMPORT")
        draw_collecting(layout, width)

    def _draw_ending(self, width: int) -> None:
        job = long_work.current()
        if job is None or job.op != "export":
            return
        if job.problem:
            draw_problem(self.layout, job.problem, width)
        elif job.cancelled:
            draw_sentence(self.layout, "Cancelled: the same export goes on from there.", icon="INFO", width=width - 4)
        elif job.done:
            box, made = self.layout.box(), job.result
            size = f"{made['files']} file{'s' if made['files'] != 1 else ''}, {made['bytes'] / 1e6:.0f} MB"
            draw_sentence(box, size, icon="CHECKMARK", width=width - 6)
            for note in made["notes"]:
                draw_sentence(box, note, icon="INFO", width=width - 6)
            box.operator("wm.path_open", text="Open Folder", icon="FILE_FOLDER").filepath = made["folder"]
