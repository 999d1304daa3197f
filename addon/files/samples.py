"""Open Sample Scene: a copy of a scene that comes with the extension, with its voices, takes and heads beside it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.props import EnumProperty
from bpy.types import Context, Event, Operator

from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import read_bytes
from emodifftalk.core.whole_file import whole_file

from ..backend import trust
from ..blender import side_bar
from ..blender.guarding import start_timer
from ..blender.operators import Explained
from ..blender.registering import Adds
from ..blender.state import State
from ..scene.heads import user_folder
from ..scene.panel_parts import TAB
from ..start_up import ROOT
from . import memory

SHIPPED = ROOT / "sample_scenes"
SCENES = (
    ("hello", "One Line", "Nora says one line with three feelings"),
    ("two_talking", "Two Talking", "Nora and Kofi in conversation, each with a voice, feelings and a gaze"),
    ("in_a_room", "In a Room", "Kofi behind a table in a room that Cycles renders"),
)
_BESIDE = ("*.wav", "lines/*.wav", "takes/*.safetensors", "subjects/*.safetensors")
_MOST_BYTES = 64 << 20


@dataclass
class _Opening(State):
    """path: of the sample that Blender was asked to open, and may still ask about; empty when it is there."""

    path: str = ""


_opening = memory.keep(_Opening())


def copy_sample(name: str, folder: Path) -> Path:
    """Copy a sample scene and what it refers to into a folder; files that are there stay. Returns the .blend, under a
    name that overwrites nobody's work. Raises OSError."""
    for pattern in _BESIDE:
        for source in SHIPPED.glob(pattern):
            target = folder / source.relative_to(SHIPPED)
            if not target.exists() or target.stat().st_size != source.stat().st_size:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
    shipped = read_bytes(SHIPPED / f"{name}.blend", _MOST_BYTES)
    number, path = 1, folder / f"{name}.blend"
    while path.exists() and not _is_same(path, shipped):  # somebody has saved changes there
        number += 1
        path = folder / f"{name}_{number}.blend"
    with whole_file(path) as stream:
        stream.write(shipped)
    return path


def _is_same(path: Path, shipped: bytes) -> bool:
    try:
        return read_bytes(path, len(shipped)) == shipped
    except UserError:
        return False


class EMODIFFTALK_OT_open_sample(Explained, Operator):
    """Open a copy of a sample scene. It plays, scrubs and renders without a backend"""

    bl_idname = "emodifftalk.open_sample"
    bl_label = "Open Sample Scene"

    scene: EnumProperty(name="Scene", description="Which of the sample scenes", items=SCENES)

    @classmethod
    def why_not(cls, context: Context) -> str:
        """Where the samples are."""
        there = (SHIPPED / "hello.blend").is_file()
        return "" if there else "The sample scenes are missing: install the extension's .zip again"

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Open it; Blender asks about unsaved changes."""
        return self._open("INVOKE_DEFAULT")

    def execute(self, context: Context) -> set[str]:
        """Open it at once."""
        return self._open("EXEC_DEFAULT")

    def _open(self, how: str) -> set[str]:
        try:
            path = copy_sample(self.scene, user_folder("samples"))
        except (OSError, UserError) as error:
            self.report({"ERROR"}, f"The sample scene cannot be copied: {getattr(error, 'strerror', '') or error}.")
            return {"CANCELLED"}
        trust.remember(str(path))  # it is ours
        _opening.path = str(path)
        bpy.ops.wm.open_mainfile(how, filepath=str(path), display_file_selector=False)
        start_timer(_frame_strips, 0.5)
        return {"FINISHED"}


def _frame_strips() -> None:
    """Show all strips in the sequencers of the scene that was opened."""
    for window in bpy.context.window_manager.windows if _is_sample() else ():
        for area in window.screen.areas:
            region = next((region for region in area.regions if region.type == "WINDOW"), None)
            if area.type == "SEQUENCE_EDITOR" and region is not None:
                with bpy.context.temp_override(window=window, area=area, region=region):
                    bpy.ops.sequencer.view_all()


def _is_sample() -> bool:
    """Whether the open file is a copy of a sample scene."""
    return Path(bpy.data.filepath).parent.name == "samples"


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    """A sample shows our tab, and keeps its lips with its voice, however slow the drawing is."""
    # It brings a window of its own, whose side bar shows another tab than the one it was opened from.
    if _is_sample():
        side_bar.open_tab(TAB)
    if _opening.path and bpy.data.filepath == _opening.path:
        for scene in bpy.data.scenes:
            scene.sync_mode = "AUDIO_SYNC"
    _opening.path = ""


def _menu(self, context: Context) -> None:
    self.layout.separator()
    self.layout.operator_menu_enum(EMODIFFTALK_OT_open_sample.bl_idname, "scene", text="EmoDiffTalk Sample")


ADDS = Adds(
    classes=(EMODIFFTALK_OT_open_sample,),
    menus=(("TOPBAR_MT_file_new", _menu),),
    handlers=(("load_post", _on_load),),
    timers=(_frame_strips,),
)
