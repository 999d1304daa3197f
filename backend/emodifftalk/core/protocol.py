"""Framed messages between the add-on and its backend process, over the child's stdin and stdout.

A message is a u32 little-endian header length, a JSON header, then the raw arrays the header's "arrays" list describes
({"name", "dtype", "shape"}), one after the other. No port is opened, nothing is unpickled.
"""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO

import numpy as np

from .arrays import Array

PROTOCOL = 1
_MAX_HEADER = 64 << 20
_MAX_ARRAY = 1 << 30
_KINDS = "fiub"


class ProtocolError(Exception):
    """The other side said something that is not a message: the pipe cannot be trusted any more."""


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
    """The next message. Raises EOFError when the other side is gone, ProtocolError when it talks nonsense."""
    length = int.from_bytes(_read(stream, 4), "little")
    if not 0 < length <= _MAX_HEADER:
        raise ProtocolError(f"a header of {length} bytes")
    try:
        header = json.loads(_read(stream, length))
        specs = [(s["name"], np.dtype(s["dtype"]), tuple(s["shape"])) for s in header.pop("arrays", [])]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ProtocolError(str(error)) from error
    return header, {name: _read_array(stream, dtype, shape) for name, dtype, shape in specs}


def _read_array(stream: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    size = math.prod(shape) * dtype.itemsize
    # Nothing but numbers, and no more of them than a picture needs: asked before a byte is read or room is made.
    if dtype.kind not in _KINDS or size > _MAX_ARRAY or any(type(n) is not int or n < 0 for n in shape):
        raise ProtocolError(f"an array of {dtype} {shape}")
    # A copy, because an array over bytes can only be read.
    return np.frombuffer(_read(stream, size), dtype=dtype).reshape(shape).copy()


def _read(stream: BinaryIO, count: int) -> bytes:
    parts = []
    while count:
        part = stream.read(count)
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
