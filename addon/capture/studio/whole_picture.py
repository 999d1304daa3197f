"""Whether a PNG file is whole. Standard library only."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import opened

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_RGBA = 6


def is_whole(path: Path, width: int, height: int) -> bool:
    """Whether `path` is a PNG of that size with alpha, every part of it there and undamaged."""
    try:
        # Compressed it is smaller than its pixels; what is much larger is not looked at.
        with opened(path, width * height * 8 + (1 << 20)) as stream:
            size = os.fstat(stream.fileno()).st_size
            if stream.read(8) != _SIGNATURE:
                return False
            while True:
                length, kind = struct.unpack(">I4s", stream.read(8))
                if length > size:
                    return False
                body = stream.read(length)
                (checksum,) = struct.unpack(">I", stream.read(4))
                if zlib.crc32(kind + body) != checksum:
                    return False
                if kind == b"IHDR" and body != struct.pack(">IIBBBBB", width, height, 8, _RGBA, 0, 0, body[-1]):
                    return False
                if kind == b"IEND":
                    return True
    except (UserError, OSError, struct.error, IndexError):
        return False
