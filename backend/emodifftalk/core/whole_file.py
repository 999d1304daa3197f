"""Files that appear whole or not at all, and never in the place of something that is no file.

What is being written lies beside its place under a name that says whose it is. A process that was killed cannot take it
away: the next one that writes into that folder does. Standard library only.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

_PART = re.compile(r"\..*\.([0-9a-f]{6})-(\d{1,10})-[0-9a-f]{8}\.part(\.\w+)?", re.DOTALL)
_FORGOTTEN = 24 * 3600.0
"""Seconds after which a part is nobody's, whoever has its process's number now."""
_SWEEP_AGAIN = 60.0
"""Seconds after which a folder is looked through again."""
_ours: set[Path] = set()
"""Parts that this process is writing."""
_swept: dict[Path, float] = {}


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary stream that becomes the file `path` when the block ends well, and leaves nothing when it does not.

    It is written beside `path` under another name first. Raises OSError when the folder cannot be written, or when
    what is there is no plain file.
    """
    with whole_path(path) as part, open(part, "xb") as stream:
        yield stream


@contextmanager
def whole_path(path: str | os.PathLike[str], ending: str = "") -> Iterator[Path]:
    """A path of which what the block writes there becomes the file `path`: for writers that want a name, not a stream.

    ending: what the path must end in, “.mp4”, for programs that ask. A folder of that name may be made too: it is
    deleted. Raises OSError as `whole_file`.
    """
    path = Path(path)
    part = begin_part(path, ending)
    try:
        yield part
        finish_part(part, path)
    except BaseException:
        drop_part(part)
        raise


@contextmanager
def folder_for_files(folder: Path) -> Iterator[None]:
    """Make a folder, with those around it, for the block's files. When the block fails, what was made and is empty goes
    again. Raises OSError."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for path in made:  # the innermost first; what holds a file stays
            with suppress(OSError):
                path.rmdir()
        raise


def begin_part(path: Path, ending: str = "") -> Path:
    """A new name beside `path` for what is not whole yet; whoever takes it calls `finish_part` or `drop_part`.

    Raises OSError when `path` is taken by something that is no plain file.
    """
    _refuse_to_replace(path)
    sweep_parts(path.parent)
    part = path.with_name(f".{path.name[:150]}.{_this_computer()}-{os.getpid()}-{secrets.token_hex(4)}.part{ending}")
    _ours.add(part)
    return part


def finish_part(part: Path, path: Path) -> None:
    """Give what is whole its name. Raises OSError."""
    _refuse_to_replace(path)
    os.replace(part, path)
    _ours.discard(part)


def drop_part(part: Path) -> None:
    """Delete what has not become whole."""
    with suppress(OSError):
        _delete(part)
    _ours.discard(part)


def sweep_parts(folder: Path) -> None:
    """Delete what processes that are gone have left half written in a folder. Looks at most once a minute."""
    now = time.monotonic()
    if now - _swept.get(folder, -_SWEEP_AGAIN) < _SWEEP_AGAIN:
        return
    _swept[folder] = now
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _PART.fullmatch(entry.name)
            if match and _is_nobodys(Path(entry.path), match[1], int(match[2])):
                with suppress(OSError):
                    _delete(Path(entry.path))


def _is_nobodys(part: Path, computer: str, pid: int) -> bool:
    if part in _ours:
        return False
    if time.time() - part.lstat().st_mtime > _FORGOTTEN:
        return True
    # Another computer's processes cannot be asked for: its parts are left until they are old.
    return computer == _this_computer() and (pid == os.getpid() or not is_alive(pid))


def is_alive(pid: int) -> bool:
    """Whether a process of this number lives on this computer."""
    if sys.platform == "win32":  # where os.kill(pid, 0) would end it
        import ctypes

        process = ctypes.windll.kernel32.OpenProcess(0x00100000, False, pid)  # SYNCHRONIZE: to wait for it
        if not process:
            return False
        waiting = ctypes.windll.kernel32.WaitForSingleObject(process, 0) == 0x102  # WAIT_TIMEOUT: it has not ended
        ctypes.windll.kernel32.CloseHandle(process)
        return bool(waiting)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _refuse_to_replace(path: Path) -> None:
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(kind):
        what = "a link" if stat.S_ISLNK(kind) else "a folder" if stat.S_ISDIR(kind) else "a device or a pipe"
        raise OSError(errno.EEXIST, f"{what} has that name, which is not replaced", str(path))


def _delete(part: Path) -> None:
    if stat.S_ISDIR(part.lstat().st_mode):
        shutil.rmtree(part)
    else:
        part.unlink()


@cache
def _this_computer() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]
