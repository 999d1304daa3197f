"""Render Shots: the list of the open file becomes a JSON list, which the runner renders from the saved .blend."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
from bpy.props import EnumProperty
from bpy.types import Context, Event, Operator

from emodifftalk.core.errors import UserError
from emodifftalk.shots.names import CANCEL, PAUSE, RESUME

from ..blender.operators import Explained
from ..blender.registering import Adds
from ..scene.heads import absolute, arriving
from .process import queue
from .settings import ShotItem, ShotQueueSettings, queue_settings

_SAVE, _AS_SAVED = "SAVE", "AS_SAVED"


def output_folder(shot_list: ShotQueueSettings) -> Path:
    """Where all shots go. The .blend has been saved."""
    return absolute(shot_list.folder or "//renders")


def list_data(shot_list: ShotQueueSettings, blend: Path, as_seen: bool) -> dict:
    """The list as JSON. as_seen: the file on the disk is the open one, so that frame ranges are known."""
    from emodifftalk.shots.shot_list import SCHEMA

    return {
        "schema": SCHEMA,
        "output": str(output_folder(shot_list)),
        "jobs": shot_list.jobs,
        "patience": shot_list.patience,
        "shots": [_shot_data(shot, blend, as_seen) for shot in shot_list.shots],
    }


def _shot_data(shot: ShotItem, blend: Path, as_seen: bool) -> dict:
    data: dict = {"name": shot.name, "blend": str(blend), "enabled": shot.enabled, "format": shot.format}
    data["movie"], data["codec"] = shot.movie, shot.codec
    if shot.scene is not None:
        data["scene"] = shot.scene.name
    if shot.camera is not None:
        data["camera"] = shot.camera.name
    if shot.own_range:
        data["frames"] = [shot.frame_start, shot.frame_end]
    elif as_seen and shot.scene is not None:
        data["frames"] = [shot.scene.frame_start, shot.scene.frame_end]
    data["takes"] = {entry.head.name: entry.take for entry in shot.takes if entry.head is not None and entry.take}
    if shot.output:
        data["output"] = str(absolute(shot.output))
    return data


def start_queue(context: Context, as_seen: bool) -> None:
    """Write the list beside the frames and render it from the saved file, which is `as_seen` when nothing has changed
    since. Raises UserError."""
    from emodifftalk.shots.queue_folder import write_whole
    from emodifftalk.shots.shot_list import load_list

    shot_list, blend = queue_settings(context), Path(bpy.data.filepath)
    if arriving:
        raise UserError("Takes are still being copied beside the file: try again in a moment.")
    if any(shot.scene is not None and shot.scene.library is not None for shot in shot_list.shots):
        raise UserError("A shot's scene belongs to another file: put the shot into that file's list.")
    folder = output_folder(shot_list)
    path = folder / "shots.json"
    write_whole(path, json.dumps(list_data(shot_list, blend, as_seen), indent=1, ensure_ascii=False))
    load_list(path)  # its mistakes are said here and now
    queue.start(path, folder, shot_list.jobs, shot_list.changed)


def why_not(context: Context) -> str:
    """Why Render Shots is greyed out; empty when it is not."""
    if queue.running:
        return "The shots are being rendered already"
    if not any(shot.enabled for shot in queue_settings(context).shots):
        return "Add a shot, and tick it"
    if not bpy.data.filepath:
        return "Save the file first: the shots are rendered from it in the background"
    return ""


class EMODIFFTALK_OT_render_shots(Explained, Operator):
    """Render the ticked shots in background Blenders. Frames that are finished stay; this Blender stays usable"""

    bl_idname = "emodifftalk.render_shots"
    bl_label = "Render Shots"
    bl_options = {"REGISTER"}

    unsaved: EnumProperty(
        name="Unsaved Changes",
        description="The shots are rendered from the file on the disk, which is older than what you see",
        items=(
            (_SAVE, "Save and Render", "Save the file, then render it"),
            (_AS_SAVED, "Render as Last Saved", "Render what is on the disk, without your unsaved changes"),
        ),
        default=_AS_SAVED,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a saved file and shots to render."""
        return why_not(context)

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Ask what to do with unsaved changes."""
        if not bpy.data.is_dirty:
            return self.execute(context)
        self.unsaved = _SAVE
        return set(context.window_manager.invoke_props_dialog(self, width=380, confirm_text="Render Shots"))

    def draw(self, context: Context) -> None:
        """The question."""
        layout = self.layout
        layout.label(text=f"{Path(bpy.data.filepath).name} has unsaved changes.", icon="QUESTION")
        layout.prop(self, "unsaved", expand=True)

    def execute(self, context: Context) -> set[str]:
        """Begin; in background mode wait for the end."""
        try:
            as_seen = not bpy.data.is_dirty
            if not as_seen and self.unsaved == _SAVE:
                bpy.ops.wm.save_mainfile()
                as_seen = True
            start_queue(context, as_seen)
        except (UserError, RuntimeError) as error:
            self.report({"ERROR"}, str(error).strip().removeprefix("Error: "))
            return {"CANCELLED"}
        if bpy.app.background:
            queue.wait()
            if queue.problem:
                self.report({"ERROR"}, queue.problem)
                return {"CANCELLED"}
        return {"FINISHED"}


class _OfQueue(Explained, Operator):
    what = ""
    states: tuple[str, ...] = ()

    @classmethod
    def why_not(cls, context: Context) -> str:
        """While shots are rendered."""
        return "" if queue.running else "No shots are being rendered"

    def execute(self, context: Context) -> set[str]:
        """Ask the runner."""
        try:
            queue.ask(self.what)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class EMODIFFTALK_OT_pause_shots(_OfQueue):
    """Finish the frames that are being rendered, then wait and give the memory back"""

    bl_idname = "emodifftalk.pause_shots"
    bl_label = "Pause"
    what = PAUSE


class EMODIFFTALK_OT_resume_shots(_OfQueue):
    """Go on rendering"""

    bl_idname = "emodifftalk.resume_shots"
    bl_label = "Resume"
    what = RESUME


class EMODIFFTALK_OT_cancel_shots(_OfQueue):
    """Stop at once. Finished frames stay, and Render Shots goes on from there"""

    bl_idname = "emodifftalk.cancel_shots"
    bl_label = "Cancel"
    what = CANCEL


_CLASSES = (
    EMODIFFTALK_OT_render_shots,
    EMODIFFTALK_OT_pause_shots,
    EMODIFFTALK_OT_resume_shots,
    EMODIFFTALK_OT_cancel_shots,
)

ADDS = Adds(classes=_CLASSES)
