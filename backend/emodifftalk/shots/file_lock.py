"""A lock on a file that the operating system lets go of when its holder dies, however it dies."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from ..core.errors import UserError
from ..core.opening import read_text

_MOST_BYTES = 1000
_FAR = 1 << 30
"""Windows locks bytes, and locked ones cannot be read: one far behind the text."""


class FileLock:
    """A lock that one process at a time can hold. The file stays; what it says is who held it last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free. Raises UserError when the file cannot be written."""
        import platform

        self._file = _locked(self.path)
        if self._file is None:
            return False
        with suppress(OSError):  # the words are for people; the lock is held without them
            os.ftruncate(self._file, 0)
            os.write(self._file, f"process {os.getpid()} on {platform.node() or 'this computer'}".encode())
        return True

    def release(self) -> None:
        """Let it go."""
        if self._file is not None:
            os.close(self._file)  # which unlocks it
            self._file = None

    @property
    def holder(self) -> str:
        """Who holds it or held it last, in words."""
        try:
            return read_text(self.path, _MOST_BYTES).strip() or "another process"
        except UserError:
            return "another process"


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock now."""
    if not path.exists():
        return False
    file = _locked(path)
    if file is not None:
        os.close(file)
    return file is None


def _locked(path: Path) -> int | None:
    """The file, opened and locked; None when another process has it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
    try:
        _lock(file)
    except OSError:
        os.close(file)
        return None
    return file


def _lock(file: int) -> None:
    """Raises OSError when it is taken."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, _FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
