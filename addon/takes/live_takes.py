"""The files of the takes that Live makes: each has a name of its own, and those that nobody needs go.

A file stays as long as a head lists it, or a .blend was saved or opened that does: a render in the background, a shot
queue or an older version of the file may be reading it. The last few stay as well, so that undo finds them.
"""

from __future__ import annotations

from pathlib import Path

import bpy

from ..blender.registering import Adds
from ..scene.heads import absolute, is_head, settings
from . import memory

_UNDONE = 3
"""Files that undo may still ask for."""
_files: list[Path] = memory.keep([])
"""Those made in this session, the oldest first."""
_made_from: dict[Path, str] = memory.keep({})
"""Fingerprints of what they were made from."""
_saved: set[Path] = memory.keep(set())
"""Takes that a .blend on the disk lists."""


def at_hand(asked: str) -> Path | None:
    """A file that Live has made of what is asked for (a fingerprint), still there."""
    return next((path for path, made_from in _made_from.items() if made_from == asked and path.is_file()), None)


def begun(path: Path) -> None:
    """Remember a file that Live is about to make."""
    if path in _files:  # given up before it was there
        _files.remove(path)
    _files.append(path)
    _made_from.pop(path, None)


def finished(path: Path, made_from: str) -> None:
    """It is there, and was made from what a fingerprint stands for: delete those that nobody needs any more."""
    _made_from[path] = made_from
    sweep()


def sweep(undone: int | None = None) -> None:
    """Delete the files that nobody needs any more, but for the last `undone`."""
    undone = _UNDONE if undone is None else undone
    needed = _listed() | _saved
    spare = [path for path in _files if path not in needed]
    for path in spare[: max(len(spare) - undone, 0)]:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            continue  # somebody has it open: the next time
        _files.remove(path)


def _listed() -> set[Path]:
    return {absolute(entry.path, head) for head in bpy.data.objects if is_head(head) for entry in settings(head).takes}


@bpy.app.handlers.persistent
def _on_disk(*_: object) -> None:
    _saved.update(_listed())


@bpy.app.handlers.persistent
def _leave(*_: object) -> None:
    sweep(0)
    _files.clear()
    _made_from.clear()


ADDS = Adds(
    handlers=(("save_post", _on_disk), ("load_post", _on_disk), ("load_pre", _leave)),
    end=_leave,
)
