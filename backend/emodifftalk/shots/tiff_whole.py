"""Whether a TIFF file is all there: every directory, and every strip or tile it names, lies inside the file."""

from __future__ import annotations

import struct
from typing import BinaryIO

_OFFSETS, _COUNTS = (273, 324), (279, 325)
"""Tags of strips' and tiles' places and lengths."""
_TYPES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value by its type."""
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_MOST_DIRECTORIES, _MOST_ENTRIES, _MOST_VALUES = 16, 4096, 1 << 20
"""Directories, entries of one, bytes of one entry's numbers: a picture of the queue has one directory, and a strip for
every row at most."""


def is_whole_tiff(stream: BinaryIO, size: int) -> bool:
    """Whether the file behind a stream, of `size` bytes, is all there. Raises struct.error or ValueError when it ends
    too early or is another file."""
    order = {b"II": "<", b"MM": ">"}.get(stream.read(2), "")
    if not order:
        return False
    (version,) = struct.unpack(f"{order}H", stream.read(2))
    if version not in (42, 43):
        return False
    big = version == 43
    stream.seek(8 if big else 4)
    (at,) = struct.unpack(f"{order}{'Q' if big else 'I'}", stream.read(8 if big else 4))
    for _ in range(_MOST_DIRECTORIES):
        if at == 0:
            return True
        at = _directory(stream, at, size, order, big)
    raise ValueError("directories in a circle")


def _directory(stream: BinaryIO, at: int, size: int, order: str, big: bool) -> int:
    """Check one directory; returns where the next one is, 0 behind the last. Raises ValueError when something of it
    lies outside the file."""
    count_format, entry_format, next_format = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
    stream.seek(at)
    (entries,) = _read(stream, order + count_format)
    if not 0 < entries <= _MOST_ENTRIES:
        raise ValueError("a directory of no length")
    rows = [_read(stream, order + entry_format) for _ in range(entries)]
    (following,) = _read(stream, order + next_format)
    found: dict[int, tuple[int, ...]] = {}
    for tag, kind, count, packed in rows:
        length = count * _TYPES.get(kind, 1)
        place = struct.unpack(order + ("Q" if big else "I"), packed)[0] if length > len(packed) else None
        if place is not None and place + length > size:
            raise ValueError("a value outside the file")
        if tag in (*_OFFSETS, *_COUNTS) and kind in _NUMBERS:
            if tag in found or length > _MOST_VALUES:
                raise ValueError("more strips than a picture has")
            found[tag] = _values(stream, place, packed, f"{order}{count}{_NUMBERS[kind]}", length)
    for offsets, counts in zip(_OFFSETS, _COUNTS, strict=True):
        pairs = zip(found.get(offsets, ()), found.get(counts, ()), strict=True)
        if any(start + length > size for start, length in pairs):
            raise ValueError("a strip outside the file")
    return int(following)


def _values(stream: BinaryIO, place: int | None, packed: bytes, numbers: str, length: int) -> tuple[int, ...]:
    if place is None:
        return struct.unpack(numbers, packed[:length])
    stream.seek(place)
    return struct.unpack(numbers, stream.read(length))


def _read(stream: BinaryIO, layout: str) -> tuple:
    return struct.unpack(layout, stream.read(struct.calcsize(layout)))
