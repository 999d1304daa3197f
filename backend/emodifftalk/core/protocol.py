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
from .opening import parse_json

PROTOCOL = 1
_MAX_HEADER = 64 << 20
_MAX_BYTES = 1 << 30
"""Of all arrays of a message: no more of them than a picture needs."""
_MOST_ARRAYS, _MOST_AXES = 256, 8
_NUMBERS = re.compile(r"[<>|=]?(f[248]|[iu][1248]|b1)")
"""Kinds of arrays, as NumPy writes them: nothing but numbers."""
_PIECE = 1 << 20
"""Bytes read at a time: memory is taken as they come, not as they are promised."""


class ProtocolError(Exception):
    """The other side said something that is not a message: the pipe cannot be trusted any more."""


class NoMessage(ProtocolError):
    """A whole frame that is no message; the pipe can be read on behind it."""


def write_message(stream: BinaryIO, header: dict[str, Any], arrays: dict[str, Array] | None = None) -> None:
    """Write one message and flush it."""
    blocks = {name: np.ascontiguousarray(array) for name, array in (arrays or {}).items()}
    listed = [{"name": n, "dtype": a.dtype.str, "shape": list(a.shape)} for n, a in blocks.items()]
    text = json.dumps({**header, "arrays": listed} if listed else header).encode()
    stream.write(len(text).to_bytes(4, "little") + text)
    for block in blocks.values():
        stream.write(block.tobytes())
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], dict[str, Array]]:
    """The next message. Raises EOFError when the other side is gone, ProtocolError when it talks nonsense, NoMessage
    when it says something whole that is no message; nothing else, whatever comes."""
    length = int.from_bytes(_read(stream, 4), "little")
    if not 0 < length <= _MAX_HEADER:
        raise ProtocolError(f"a header of {length} bytes")
    try:
        header = parse_json(_read(stream, length).tobytes())
    except ValueError as error:
        raise ProtocolError(str(error)) from error
    if not isinstance(header, dict):
        raise NoMessage("a header that is no object")
    specs = _specs(header.pop("arrays", []))
    return header, {name: _read(stream, size).view(dtype).reshape(shape) for name, dtype, shape, size in specs}


def _specs(listed: Any) -> list[tuple[str, np.dtype[Any], tuple[int, ...], int]]:
    """Name, kind, shape and bytes of every array: asked for before a byte is read or room is made."""
    if not isinstance(listed, list) or len(listed) > _MOST_ARRAYS or not all(isinstance(spec, dict) for spec in listed):
        raise ProtocolError("arrays that are not listed")
    specs = []
    for spec in listed:
        name, kind, shape = (spec.get(key) for key in ("name", "dtype", "shape"))
        sizes = isinstance(shape, list) and len(shape) <= _MOST_AXES
        sizes = sizes and all(type(n) is int and 0 <= n <= _MAX_BYTES for n in shape)
        if not isinstance(name, str) or not isinstance(kind, str) or not _NUMBERS.fullmatch(kind) or not sizes:
            raise ProtocolError("an array that is none")
        dtype = np.dtype(kind)
        specs.append((name, dtype, tuple(shape), math.prod(shape) * dtype.itemsize))
    if sum(size for *_, size in specs) > _MAX_BYTES:
        raise ProtocolError("arrays that are too large")
    return specs


def _read(stream: BinaryIO, count: int) -> Array:
    """(count,) bytes, which can be written to. Raises EOFError."""
    data = np.empty(count, np.uint8)
    begin = 0
    while begin < count:
        part = stream.read(min(count - begin, _PIECE))
        if not part:
            raise EOFError
        data[begin : begin + len(part)] = np.frombuffer(part, np.uint8)
        begin += len(part)
    return data
