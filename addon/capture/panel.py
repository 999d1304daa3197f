"""The panel that makes a Subject of a character: who, how, how far, what next."""

from __future__ import annotations

import bpy
from bpy.types import Context, Panel, UILayout

from emodifftalk.core.errors import UserError

from ..backend import long_work
from ..scene.panel_parts import InTab, draw_lines, draw_problem, draw_sentence, letters
from .operators import capture_folder, capture_settings, missing_units, pictures_in, selected_face


class EMODIFFTALK_PT_capture(InTab, Panel):
    """From a character of this file to a folder that a subject is trained from."""

    bl_label = "Capture as Subject"
    bl_parent_id = "EMODIFFTALK_PT_tools"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """The character and its settings; the button, or in its place how far the work is; how it ended."""
        layout, width = self.layout, letters(context)
        settings = layout.column()
        settings.enabled = not long_work.busy()
        _draw_character(settings, context, width)
        _draw_settings(settings, context)
        _draw_button(layout, width)
        if not long_work.busy():
            _draw_ending(layout, width)
            _draw_next(layout, context, width)


def _draw_button(layout: UILayout, width: int) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.5
    if long_work.busy():
        job = long_work.current()
        row.progress(text=f"{job.title}  {job.fraction:.0%}", factor=job.fraction)
    else:
        row.operator("emodifftalk.capture_subject", icon="OUTLINER_OB_CAMERA")
    row.operator("emodifftalk.cancel_work", text="", icon="CANCEL")
    draw_lines(layout, long_work.job_text() if long_work.busy() else "", 1, width)


def _draw_character(layout: UILayout, context: Context, width: int) -> None:
    try:
        face, shapes = selected_face(context)
    except UserError as error:
        draw_sentence(layout, str(error), icon="INFO", width=width - 4)
        return
    layout.label(text=face.name, icon="SHAPEKEY_DATA")
    absent = missing_units(shapes)
    lacks = f", not {', '.join(absent)}" if 0 < len(absent) < 9 else ""
    draw_sentence(layout, f"{len(shapes.aus)} of 17 action units{lacks}", width=width)
    pictures = pictures_in(capture_folder(face, context.scene))
    if pictures:
        draw_sentence(layout, f"The folder holds {pictures} pictures of a capture.", icon="CHECKMARK", width=width - 4)


def _draw_settings(layout: UILayout, context: Context) -> None:
    options = capture_settings(context.scene)
    column = layout.column()
    column.use_property_split, column.use_property_decorate = True, False
    column.prop(options, "folder", placeholder="//captures" if bpy.data.filepath else "Temporary")
    column.row().prop(options, "views", expand=True)
    column.prop(options, "size")
    column.prop(options, "samples")
    column.row().prop(options, "engine", expand=True)
    column.prop(options, "studio_light")
    column.prop(options, "mapping", placeholder="ARKit or FACS names")
    column.prop(options, "voice", placeholder="Sample sentence")
    column.prop(options, "spoken")
    column.prop(options, "credit")


def _draw_ending(layout: UILayout, width: int) -> None:
    job = long_work.current()
    if job is None:
        return
    if job.problem:
        draw_problem(layout, job.problem, width)
    elif job.cancelled:
        draw_sentence(layout, "Cancelled: what is done is kept.", icon="INFO", width=width - 4)
    elif job.op == "capture":
        box = layout.box()
        made = f"{job.result['pictures']} pictures of {job.result['frames']} moments in {job.result['folder']}"
        draw_sentence(box, made, icon="CHECKMARK", width=width - 6)
        box.operator("wm.path_open", text="Open Folder", icon="FILE_FOLDER").filepath = job.result["folder"]
    elif job.op == "train_subject":
        box = layout.box()
        draw_sentence(box, f"Trained {job.result['subject']}", icon="CHECKMARK", width=width - 6)
        # Without the file browser: the file is known.
        row = box.row()
        row.operator_context = "EXEC_DEFAULT"
        row.operator("emodifftalk.import_subject", icon="IMPORT").filepath = job.result["subject"]
        row.operator("wm.path_open", text="Report", icon="TEXT").filepath = job.result["page"]


def _draw_next(layout: UILayout, context: Context, width: int) -> None:
    """A finished capture is something to train from."""
    try:
        folder = capture_folder(selected_face(context)[0], context.scene)
    except UserError:
        return
    if not (folder / "capture.json").is_file():
        return
    layout.operator("emodifftalk.train_subject", icon="OUTLINER_OB_POINTCLOUD").capture = str(folder)
    draw_sentence(layout, f"Next: learn a subject from {folder.name}. It goes beside that folder.", width=width)
