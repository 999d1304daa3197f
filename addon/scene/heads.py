"""Which objects are heads, which one the person works on, and where the files of a head lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.types import Context, Object, Scene

from emodifftalk.core.facs import AU_NAMES

from ..blender.state import State
from . import memory
from .preference_values import PACKAGE

AU_PROPERTIES = {au: au.lower() for au in AU_NAMES}
"""Names of the properties that hold action units: au12 for AU12."""

arriving: dict[Path, Path] = memory.keep({})
"""Files that are still being copied to their place, and where they can be read meanwhile. `files.laying` fills it."""


@dataclass
class _Rewriting(State):
    """What is done to paths.

    quiet: they are being rewritten, the files behind them stay.
    folder: from which `//` counts while a file is being saved there, empty at other times.
    """

    quiet: bool = False
    folder: str = ""


rewriting = memory.keep(_Rewriting())


@contextmanager
def paths_rewritten() -> Iterator[None]:
    """Inside, another path is no other file: nothing is looked at anew, no bell rings."""
    rewriting.quiet = True
    try:
        yield
    finally:
        rewriting.quiet = False


def settings(head: Object) -> Any:
    """What EmoDiffTalk keeps on a head's object: a `properties.HeadSettings`.

    Any, like everything that Blender makes of our property groups: their fields are calls, which only Blender, when it
    registers them, turns into attributes that hold values.
    """
    return head.emodifftalk  # type: ignore[attr-defined]  # from `properties.ADDS`


def is_head(obj: Object | None) -> bool:
    """Whether an object carries a Subject."""
    return obj is not None and obj.type == "MESH" and bool(settings(obj).subject_path)


def heads(scene: Scene) -> Iterator[Object]:
    """The heads in a scene."""
    return (obj for obj in scene.objects if is_head(obj))


def is_still(obj: Object | None) -> bool:
    """Whether an object shows Gaussians of another tool's file, which do not move."""
    return obj is not None and obj.type == "MESH" and bool(settings(obj).gaussians_path)


def is_drawn(obj: Object | None) -> bool:
    """Whether an object is drawn as Gaussians: a head, or a still."""
    return is_head(obj) or is_still(obj)


def drawn(scene: Scene) -> Iterator[Object]:
    """Everything in a scene that is drawn as Gaussians."""
    return (obj for obj in scene.objects if is_drawn(obj))


def active_head(context: Context) -> Object | None:
    """The active object when it is a head, else the scene's only head."""
    if is_head(context.active_object):
        return context.active_object
    candidates = list(heads(context.scene))
    return candidates[0] if len(candidates) == 1 else None


def no_head_reason(context: Context) -> str:
    """Why `active_head` is None, for a greyed-out button."""
    if any(True for _ in heads(context.scene)):
        return "Select one of the heads in the scene"
    return "Import a subject first"


def by_session_uid(uid: int) -> Object | None:
    """The object that still has this session uid: names change and undo replaces references."""
    return next((obj for obj in bpy.data.objects if obj.session_uid == uid), None)


def present_head(uid: int) -> Object | None:
    """The head that has this session uid and stands in a scene; None while it is deleted.

    A deleted one may still be among Blender's objects: the prompts that are meant for it hold it.
    """
    head = by_session_uid(uid)
    return head if head is not None and is_head(head) and head.users_scene else None


def absolute(path: str, head: Object | None = None) -> Path:
    """A `//` path as an absolute one, relative to the library the head comes from if it is linked or, overridden here,
    has the path from there still. What is being copied there is read where it is copied from."""
    library = library_of(path, head)
    start = rewriting.folder or None if library is None else None
    place = Path(os.path.normpath(bpy.path.abspath(path, start=start, library=library)))
    return arriving.get(place, place) if arriving else place


def library_of(path: str, head: Object | None) -> bpy.types.Library | None:
    """The library a head's path counts from; None when that is this file."""
    if head is None:
        return None
    override = head.original.override_library
    linked: Any = override.reference if override is not None else None
    if linked is not None:
        theirs = settings(linked)
        if path == theirs.subject_path or any(path == take.path for take in theirs.takes):
            return linked.library
    return head.original.library


def portable(path: str | os.PathLike) -> str:
    """A path relative to the saved .blend when that is possible, absolute otherwise."""
    if bpy.data.filepath:
        try:
            return bpy.path.relpath(os.fspath(path))
        except ValueError:  # another drive on Windows
            pass
    return os.fspath(path)


def user_folder(name: str) -> Path:
    """A folder of the extension's own for files that belong to no saved .blend; created when missing.

    From a checkout (not installed as an extension) it lies in Blender's temporary folder.
    """
    try:
        folder = bpy.utils.extension_path_user(PACKAGE, path=name, create=True)
    except ValueError:
        folder = os.path.join(bpy.app.tempdir, "emodifftalk", name)
        os.makedirs(folder, exist_ok=True)
    return Path(folder)


def takes_folder() -> Path:
    """Where new takes go: `takes` beside the .blend, or the extension's own folder while that is not saved."""
    if bpy.data.filepath:
        return Path(bpy.path.abspath("//takes"))
    return user_folder("takes")


def new_take_path(head: Object, live: bool = False) -> Path:
    """A path for the next take of a head that overwrites nothing; takes that Live makes have names of their own."""
    folder, name = takes_folder(), bpy.path.clean_name(head.name) + ("_live" if live else "")
    number = 1
    while (path := folder / f"{name}_{number:03d}.safetensors").exists():
        number += 1
    return path


def active_take(head: Object) -> Any:
    """The entry of the take that plays, a `properties.HeadTake`; None when there is none."""
    takes, active = settings(head).takes, settings(head).active_take
    return takes[active] if 0 <= active < len(takes) else None
