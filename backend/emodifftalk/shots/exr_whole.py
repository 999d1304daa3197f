"""Whether an OpenEXR file is all there: its table of chunks is filled in, and the last chunk lies inside the file.

Scan lines or tiles, one part or several, flat or deep. A writer fills the table in when it closes the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_MAGIC = 20000630
_TILED, _DEEP, _MULTIPART = 0x200, 0x800, 0x1000
_LINES = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32)
"""Scan lines of a chunk by compression: none, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB, HTJ2K of two sizes."""
_MOST_ATTRIBUTES, _MOST_PARTS, _LONGEST_NAME = 4096, 1024, 256
_MOST_VALUE = 16 << 20
_MOST_CHUNKS = 10_000_000


@dataclass
class _Part:
    """What one header says of the chunks: their number, and how they are laid out."""

    chunks: int
    tiled: bool
    deep: bool


def is_whole_exr(stream: BinaryIO, size: int) -> bool:
    """Whether the file behind a stream, of `size` bytes, is all there. Raises struct.error or ValueError when it ends
    too early or is another file."""
    magic, version = struct.unpack("<ii", stream.read(8))
    if magic != _MAGIC:
        return False
    several = bool(version & _MULTIPART)
    parts = [_part(stream, version)]
    while several and len(parts) < _MOST_PARTS:
        part = _part(stream, version, ends=True)
        if part is None:
            break
        parts.append(part)
    last: tuple[int, _Part] = (0, parts[0] or _Part(0, False, False))
    for part in parts:
        if part is None or not 0 < part.chunks <= min(_MOST_CHUNKS, size // 8):
            return False
        table = struct.unpack(f"<{part.chunks}Q", stream.read(8 * part.chunks))
        if min(table) == 0:
            return False  # never closed
        last = max(last, (max(table), part), key=lambda pair: pair[0])
    return _end_of_chunk(stream, *last, several) <= size


def _part(stream: BinaryIO, version: int, ends: bool = False) -> _Part | None:
    """One header; None where `ends` allows an empty one, which ends them."""
    known = {"dataWindow", "compression", "tiles", "chunkCount", "type"}
    values: dict[str, bytes] = {}
    for count in range(_MOST_ATTRIBUTES):
        name = _name(stream)
        if not name:
            if ends and count == 0:
                return None
            return _described(values, version)
        _name(stream)
        (length,) = struct.unpack("<i", stream.read(4))
        if not 0 <= length <= _MOST_VALUE:
            raise ValueError("an attribute without end")
        value = stream.read(length)
        if len(value) < length:
            raise ValueError("cut in an attribute")
        if name in known:
            values[name] = value
    raise ValueError("a header without end")


def _described(values: dict[str, bytes], version: int) -> _Part:
    kind = values.get("type", b"").rstrip(b"\0")
    tiled = kind in (b"tiledimage", b"deeptile") if kind else bool(version & _TILED)
    deep = kind.startswith(b"deep") if kind else bool(version & _DEEP)
    if "chunkCount" in values:
        return _Part(struct.unpack("<i", values["chunkCount"][:4])[0], tiled, deep)
    left, bottom, right, top = struct.unpack("<4i", values.get("dataWindow", b"")[:16])
    width, height = right - left + 1, top - bottom + 1
    if tiled:
        across, down, mode = struct.unpack("<IIB", values.get("tiles", b"")[:9])
        if mode & 15 or not across or not down:
            raise ValueError("levels of tiles, whose number no writer of ours leaves out")
        return _Part(-(-width // across) * -(-height // down), tiled, deep)
    compression = int.from_bytes(values.get("compression", b"\0")[:1], "little")
    if compression >= len(_LINES):
        raise ValueError("a compression of a later version")
    return _Part(-(-height // _LINES[compression]), tiled, deep)


def _end_of_chunk(stream: BinaryIO, at: int, part: _Part, several: bool) -> int:
    # [part] y, or tile x y and level x y, then the sizes of what follows.
    numbers = int(several) + (4 if part.tiled else 1)
    stream.seek(at + 4 * numbers)
    if part.deep:
        packed_table, packed, _ = struct.unpack("<3Q", stream.read(24))
        return at + 4 * numbers + 24 + packed_table + packed
    (packed,) = struct.unpack("<I", stream.read(4))
    return at + 4 * numbers + 4 + packed


def _name(stream: BinaryIO) -> str:
    letters = bytearray()
    while (letter := stream.read(1)) != b"\0":
        if not letter or len(letters) > _LONGEST_NAME:
            raise ValueError("a name without end")
        letters += letter
    return letters.decode("latin-1")
