"""Paths that stay right: when the .blend is saved elsewhere, and when a head is appended from another one.

Blender does both for its own paths; those that add-ons keep it leaves alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy
from bpy.types import Object

from ..blender.registering import Adds
from ..scene.heads import is_head, settings
from . import head_files, memory

_before: list[tuple[object, str, str]] = memory.keep([])
"""What the paths were before the save in progress: owner, attribute, path."""


def follow_to(target: str) -> None:
    """Let every relative path hold from the folder of `target`, a .blend about to be saved.

    In a file saved for the first time absolute ones become relative, if Blender's preferences say so.
    """
    first = not bpy.data.filepath
    relative = bpy.context.preferences.filepaths.use_relative_paths
    for file in head_files.head_files():
        path = getattr(file.owner, file.attribute)
        if file.kind == "voice" or not (path.startswith("//") or (first and relative)):
            continue
        _before.append((file.owner, file.attribute, path))
        file.refer_to(relative_to(file.path, target))


def relative_to(path: Path, blend: str) -> str:
    """A path as a .blend refers to it: relative to its folder when that is possible."""
    try:
        return bpy.path.relpath(os.fspath(path), start=os.path.dirname(os.path.abspath(blend)))
    except ValueError:  # another drive on Windows
        return os.fspath(path)


@bpy.app.handlers.persistent
def _on_save_pre(target: str = "", *_: object) -> None:
    _before.clear()
    head_files.remember_files()
    if target and os.path.abspath(target) != os.path.abspath(bpy.data.filepath or os.curdir):
        follow_to(target)


@bpy.app.handlers.persistent
def _on_save_post(target: str = "", *_: object) -> None:
    # A copy was saved: what is being worked on stays where it was.
    if _before and os.path.abspath(bpy.data.filepath or os.curdir) != os.path.abspath(target):
        for owner, attribute, path in _before:
            setattr(owner, attribute, path)
    _before.clear()


@bpy.app.handlers.persistent
def _on_append(context: Any) -> None:
    if "LINK" in context.options:
        return
    for item in context.import_items:
        obj, source = item.id, item.source_library
        if isinstance(obj, Object) and is_head(obj) and obj.library is None and source is not None:
            _adopt(obj, source.filepath)


def _adopt(head: Object, source: str) -> None:
    """Let an appended head's paths, which count from the .blend `source`, count from this one."""
    folder = os.path.dirname(bpy.path.abspath(source))
    head_settings = settings(head)
    for owner, attribute in ((head_settings, "subject_path"), *((take, "path") for take in head_settings.takes)):
        path = getattr(owner, attribute)
        whole = Path(os.path.normpath(bpy.path.abspath(path, start=folder)))
        if bpy.data.filepath:
            setattr(owner, attribute, relative_to(whole, bpy.data.filepath))
        else:
            setattr(owner, attribute, os.fspath(whole))


_HANDLERS = (("save_pre", _on_save_pre), ("save_post", _on_save_post), ("blend_import_post", _on_append))

ADDS = Adds(handlers=_HANDLERS)
