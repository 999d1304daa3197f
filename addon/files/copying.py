"""Copying a file into a folder: under a name that overwrites nothing, and not at all where its content lies already."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import is_plain_file, opened
from emodifftalk.core.whole_file import whole_file

_PIECE = 1 << 20
Go = Callable[[int], bool]
"""Gets the bytes done since it was last called; answers whether to go on."""


class Stopped(Exception):
    """The copy was given up; nothing is left of it."""


def twin(source: Path, folder: Path) -> Path | None:
    """A file of the folder itself that holds the same, of the same name if there is one; None when there is none.

    Raises UserError when the source cannot be read.
    """
    size = _size(source)
    try:
        with os.scandir(folder) as entries:
            alike = [Path(entry.path) for entry in entries if entry.is_file() and entry.stat().st_size == size]
    except OSError:
        return None
    alike.sort(key=lambda path: (path.name != source.name, path.name))
    return next((path for path in alike if not path.name.startswith(".") and _equal(source, path)), None)


def free_name(source: Path, folder: Path) -> Path:
    """A path in the folder where nothing is: the source's name, numbered when it is taken."""
    path, number = folder / source.name, 1
    while os.path.lexists(path):
        number += 1
        path = folder / f"{source.stem}_{number}{source.suffix}"
    return path


def copy(source: Path, path: Path, go: Go = lambda done: True) -> None:
    """Copy a file to where nothing is; its folder is made. Raises UserError, OSError; Stopped when `go` says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened(source, None) as stream, whole_file(path) as target:
        for piece in iter(lambda: stream.read(_PIECE), b""):
            target.write(piece)
            if not go(len(piece)):
                raise Stopped


def link(source: Path, path: Path) -> bool:
    """Give a file a second name where nothing is, which costs neither time nor room; returns whether the disk can.

    What a file of ours holds is never changed in place: a new one takes its name.
    """
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, path)
        return True
    return False


def _size(path: Path) -> int:
    if not is_plain_file(path):
        raise UserError(f"The file {path} cannot be found.")
    return path.stat().st_size


def _equal(one: Path, other: Path) -> bool:
    try:
        if os.path.samefile(one, other):
            return True
        with opened(one, None) as first, opened(other, None) as second:
            while (piece := first.read(_PIECE)) == second.read(_PIECE):
                if not piece:
                    return True
    except (OSError, UserError):
        pass
    return False
