"""Find Missing Files: subjects, takes and voices that have moved are looked for in a folder, by name and content."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Event, Operator

from emodifftalk.core.errors import UserError

from ..blender.operators import Explained
from ..blender.registering import Adds
from ..playback import gaussians
from ..scene.content import content, same_content
from ..scene.heads import portable, user_folder
from . import head_files, kinds, missing


class Places:
    """Where files lie: in folders and all below them, by name, and by ending and size when somebody asks."""

    def __init__(self, *folders: Path) -> None:
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_size: dict[str, dict[int, list[Path]]] = {}
        for top in folders:
            for root, below, names in os.walk(top):
                below[:] = sorted(name for name in below if not name.startswith("."))
                for name in sorted(names):
                    self._by_name[name].append(Path(root) / name)

    def named(self, name: str) -> list[Path]:
        """Files of that name."""
        return self._by_name.get(name, [])

    def like(self, path: Path, size: int) -> list[Path]:
        """Files of so many bytes with a path's ending, whatever they are called."""
        ending = path.suffix.lower()
        if ending not in self._by_size:
            sizes = self._by_size[ending] = defaultdict(list)
            for name, paths in self._by_name.items():
                for place in paths if name.lower().endswith(ending) else ():
                    for length in _size(place):
                        sizes[length].append(place)
        return self._by_size[ending].get(size, [])


def _size(path: Path) -> Iterator[int]:
    try:
        yield path.stat().st_size
    except OSError:
        return


def find_missing(folder: Path) -> tuple[list[head_files.HeadFile], list[head_files.HeadFile]]:
    """Look for every missing file in a folder and all below it and refer to it where it lies now.

    A file counts, whatever it is called, when its content is what it was. Where that is not known, and for a voice that
    was recorded anew, one of the same name and kind counts. Takes are also looked for among those that were made before
    their file was saved. Returns the files that are there again and those still missing.
    """
    places, unsaved = Places(folder), Places(user_folder("takes"))
    mended, lost = [], []
    for file in head_files.missing_files():
        place = _place_of(file, places)
        if place is None and file.kind == "take" and file.known_by:
            place = _place_of(file, unsaved)
        if place is None:
            lost.append(file)
        else:
            file.refer_to(portable(place))
            mended.append(file)
    head_files.remember_files()
    missing.look_now()
    gaussians.forget()
    for scene in bpy.data.scenes:
        gaussians.refresh(scene)
    return mended, lost


def _place_of(file: head_files.HeadFile, places: Places) -> Path | None:
    known, named = content(file.known_by), places.named(file.path.name)
    if known:
        alike = places.like(file.path, int(known.split()[0]))
        for path in (*(path for path in named if path in alike), *alike):
            if same_content(path, file.known_by):
                return path
        if file.kind != "voice":
            return None
    return next((path for path in named if _is(path, file.kind)), None)


def _is(path: Path, kind: str) -> bool:
    if kind not in (kinds.SUBJECT, kinds.TAKE):
        return path.is_file()
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
        return "" if missing.lost_files() else "No file is missing"

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
        mended, lost = find_missing(folder)
        for file in lost:
            self.report({"WARNING"}, f"The {file.kind} {file.path.name} is not in {folder.name}")
        self.report({"INFO"}, f"{len(mended)} found, {len(lost)} still missing")
        return {"FINISHED"} if mended else {"CANCELLED"}


ADDS = Adds(classes=(EMODIFFTALK_OT_find_missing,))
