"""Collect Files: subjects, takes and voices are copied beside the .blend, and every path becomes relative to it.

The copying is done in a thread, while Blender stays usable; only when all of it is there do paths change, in one step.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.props import BoolProperty
from bpy.types import Context, Event, Menu, Operator, UILayout

from ..blender.guarding import start_timer
from ..blender.operators import Explained
from ..blender.redraw import SIDE_BARS, redraw
from ..blender.registering import Adds
from ..blender.state import State
from ..playback import gaussians
from ..scene.heads import is_drawn, paths_rewritten
from ..scene.panel_parts import draw_problem, draw_sentence
from . import head_files, laying, memory, missing, paths
from .collection import Collection, megabytes, size_of

_TICK = 0.1
_NAMED = 3


@dataclass
class _Collecting(State):
    """now: the collection in hand. said: how the last one ended, sentences. worry: whether something is amiss."""

    now: Collection | None = None
    said: tuple[str, ...] = ()
    worry: bool = False


_state = memory.keep(_Collecting())


def collecting() -> Collection | None:
    """The collection in hand; None when there is none."""
    return _state.now


def planned(blend: str) -> dict[Path, str]:
    """Files that lie elsewhere than beside a .blend, or below its folder, and their kinds; missing ones left out."""
    folder = Path(blend).parent
    return {file.path: file.kind for file in head_files.head_files() if not _is_below(file.path, folder)}


def _is_below(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder)


def land(done: Collection) -> bool:
    """Refer to what was collected and say so; returns whether anything was. Nothing is changed after a cancel."""
    if done.stopped:
        _say(["Cancelled: nothing was changed."])
        return False
    folder = Path(done.blend).parent
    for file in list(head_files.head_files()):
        place = done.places.get(file.path)
        if place is None and not _is_below(file.path, folder):
            continue
        path = paths.relative_to(place or file.path, done.blend)
        if path != getattr(file.owner, file.attribute):
            with paths_rewritten():
                file.refer_to(path)
    head_files.remember_files()
    lost = missing.look_now()
    gaussians.forget()
    for scene in bpy.data.scenes:
        gaussians.refresh(scene)
    _say(_report(done, lost), bool(done.problems or lost))
    return True


def _report(done: Collection, lost: tuple[missing.Lost, ...]) -> list[str]:
    """What was done and what could not be, a sentence each."""
    counted = Counter(done.files[source] for source in done.places)
    named = ", ".join(f"{number} {_plural(kind, number)}" for kind, number in sorted(counted.items()))
    new = sum(map(size_of, done.made))
    said = [f"Collected {named} ({megabytes(new)} copied)." if named else "Everything lies beside the file already."]
    said += [f"{problem}." for problem in done.problems]
    if lost:
        names = ", ".join(f"{one.kind} {one.name}" for one in lost[:_NAMED])
        said.append(f"Still missing: {names}{' …' if len(lost) > _NAMED else ''}.")
    packed = sum(sound.packed_file is not None for sound in head_files.spoken()[0])
    if packed:
        said.append(f"{packed} {_plural('voice', packed)} packed into the file: nothing to copy.")
    libraries = sorted({Path(obj.library.filepath).name for obj in bpy.data.objects if is_drawn(obj) and obj.library})
    if libraries:
        said.append(f"Heads linked from {', '.join(libraries)} are collected there.")
    return said


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"


def _say(said: list[str], worry: bool = False) -> None:
    _state.said, _state.worry = tuple(said), worry
    redraw(SIDE_BARS)


def start(save: bool) -> Collection:
    """Begin to collect the files of the open .blend."""
    laying.settle()
    lost = {file.path for file in head_files.missing_files()}
    files = {path: kind for path, kind in planned(bpy.data.filepath).items() if path not in lost}
    _state.now, _state.said = Collection(bpy.data.filepath, files, save), ()
    return _state.now


def _end(operator: Operator) -> set[str]:
    """Take over what was collected, and have an operator say what came of it; returns what that returns."""
    done, _state.now = _state.now, None
    changed = done is not None and done.blend == bpy.data.filepath and land(done)
    for sentence in _state.said:
        operator.report({"WARNING" if _state.worry else "INFO"}, sentence)
    return {"FINISHED"} if changed else {"CANCELLED"}


def _save() -> None:
    """Save the file; why it cannot be is said where the rest is."""
    try:
        bpy.ops.wm.save_mainfile()
    except RuntimeError as error:
        _say([*_state.said, str(error).strip().removeprefix("Error: ")], worry=True)


class EMODIFFTALK_OT_collect_files(Explained, Operator):
    """Copy the subjects, takes and voices of all heads beside this file and refer to them by relative paths"""

    bl_idname = "emodifftalk.collect_files"
    bl_label = "Collect Files"
    bl_options = {"REGISTER"}

    save: BoolProperty(
        name="Save File Afterwards",
        description="Save this file, with all its changes, when the files are there: until then the file on the disk "
        "refers to where they were",
        default=True,
    )

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a saved file that has heads, while nothing is collected."""
        if collecting() is not None:
            return "Files are being collected already: wait or cancel"
        if not bpy.data.filepath:
            return "Save the file first: its files are collected beside it"
        return "" if any(is_drawn(obj) for obj in bpy.data.objects) else "There is no head in this file"

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Say how much it is, and ask."""
        return set(context.window_manager.invoke_props_dialog(self, width=380, confirm_text="Collect Files"))

    def draw(self, context: Context) -> None:
        """How much is copied where."""
        files = planned(bpy.data.filepath)
        size = megabytes(sum(map(size_of, files)))
        text = f"{len(files)} {_plural('file', len(files))}, {size}, to be copied" if files else "Nothing to copy"
        self.layout.label(text=f"{text} beside {Path(bpy.data.filepath).name}.", icon="FILE_FOLDER")
        self.layout.prop(self, "save")

    def execute(self, context: Context) -> set[str]:
        """Begin; in background mode wait for the end."""
        now = start(self.save)
        if not bpy.app.background:
            now.thread = threading.Thread(target=now.work, name="EmoDiffTalk collecting", daemon=False)
            now.thread.start()
            start_timer(_tick, _TICK)
            redraw(SIDE_BARS)
            return {"FINISHED"}
        now.work()
        answer = _end(self)
        if answer == {"FINISHED"} and self.save:
            _save()
        return answer


class EMODIFFTALK_OT_end_collecting(Operator):
    """Refer to the files that were collected"""

    bl_idname = "emodifftalk.end_collecting"
    bl_label = "Collect Files"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def execute(self, context: Context) -> set[str]:
        """Change the paths in one step, and say what came of it."""
        return _end(self)


class EMODIFFTALK_OT_cancel_collecting(Explained, Operator):
    """Stop collecting; what was copied is deleted again and nothing is changed"""

    bl_idname = "emodifftalk.cancel_collecting"
    bl_label = "Cancel"

    @classmethod
    def why_not(cls, context: Context) -> str:
        """While files are collected."""
        return "" if collecting() is not None else "No files are being collected"

    def execute(self, context: Context) -> set[str]:
        """Ask the thread to let go."""
        now = collecting()
        now.stopped, now.text = True, "Cancelling"
        return {"FINISHED"}


def _tick() -> float | None:
    now = _state.now
    if now is None:
        return None
    _show_status(f"EmoDiffTalk: {now.text} {now.fraction:.0%}" if now.running else None)
    redraw(SIDE_BARS)
    if now.running:
        return _TICK
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        answer = bpy.ops.emodifftalk.end_collecting("EXEC_DEFAULT", True)  # type: ignore[attr-defined]  # undo: one step
        if answer == {"FINISHED"} and now.save:  # after that step, or the file would count as changed again
            _save()
        if not now.stopped:
            bpy.context.window_manager.popup_menu(_draw_ending, title="Collect Files", icon="FILE_FOLDER")
    return None


def _draw_ending(self: Menu, context: Context) -> None:
    """What came of it, for those who began it in the File menu and do not see our tab."""
    for sentence in _state.said:
        self.layout.label(text=sentence, icon="ERROR" if _state.worry else "CHECKMARK")


def _show_status(text: str | None) -> None:
    for workspace in bpy.data.workspaces:
        workspace.status_text_set(text)


def draw_collecting(layout: UILayout, width: int) -> None:
    """The button, or how far it is, and how the last collection ended."""
    now = collecting()
    if now is not None:
        row = layout.row(align=True)
        row.progress(text=f"{now.text}  {now.fraction:.0%}", factor=now.fraction)
        row.operator("emodifftalk.cancel_collecting", text="", icon="CANCEL")
        return
    layout.operator("emodifftalk.collect_files", text="Collect Files…", icon="FILE_FOLDER")
    for sentence in _state.said:
        if _state.worry:
            draw_problem(layout, sentence, width)
        else:
            draw_sentence(layout, sentence, "CHECKMARK", width - 4)


def _entry(self: Menu, context: Context) -> None:
    self.layout.separator()
    self.layout.operator("emodifftalk.collect_files", text="Collect EmoDiffTalk Files…")


@bpy.app.handlers.persistent
def _leave(*_: object) -> None:
    """Another file is opened, or Blender ends: give up what is being copied."""
    now = _state.now
    if now is not None:
        now.stopped = True
        if now.thread is not None:
            now.thread.join()
    _state.clear()


_CLASSES = (EMODIFFTALK_OT_collect_files, EMODIFFTALK_OT_end_collecting, EMODIFFTALK_OT_cancel_collecting)

ADDS = Adds(
    classes=_CLASSES,
    menus=(("TOPBAR_MT_file_external_data", _entry),),
    handlers=(("load_pre", _leave),),
    timers=(_tick,),
    end=_leave,
    at_exit=_leave,
)
