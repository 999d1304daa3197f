"""The panel of the shot queue: the list with its progress, the chosen shot, the run, how it ended."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.types import Context, Panel, UILayout, UIList

from emodifftalk.shots.names import CANCELLED, DONE, FAILED, PAUSED, PAUSING, RENDERING

from ..draw.left_out import left_out_for_panels
from ..scene.panel_parts import InTab, draw_lines, draw_problem, draw_sentence, letters
from .edit import heads_without_choice
from .process import queue
from .queue import output_folder
from .settings import ShotItem, ShotQueueSettings, active_shot, queue_settings

_ICONS = {DONE: "CHECKMARK", FAILED: "ERROR", CANCELLED: "PAUSE", RENDERING: "RENDER_ANIMATION"}
_STATES = {PAUSING: "Finishing frames", PAUSED: "Paused"}


def shot_state(name: str) -> dict:
    """What the queue last said of a shot of the open file; {} when nothing."""
    said = queue.status.get("shots", ()) if queue.blend == bpy.data.filepath else ()
    return next((shot for shot in said if shot["name"] == name), {})


class EMODIFFTALK_UL_shots(UIList):
    """The shots of the file."""

    bl_idname = "EMODIFFTALK_UL_shots"

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:
        """Tick, name, and how far it is."""
        state = shot_state(item.name)
        row = layout.row(align=True)
        row.prop(item, "enabled", text="")
        name = row.split(factor=0.45, align=True)
        name.active = item.enabled
        name.prop(item, "name", text="", emboss=False, icon=_ICONS.get(state.get("state"), "BLANK1"))
        if state.get("total") and state["state"] != FAILED:
            name.progress(text=f"{state['done']} / {state['total']}", factor=state["done"] / state["total"])
        else:
            right = name.row()
            right.alignment = "RIGHT"
            right.label(text="failed" if state.get("state") == FAILED else _range(item))


def _range(shot: ShotItem) -> str:
    source = shot if shot.own_range else shot.scene
    return f"{source.frame_start}–{source.frame_end}" if source is not None else ""


class EMODIFFTALK_PT_shots(InTab, Panel):
    """Many shots at a time, in the background."""

    bl_label = "Shots"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """The list, the run, the chosen shot."""
        layout, shot_list, width = self.layout, queue_settings(context), letters(context)
        _draw_list(layout, shot_list)
        _draw_run(layout, shot_list)
        _draw_ending(layout, width)


def _draw_list(layout: UILayout, shot_list: ShotQueueSettings) -> None:
    row = layout.row()
    row.template_list("EMODIFFTALK_UL_shots", "", shot_list, "shots", shot_list, "active", rows=5)
    column = row.column(align=True)
    column.operator("emodifftalk.add_shot", text="", icon="ADD")
    column.operator("emodifftalk.remove_shot", text="", icon="REMOVE")
    column.separator()
    column.operator("emodifftalk.duplicate_shot", text="", icon="DUPLICATE")
    column.operator("emodifftalk.add_marker_shots", text="", icon="VIEW_CAMERA")
    column.separator()
    column.operator("emodifftalk.move_shot", text="", icon="TRIA_UP").direction = "UP"
    column.operator("emodifftalk.move_shot", text="", icon="TRIA_DOWN").direction = "DOWN"


def _draw_run(layout: UILayout, shot_list: ShotQueueSettings) -> None:
    """Render, or in its place how far the queue is; Pause and Cancel are always there."""
    row = layout.row(align=True)
    row.scale_y = 1.5
    if queue.running:
        text, share = _progress()
        row.progress(text=text, factor=share)
    else:
        count = sum(shot.enabled for shot in shot_list.shots)
        text = f"Render {count} Shot{'' if count == 1 else 's'}" if count else "Render Shots"
        row.operator("emodifftalk.render_shots", text=text, icon="RENDER_ANIMATION")
    paused = queue.status.get("state") in (PAUSING, PAUSED)
    name = "emodifftalk.resume_shots" if paused else "emodifftalk.pause_shots"
    row.operator(name, text="", icon="PLAY" if paused else "PAUSE")
    row.operator("emodifftalk.cancel_shots", text="", icon="CANCEL")


def _progress() -> tuple[str, float]:
    """How far the queue is, in a few words and 0..1."""
    from emodifftalk.shots.time_left import in_words

    shots = queue.status.get("shots", ())
    done, total = sum(shot["done"] for shot in shots), sum(shot["total"] or 0 for shot in shots)
    state = "Cancelling" if queue.cancelling else _STATES.get(queue.status.get("state"), "")
    text = state or in_words(queue.status.get("left")) or "Starting"
    return f"{text}  ·  {done} / {total}" if total else text, done / total if total else 0.0


def _draw_ending(layout: UILayout, width: int) -> None:
    """What there is to know about the run, in lines that are always there; its folder and its report."""
    ours = queue.blend == bpy.data.filepath
    text, icon = _said(ours)
    row = layout.row()
    said = row.column()
    said.alert = icon == "ERROR"
    draw_lines(said, text, 3, width - 8, icon)
    column = row.column(align=True)
    ended = ours and not queue.running and bool(queue.status.get("shots"))
    for name, there in (("output", ended), ("report", ended and queue.folder.report.is_file())):
        place = column.row(align=True)
        place.enabled = there
        button = place.operator("wm.path_open", text="", icon="FILE_FOLDER" if name == "output" else "TEXT")
        button.filepath = str(getattr(queue.folder, name)) if there else ""


def _said(ours: bool) -> tuple[str, str]:
    """One sentence or two, and an icon. ours: whether the queue's shots are the open file's."""
    if ours and queue.problem:
        return queue.problem, "ERROR"
    if queue.running:
        whose = "" if ours else f"These are the shots of {Path(queue.blend).name}. "
        return f"{whose}Closing Blender stops the queue; Render Shots then goes on from there.", "INFO"
    if not ours or not queue.status.get("shots"):
        return "", "NONE"
    from emodifftalk.shots.report import status_sentence

    done = queue.status.get("state") == DONE
    return f"{status_sentence(queue.status)}.", "CHECKMARK" if done else "INFO"


class EMODIFFTALK_PT_shot(InTab, Panel):
    """The chosen shot."""

    bl_label = "Shot"
    bl_parent_id = "EMODIFFTALK_PT_shots"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """With a shot."""
        return active_shot(queue_settings(context)) is not None

    def draw(self, context: Context) -> None:
        """What it shows and where it goes; what went wrong with it."""
        layout, width = self.layout, letters(context)
        shot = active_shot(queue_settings(context))
        column = layout.column()
        column.use_property_split, column.use_property_decorate = True, False
        column.prop(shot, "scene", text="Scene")
        camera = shot.scene.camera if shot.scene is not None else None
        column.prop(shot, "camera", text="Camera", placeholder=camera.name if camera is not None else "")
        column.prop(shot, "own_range")
        if shot.own_range:
            pair = column.column(align=True)
            pair.prop(shot, "frame_start")
            pair.prop(shot, "frame_end")
        _draw_takes(column, shot, context)
        column.prop(shot, "format")
        column.prop(shot, "movie")
        if shot.movie:
            column.prop(shot, "codec")
        column.prop(shot, "output", placeholder=f"{_place(queue_settings(context))}/{shot.name}")
        if state := shot_state(shot.name):
            _draw_remarks(layout, state, width)
        _draw_missing(layout, shot, context, width)


def _draw_missing(layout: UILayout, shot: ShotItem, context: Context, width: int) -> None:
    """The heads the shot would lack, before it is rendered without them."""
    missing = left_out_for_panels(shot.scene) if shot.scene is not None else ""
    if missing:
        draw_problem(layout, missing, width)
        if shot.scene == context.scene:
            layout.operator("emodifftalk.put_heads_in", icon="NODE_COMPOSITING")


def _draw_remarks(layout: UILayout, state: dict, width: int) -> None:
    from emodifftalk.shots.report import remarks

    for sentence in remarks(state):
        if sentence == state["problem"]:
            draw_problem(layout, sentence, width)
        else:
            draw_sentence(layout, sentence, icon="INFO", width=width - 4)


def _draw_takes(layout: UILayout, shot: ShotItem, context: Context) -> None:
    for index, entry in enumerate(shot.takes):
        row = layout.row(align=True)
        row.prop(entry, "take", text=entry.head.name if entry.head is not None else "Removed head")
        row.operator("emodifftalk.forget_shot_take", text="", icon="X").index = index
    if heads_without_choice(shot, context.scene):
        row = layout.row(heading="Take" if not len(shot.takes) else "")
        row.operator("emodifftalk.choose_shot_take", text="Choose Take", icon="ADD")


class EMODIFFTALK_PT_shot_output(InTab, Panel):
    """What holds for all shots."""

    bl_label = "Output"
    bl_parent_id = "EMODIFFTALK_PT_shots"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """Where, how many at a time, and older frames."""
        layout, shot_list = self.layout, queue_settings(context)
        layout.use_property_split, layout.use_property_decorate = True, False
        layout.prop(shot_list, "folder", placeholder="//renders")
        layout.prop(shot_list, "jobs")
        layout.prop(shot_list, "patience")
        layout.prop(shot_list, "changed")
        if bpy.data.filepath and output_folder(shot_list).is_dir():
            layout.operator("wm.path_open", text="Open Folder", icon="FILE_FOLDER").filepath = str(
                output_folder(shot_list)
            )


def _place(shot_list: ShotQueueSettings) -> str:
    return Path(shot_list.folder.rstrip("/\\")).name if shot_list.folder else "renders"


_CLASSES = (EMODIFFTALK_UL_shots, EMODIFFTALK_PT_shots, EMODIFFTALK_PT_shot, EMODIFFTALK_PT_shot_output)
