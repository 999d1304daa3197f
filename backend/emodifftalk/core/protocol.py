"""Framed messages between the add-on and its backend process, over the child's stdin and stdout.

A message is a u32 little-endian header length, a JSON header, then the raw arrays the header's "arrays" list describes
({"name", "dtype", "shape"}), one after the other. No port is opened, nothing is unpickled.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, BinaryIO

import numpy as np

from .arrays import Array
from .fields import listed, mapped, text, whole
from .opening import parse_json

PROTOCOL = 1
_MAX_HEADER = 64 << 20
_MAX_ARRAYS = 1 << 30
"""Bytes of all arrays of a message: more than any picture or head has."""
_MOST_ARRAYS, _MOST_AXES = 64, 8
_KIND = re.compile(r"[<>|=]?[fiub][1248]")
_PIECE = 1 << 20


class ProtocolError(Exception):
    """The other side said something that is not a message, and where the next one begins cannot be told."""


class Nonsense(Exception):
    """A message that makes no sense, read to its end: the next one can be read.

    number: of the request it is, as far as that can be told, else None.
    """

    def __init__(self, why: str, number: int | None = None) -> None:
        super().__init__(why)
        self.number = number


def write_message(stream: BinaryIO, header: dict[str, Any], arrays: dict[str, Array] | None = None) -> None:
    """Write one message and flush it."""
    blocks = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    listing = [{"name": n, "dtype": a.dtype.str, "shape": list(a.shape)} for n, a in blocks.items()]
    data = json.dumps({**header, "arrays": listing} if listing else header).encode()
    stream.write(len(data).to_bytes(4, "little") + data)
    for block in blocks.values():
        stream.write(block.tobytes())
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], dict[str, Array]]:
    """The next message. Raises EOFError when the other side is gone, Nonsense for a message that is none, after which
    the next can be read, ProtocolError where that is not so.

    Room is made as bytes arrive, whatever the header promises.
    """
    length = int.from_bytes(_read(stream, 4), "little")
    if not 0 < length <= _MAX_HEADER:
        raise ProtocolError(f"a header of {length} bytes")
    data = _read(stream, length)
    try:
        header = mapped(parse_json(data, _MAX_HEADER))
    except ValueError as error:  # with arrays behind it, the next length will hardly be one, and ends it
        raise Nonsense(f"its header is no JSON object: {error}") from error
    try:
        described = [_described(item) for item in listed(header.pop("arrays", []), _MOST_ARRAYS)]
        if sum(size for *_, size in described) > _MAX_ARRAYS:
            raise ValueError("more than a picture needs")
    except (ValueError, KeyError) as error:
        raise ProtocolError(f"arrays that cannot be: {error}") from error
    arrays = {}
    for name, dtype, shape, size in described:
        # A copy, because an array over bytes can only be read.
        arrays[name] = np.frombuffer(_read(stream, size), dtype=dtype).reshape(shape).copy()
    return header, arrays


def number_of(header: dict[str, Any]) -> int | None:
    """The number of the request a message is about; None when it has none, or no number."""
    number = header.get("id")
    return number if type(number) is int else None


def _described(item: Any) -> tuple[str, np.dtype[Any], tuple[int, ...], int]:
    """Name, kind, shape and bytes of an array. Nothing but numbers: asked before a byte is read or room is made."""
    kind = text(mapped(item)["dtype"], 8)
    if not _KIND.fullmatch(kind):
        raise ValueError(f"an array of {kind}")
    try:
        dtype = np.dtype(kind)
    except TypeError as error:
        raise ValueError(f"an array of {kind}") from error
    shape = tuple(whole(n, 0, _MAX_ARRAYS) for n in listed(item["shape"], _MOST_AXES))
    return text(item["name"], 200), dtype, shape, math.prod(shape) * dtype.itemsize


def _read(stream: BinaryIO, count: int) -> bytes:
    parts = []
    while count:
        part = stream.read(min(count, _PIECE))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
