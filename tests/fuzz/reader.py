"""What the campaign knows of a reader: its seeds, how to call it, what it may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emodifftalk.core.errors import UserError


@dataclass(frozen=True)
class Reader:
    """A reader of files, and good files for it.

    name: in the table, and of its folder in the corpus.
    make: writes good files into an empty folder and returns those that are to be damaged, relative to it.
    read: called with that folder and the file; what it returns was read.
    prepare: called once in a process before the first case: what loads slowly.
    refuses: what it raises when a file is bad: one sentence.
    per_byte: bytes of memory that a byte of a file honestly needs.
    fixed: MiB that reading honestly needs besides, twice counted as `per_byte`.
    needs: `torch` or `bpy` when it cannot be without; such readers have a process of their own.
    """

    name: str
    make: Callable[[Path], list[str]]
    read: Callable[[Path, Path], Any]
    prepare: Callable[[], Any] | None = None
    refuses: tuple[type[Exception], ...] = (UserError,)
    per_byte: float = 16.0
    fixed: int = 32
    needs: str = ""

    def allowed(self, size: int) -> int:
        """Bytes that the process may grow by while it reads a file of `size` bytes."""
        return 2 * ((self.fixed << 20) + int(self.per_byte * size))


def content(path: Path) -> bytes:
    """What lies in a small plain file: for readers that are given text or a stream, not a path."""
    return path.read_bytes() if path.is_file() and path.stat().st_size < 64 << 20 else b""
