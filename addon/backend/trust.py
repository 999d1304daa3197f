"""Whether the open file may use the backend by itself, or waits until the animator presses something.

What somebody else's file asks for (words to be read, a take to be made again) is not done because it was opened. As
with Blender's trust of scripts, a press is needed once: any button that uses the backend will do. Files saved on this
computer need none: it remembers them by path, size and time, so that another file in the place of one is another file.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from typing import Any

import bpy

from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import read_json
from emodifftalk.core.whole_file import whole_file

from ..blender.registering import Adds
from ..blender.state import State
from ..scene.heads import user_folder
from ..start_up import ROOT
from . import memory

WAITS = "This file was not saved on this computer. It uses the backend once you press a button that does: Start, say."
_FILE = "saved_here.json"
_MOST = 500
"""Files remembered, the latest."""
_MOST_BYTES = 1 << 20

Mark = tuple[int, int]
"""Size and time of change of a file, by which it is known again."""


@dataclass
class _Trust(State):
    """given: whether the open file may use the backend by itself."""

    given: bool = True


_trust = memory.keep(_Trust())


def is_given() -> bool:
    """Whether the open file may use the backend without a press. In background mode whoever runs the script decides."""
    return bpy.app.background or _trust.given


def give() -> None:
    """The animator has pressed something that uses the backend."""
    _trust.given = True


def was_saved_here(path: str) -> bool:
    """Whether this computer has saved the file that lies there now."""
    mark = _mark(path)
    return mark is not None and _remembered().get(_name(path)) == mark


def _came_with_us(path: str) -> bool:
    """Whether it is a scene that lies in the extension's own folder, beside the code that runs anyway."""
    return _name(path).startswith(os.path.join(_name(str(ROOT / "sample_scenes")), ""))


def remember(path: str) -> None:
    """This computer has saved a file."""
    mark = _mark(path)
    if mark is None:
        return
    files = _remembered()
    files.pop(_name(path), None)
    files[_name(path)] = mark
    latest = dict(list(files.items())[-_MOST:])
    with contextlib.suppress(OSError), whole_file(user_folder("trust") / _FILE) as stream:  # else it is asked again
        stream.write(json.dumps(latest, indent=0).encode())


def _remembered() -> dict[str, Mark]:
    """Marks of files saved here, by path; what is damaged is forgotten."""
    try:
        data = read_json(user_folder("trust") / _FILE, _MOST_BYTES)
    except (UserError, OSError):
        return {}
    entries = data.items() if isinstance(data, dict) else ()
    return {name: (mark[0], mark[1]) for name, mark in entries if _is_mark(mark)}


def _is_mark(mark: Any) -> bool:
    return isinstance(mark, list) and len(mark) == 2 and all(type(number) is int for number in mark)


def _mark(path: str) -> Mark | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def _name(path: str) -> str:
    return os.path.normcase(os.path.abspath(path))


@bpy.app.handlers.persistent
def _on_load(path: Any = "", *_: object) -> None:
    # A recovered file has no path of its own yet: Blender says which file was read.
    opened = path if isinstance(path, str) and path else bpy.data.filepath
    _trust.given = not opened or was_saved_here(opened) or _came_with_us(opened)


@bpy.app.handlers.persistent
def _on_save(path: Any = "", *_: object) -> None:
    # To save a file is not to trust it: only what was trusted before is, from now on.
    saved = path if isinstance(path, str) and path else bpy.data.filepath
    if saved and _trust.given and not bpy.app.background:
        remember(saved)


ADDS = Adds(handlers=(("load_post", _on_load), ("save_post", _on_save)))
