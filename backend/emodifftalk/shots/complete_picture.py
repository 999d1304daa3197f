"""Whether a picture file is all there, as far as its structure tells. Standard library only."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ..core.errors import UserError
from ..core.opening import opened
from .exr_whole import is_whole_exr
from .tiff_whole import is_whole_tiff

_LEAST = 26
"""Bytes of the smallest picture there is, a WebP of one pixel."""
_MOST_CHUNKS = 500_000
"""Of a PNG, whose writers make them of 8 kB or more."""


def is_complete(path: Path) -> bool:
    """Whether the file is there and, where its format is one of the queue's, ends where it says it does."""
    whole = _FORMATS.get(path.suffix.lower(), _is_anything)
    try:
        with opened(path, None) as stream:
            size = os.fstat(stream.fileno()).st_size
            return size >= _LEAST and whole(stream, size)
    except (UserError, struct.error, ValueError, OverflowError, MemoryError):
        return False


def _is_anything(stream: BinaryIO, size: int) -> bool:
    return True


def _is_whole_png(stream: BinaryIO, size: int) -> bool:
    if stream.read(8) != b"\x89PNG\r\n\x1a\n":
        return False
    at = 8
    for _ in range(_MOST_CHUNKS):  # length, kind, content, checksum
        if at + 12 > size:
            break
        stream.seek(at)
        length, kind = struct.unpack(">I4s", stream.read(8))
        at += 12 + length
        if kind == b"IEND":
            return at <= size
    return False


def _is_whole_jpeg(stream: BinaryIO, size: int) -> bool:
    start = stream.read(2)
    stream.seek(-2, os.SEEK_END)
    return start == b"\xff\xd8" and stream.read(2) == b"\xff\xd9"


def _is_whole_webp(stream: BinaryIO, size: int) -> bool:
    riff, length, kind = struct.unpack("<4sI4s", stream.read(12))
    return riff == b"RIFF" and kind == b"WEBP" and length + 8 <= size


_FORMATS: dict[str, Callable[[BinaryIO, int], bool]] = {
    ".png": _is_whole_png,
    ".jpg": _is_whole_jpeg,
    ".webp": _is_whole_webp,
    ".tif": is_whole_tiff,
    ".exr": is_whole_exr,
}
