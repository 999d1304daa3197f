"""The one door through which files come in: only plain files, never more of one than its kind may hold.

Readers say what a file is called and how large it may be; nothing else in the program opens a file that somebody chose.
Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

from .errors import UserError

MOST_TEXT = 64 << 20
"""Bytes of a text file, where a reader says nothing else: an hour of face curves is half of that."""
DEEPEST = 32
"""Levels of JSON; ours has eight."""
_BINARY = getattr(os, "O_BINARY", 0)
# Nothing waits for a pipe's other end, and no child inherits the file.
_HOW = os.O_RDONLY | _BINARY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


@contextmanager
def opened(path: str | os.PathLike[str], most: int | None, what: str = "The file") -> Iterator[BinaryIO]:
    """A binary stream of a plain file, from its beginning.

    most: bytes it may have; None for files that are never read whole, only in pieces whose sizes are checked.
    what: begins the sentences, “The shot list”.

    Raises UserError when it is missing, a device, pipe or folder, larger, or cannot be read; also when reading it
    inside the block fails.
    """
    with _sentences(path, what), os.fdopen(_opened(Path(path), most, what), "rb") as stream:
        yield stream


def read_bytes(path: str | os.PathLike[str], most: int, what: str = "The file") -> bytes:
    """All of a plain file of at most `most` bytes. Raises UserError."""
    with opened(path, most, what) as stream:
        data = stream.read(most + 1)
    if len(data) > most:  # it has grown meanwhile
        raise _too_large(Path(path), most, what)
    return data


def read_text(path: str | os.PathLike[str], most: int = MOST_TEXT, what: str = "The file") -> str:
    """Text of a plain file, UTF-8 with or without a byte order mark; bytes that are none become U+FFFD. Raises
    UserError."""
    return read_bytes(path, most, what).decode("utf-8-sig", errors="replace")


def read_json(path: str | os.PathLike[str], most: int = MOST_TEXT, what: str = "The file") -> Any:
    """What a plain file of JSON holds. Raises UserError, also when it is no JSON or deeper than DEEPEST."""
    try:
        return parse_json(read_bytes(path, most, what), most)
    except ValueError as error:
        raise UserError(f"{what} {path} is no JSON we can read: {error}.") from error


def parse_json(text: str | bytes, most: int = MOST_TEXT) -> Any:
    """What JSON text holds. Raises ValueError, one phrase, whatever is wrong: it is no JSON, too long, too deep.

    Numbers are as Python reads them: a reader asks for their range itself, NaN and infinities included.
    """
    if len(text) > most:
        raise ValueError(f"it is longer than {most} bytes")
    try:
        data = json.loads(text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    level: list[Any] = [data]
    for _ in range(DEEPEST + 1):
        # One level further in: what of this level's lists and objects is a list or an object itself.
        level = [inner for outer in level for inner in _inside(outer) if type(inner) in (list, dict)]
        if not level:
            return data
    raise ValueError("it is nested too deeply")


def resolve_inside(folder: str | os.PathLike[str], name: str) -> Path:
    """The path `name`, given by a file, inside the `folder` of that file. Raises UserError when it is absolute, climbs
    out of the folder, or a link on the way leads out."""
    refused = UserError(f"“{str(name)[:200]}” points outside the folder of its file, which is not allowed.")
    if not isinstance(name, str) or "\0" in name:
        raise refused
    pure = PurePosixPath(name.replace("\\", "/"))
    if pure.is_absolute() or PureWindowsPath(name).drive or ".." in pure.parts or not pure.parts:
        raise refused
    path = Path(folder) / pure
    try:
        inside = path.resolve().is_relative_to(Path(folder).resolve())
    except (OSError, RuntimeError, ValueError) as error:  # a circle of links, a name the system does not take
        raise refused from error
    if not inside:
        raise refused
    return path


def is_plain_file(path: str | os.PathLike[str]) -> bool:
    """Whether a plain file is there, or a link to one: no device, no pipe, no folder."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _opened(path: Path, most: int | None, what: str) -> int:
    # Asked before it is opened, since to open a device can already do something; and of what was opened, since another
    # file may have taken its place.
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise _no_file(path, what)
    file = os.open(path, _HOW)
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _no_file(path, what)
        if most is not None and status.st_size > most:
            raise _too_large(path, most, what)
    except BaseException:
        os.close(file)
        raise
    return file


@contextlib.contextmanager
def _sentences(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise UserError(f"{what} {path} does not exist.") from error
    except OSError as error:
        raise UserError(f"{what} {path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        if "null" not in str(error):  # a name with a zero byte in it; other faults are not of the file
            raise
        raise UserError(f"{what} has a name that no file can have.") from error


def _no_file(path: Path, what: str) -> UserError:
    return UserError(f"{what} {path} is no plain file (it is a folder, a pipe or a device).")


def _too_large(path: Path, most: int, what: str) -> UserError:
    size = f"{most >> 20} MiB" if most >= 1 << 20 else f"{most} bytes"
    return UserError(f"{what} {path} is larger than what it should be can be ({size}).")


def _inside(outer: list[Any] | dict[str, Any]) -> Any:
    if isinstance(outer, dict):
        return outer.values()
    return outer if isinstance(outer, list) else ()
