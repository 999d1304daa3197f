"""Paths that stay right: when the .blend is saved elsewhere, and when a head is appended from another one.

Blender does both for its own paths; those that add-ons keep it leaves alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
from bpy.types import Object

from ..blender.registering import Adds
from ..blender.state import State
from ..scene.content import content, content_now
from ..scene.heads import is_drawn, paths_rewritten, rewriting, settings
from . import head_files, laying, memory


@dataclass
class _Saving(State):
    """Paths while a file is being saved, and after it was.

    before: what they were before the save in progress: owner, attribute, path.
    leaving: the folder from which they counted before it; empty for a file without one.
    folders: from which they counted earlier in this session, the latest last.
    """

    before: list[tuple[object, str, str]] = field(default_factory=list)
    leaving: str = ""
    folders: list[str] = field(default_factory=list)


_saving = memory.keep(_Saving())


def follow_to(target: str) -> None:
    """Let every path hold from the folder of `target`, a .blend about to be saved, and takes lie beside it.

    In a file saved for the first time absolute ones become relative, if Blender's preferences say so.
    """
    first = not bpy.data.filepath
    relative = bpy.context.preferences.filepaths.use_relative_paths
    elsewhere = not _is_open(target)
    laying.begin()
    for file in list(head_files.head_files()):
        if not file.ours:
            continue
        path = getattr(file.owner, file.attribute)
        place = laying.laid_beside(file, target)
        if place is None and not (elsewhere and (path.startswith("//") or (first and relative))):
            continue
        _saving.before.append((file.owner, file.attribute, path))
        with paths_rewritten():
            file.refer_to(relative_to(place or file.path, target))
    # Until it is saved Blender takes `//` for the old folder, and draws a picture of the file meanwhile.
    rewriting.folder = os.path.dirname(os.path.abspath(target))


def relative_to(path: Path, blend: str) -> str:
    """A path as a .blend refers to it: relative to its folder when that is possible."""
    try:
        return bpy.path.relpath(os.fspath(path), start=os.path.dirname(os.path.abspath(blend)))
    except ValueError:  # another drive on Windows
        return os.fspath(path)


def _is_open(target: str) -> bool:
    """Whether a .blend is the file that is open."""
    return os.path.abspath(bpy.data.filepath or os.curdir) == os.path.abspath(target)


def _is_start_up(target: str) -> bool:
    """Whether what is saved is what new files begin with: a file without a place of its own."""
    return Path(target).parent == Path(bpy.utils.user_resource("CONFIG"))


@bpy.app.handlers.persistent
def _on_save_pre(target: str = "", *_: object) -> None:
    _saving.before.clear()
    head_files.remember_files()
    if target and not _is_start_up(target):
        _saving.leaving = os.path.dirname(os.path.abspath(bpy.data.filepath)) if bpy.data.filepath else ""
        follow_to(os.path.abspath(target))


@bpy.app.handlers.persistent
def _on_save_post(target: str = "", *_: object) -> None:
    rewriting.folder = ""
    if not _is_open(target):  # a copy was saved: what is being worked on stays where it was
        _restore()
    elif _saving.leaving and _saving.leaving != os.path.dirname(os.path.abspath(target)):
        _saving.folders.append(_saving.leaving)
    _saving.before.clear()
    laying.saved()


@bpy.app.handlers.persistent
def _on_save_failed(target: str = "", *_: object) -> None:
    _restore()


def _restore() -> None:
    """What was being saved was no step of this file's: its paths are as before."""
    rewriting.folder = ""
    with paths_rewritten():
        for owner, attribute, path in _saving.before:
            setattr(owner, attribute, path)
    _saving.before.clear()


@bpy.app.handlers.persistent
def _on_undo(*_: object) -> None:
    """What undo brings back may be of a time when the file lay elsewhere: its paths counted from there."""
    if not _saving.folders or not bpy.data.filepath:
        return
    for file in list(head_files.head_files()):
        path = getattr(file.owner, file.attribute)
        if not path.startswith("//") or _is_it(file.path, file.known_by):
            continue
        for folder in reversed(_saving.folders):
            place = Path(os.path.normpath(bpy.path.abspath(path, start=folder)))
            place = laying.now_at(place)
            if _is_it(place, file.known_by):
                file.refer_to(relative_to(place, bpy.data.filepath))
                break


def _is_it(path: Path, known_by: str) -> bool:
    """Whether a file is there, and the one that is meant as far as that is known."""
    return path.is_file() and (not known_by or content_now(path, known_by) == content(known_by))


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    _saving.clear()


@bpy.app.handlers.persistent
def _on_append(context: Any) -> None:
    if "LINK" in context.options:
        return
    for item in context.import_items:
        obj, source = item.id, item.source_library
        if isinstance(obj, Object) and is_drawn(obj) and obj.library is None and source is not None:
            _adopt(obj, source.filepath)


def _adopt(head: Object, source: str) -> None:
    """Let an appended head's paths, which count from the .blend `source`, count from this one."""
    folder = os.path.dirname(bpy.path.abspath(source))
    head_settings = settings(head)
    own = ((head_settings, name) for name in ("subject_path", "gaussians_path") if getattr(head_settings, name))
    for owner, attribute in (*own, *((take, "path") for take in head_settings.takes)):
        path = getattr(owner, attribute)
        whole = Path(os.path.normpath(bpy.path.abspath(path, start=folder)))
        if bpy.data.filepath:
            setattr(owner, attribute, relative_to(whole, bpy.data.filepath))
        else:
            setattr(owner, attribute, os.fspath(whole))


_HANDLERS = (
    ("save_pre", _on_save_pre),
    ("save_post", _on_save_post),
    ("save_post_fail", _on_save_failed),
    ("blend_import_post", _on_append),
    ("undo_post", _on_undo),
    ("redo_post", _on_undo),
    ("load_post", _on_load),
)

ADDS = Adds(handlers=_HANDLERS)
