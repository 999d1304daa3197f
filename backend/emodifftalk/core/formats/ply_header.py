"""The header of binary .ply files: which elements there are, how many, and the layout of their rows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import UserError
from ..opening import opened

_TYPES = {
    **{name: "i1" for name in ("char", "int8")},
    **{name: "u1" for name in ("uchar", "uint8")},
    **{name: "<i2" for name in ("short", "int16")},
    **{name: "<u2" for name in ("ushort", "uint16")},
    **{name: "<i4" for name in ("int", "int32")},
    **{name: "<u4" for name in ("uint", "uint32")},
    **{name: "<f4" for name in ("float", "float32")},
    **{name: "<f8" for name in ("double", "float64")},
}
_MOST_BYTES = 64 << 10
_MOST_PROPERTIES = 512


@dataclass(frozen=True)
class Element:
    """Rows of one kind.

    count: how many.
    dtype: of a row, its fields by name.
    start: byte of the file at which they begin.
    """

    name: str
    count: int
    dtype: np.dtype[Any]
    start: int


def read_elements(path: str | os.PathLike[str]) -> dict[str, Element]:
    """The elements of a binary little-endian .ply, in order. Raises UserError when the file is another thing or shorter
    than its header promises, or cannot be read."""
    path = Path(path)
    with opened(path, None) as stream:
        head, size = stream.read(_MOST_BYTES), os.fstat(stream.fileno()).st_size
    end = head.find(b"end_header")
    stop = head.find(b"\n", end)
    if not head.startswith(b"ply") or end < 0 or stop < 0:
        raise UserError(f"{path.name} is not a .ply file, or its header is damaged.")
    elements: dict[str, Element] = {}
    at = stop + 1
    for name, count, fields in _declared(path, head[:end].decode("ascii", "replace").splitlines()):
        try:
            dtype = np.dtype(fields)
        except (TypeError, ValueError) as error:
            raise UserError(f"{path.name}: the properties of “{name}” make no sense ({error}).") from error
        if name in elements or not dtype.itemsize or len(fields) > _MOST_PROPERTIES:
            raise UserError(f"{path.name}: its header tells of “{name}” twice, or of no or too many properties of it.")
        elements[name] = Element(name, count, dtype, at)
        at += count * dtype.itemsize
    if at > size:
        raise UserError(f"{path.name} is cut short, or its header promises more than it holds.")
    return elements


def read_rows(path: str | os.PathLike[str], element: Element) -> Array:
    """The rows of an element, a structured array. Raises UserError when the file has been cut meanwhile."""
    with opened(path, None) as stream:
        stream.seek(element.start)
        data = stream.read(element.count * element.dtype.itemsize)
    if len(data) != element.count * element.dtype.itemsize:
        raise UserError(f"{Path(path).name} is cut short.")
    return np.frombuffer(data, element.dtype)


def _declared(path: Path, lines: list[str]) -> list[tuple[str, int, list[tuple[str, str]]]]:
    elements: list[tuple[str, int, list[tuple[str, str]]]] = []
    for words in (line.split() for line in lines):
        match words:
            case ["format", kind, *_] if kind != "binary_little_endian":
                raise UserError(f"{path.name} is a .ply of format {kind}: only binary little-endian is read.")
            case ["element", name, count] if count.isascii() and count.isdigit() and len(count) < 16:
                elements.append((name, int(count), []))
            case ["property", kind, name] if elements and kind in _TYPES:
                elements[-1][2].append((name, _TYPES[kind]))
            case ["property" | "element", *_]:
                raise UserError(f"{path.name}: “{' '.join(words)[:60]}” is nothing Gaussians are made of.")
    return elements
