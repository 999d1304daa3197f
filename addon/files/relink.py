"""Find Missing Files: subjects, takes and voices that have moved are looked for in a folder, by name and content."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Event, Operator

from emodifftalk.core.errors import UserError

from ..blender.operators import Explained
from ..blender.registering import Adds
from ..playback import gaussians
from ..scene.heads import portable
from . import head_files, kinds

_SUFFIX = ".safetensors"
_NAMED = 2
"""Missing files that the sentence names."""


def missing_line() -> str:
    """How much is missing and what, one sentence without its full stop; empty when all is there."""
    lost = [f"{file.kind} {file.path.name}" for file in head_files.missing_files()]
    if len(lost) < 2:
        return f"The {lost[0]} is missing" if lost else ""
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    return f"{len(lost)} files are missing: {', '.join(lost[:_NAMED])}{more}"


def find_missing(folder: Path) -> tuple[list[head_files.HeadFile], list[head_files.HeadFile]]:
    """Look for every missing file in a folder and all below it and refer to it where it lies now.

    A file of the same name counts when it is of the right kind and, if the content is known, the very same; one of
    another name only when its content is. Returns the files that are there again and those still missing.
    """
    places = _places(folder)
    mended, missing = [], []
    for file in head_files.missing_files():
        place = _place_of(file, places)
        if place is None:
            missing.append(file)
        else:
            file.refer_to(portable(place))
            mended.append(file)
    gaussians.forget()
    for scene in bpy.data.scenes:
        gaussians.refresh(scene)
    return mended, missing


def _places(folder: Path) -> dict[str, list[Path]]:
    """All files below a folder by name."""
    places: dict[str, list[Path]] = defaultdict(list)
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            places[name].append(Path(root) / name)
    return places


def _place_of(file: head_files.HeadFile, places: dict[str, list[Path]]) -> Path | None:
    named = places.get(file.path.name, [])
    if file.kind == "voice":
        return named[0] if named else None
    if not file.known_by:
        return next((path for path in named if _is(path, file.kind)), None)
    others = (path for name, paths in places.items() if name.endswith(_SUFFIX) for path in paths)
    return next((path for path in (*named, *others) if head_files.same_content(path, file.known_by)), None)


def _is(path: Path, kind: str) -> bool:
    try:
        return kinds.kind_of(path) == kind
    except UserError:
        return False


class EMODIFFTALK_OT_find_missing(Explained, Operator):
    """Look for missing subjects, takes and voices in a folder and all folders in it, by name and by content"""

    bl_idname = "emodifftalk.find_missing"
    bl_label = "Find Missing Files…"
    bl_options = {"REGISTER", "UNDO"}

    directory: StringProperty(
        name="Folder", description="The folder to search", subtype="DIR_PATH", options={"SKIP_SAVE"}
    )
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    @classmethod
    def why_not(cls, context: Context) -> str:
        """When something is missing."""
        return "" if head_files.missing_files() else "No file is missing"

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Choose a folder."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Context) -> set[str]:
        """Search, and say what came of it."""
        folder = Path(bpy.path.abspath(self.directory))
        if not self.directory or not folder.is_dir():
            self.report({"ERROR"}, f"There is no folder {folder}: choose one to search.")
            return {"CANCELLED"}
        mended, missing = find_missing(folder)
        for file in missing:
            self.report({"WARNING"}, f"The {file.kind} {file.path.name} is not in {folder.name}")
        self.report({"INFO"}, f"{len(mended)} found, {len(missing)} still missing")
        return {"FINISHED"} if mended else {"CANCELLED"}


ADDS = Adds(classes=(EMODIFFTALK_OT_find_missing,))
