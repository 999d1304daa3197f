"""Vertices and triangles of a mesh in an .obj, .ply or .npy file."""

from __future__ import annotations

import io
import struct
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ....core.errors import UserError
from ....core.opening import opened, read_bytes
from ...numpy_files import phrase, read_npy
from .calibration import within_reason

KINDS = (".obj", ".ply", ".npy")
MOST_BYTES = 256 << 20
"""Of a mesh: two million vertices with their triangles, written out."""
_LEAST_USED = 0.8
"""Share of the vertices that triangles use in any whole mesh."""
_MOST_MIXED = 2_000_000
"""Polygons of different sizes, which are read one by one."""
_TYPES = {
    **{n: "i1" for n in ("char", "int8")},
    **{n: "u1" for n in ("uchar", "uint8")},
    **{n: "i2" for n in ("short", "int16")},
    **{n: "u2" for n in ("ushort", "uint16")},
    **{n: "i4" for n in ("int", "int32")},
    **{n: "u4" for n in ("uint", "uint32")},
    **{n: "f4" for n in ("float", "float32")},
    **{n: "f8" for n in ("double", "float64")},
}

_Element = tuple[str, int, list[list[str]]]
"""What the header of a .ply says of its elements: name, how many, and of each property type and name."""
_Columns = dict[str, np.ndarray]


def read_mesh(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 3) float64 and triangles (F, 3) int64 (none in an .npy file, polygons are cut into fans).

    Raises UserError when the file is missing, damaged, cut short or promises more than it holds.
    """
    reader = {".obj": _obj, ".ply": _ply, ".npy": _npy}.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"The mesh {path} is none of {', '.join(KINDS)}: convert it.")
    try:
        vertices, triangles = reader(path)
    except (ValueError, KeyError, IndexError, TypeError, EOFError, MemoryError, OverflowError, struct.error) as error:
        raise UserError(f"The mesh {path} is damaged or cut short: {phrase(error)}.") from error
    numbers = vertices.ndim == 2 and vertices.shape[1] == 3 and vertices.dtype.kind in "fiu"
    if not numbers or len(vertices) < 3 or not within_reason(vertices):
        raise UserError(f"The mesh {path} has no finite vertices (N, 3).")
    if len(triangles) and (triangles.min() < 0 or triangles.max() >= len(vertices)):
        raise UserError(f"The mesh {path} has triangles of vertices that do not exist.")
    return vertices.astype(np.float64), triangles.astype(np.int64).reshape(-1, 3)


def read_triangles(path: Path) -> np.ndarray:
    """Triangles (F, 3) int64 of a whole mesh, none when the file has none.

    Raises UserError as `read_mesh`, and when so many vertices belong to no triangle that the file must be cut short.
    """
    vertices, triangles = read_mesh(path)
    used = len(np.unique(triangles)) / len(vertices)
    if len(triangles) and used < _LEAST_USED:
        raise UserError(
            f"The mesh {path} seems cut short: {1 - used:.0%} of its vertices belong to no triangle; copy it again."
        )
    return triangles


def _npy(path: Path) -> tuple[np.ndarray, np.ndarray]:
    return read_npy(path, MOST_BYTES, "The mesh"), np.zeros((0, 3), np.int64)


def _obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    # Arrays that grow hold eight bytes a number, lists of Python's numbers ten times that.
    vertices, triangles = array("d"), array("q")
    with opened(path, MOST_BYTES, "The mesh") as stream:
        for line in io.TextIOWrapper(stream, encoding="utf-8", errors="replace"):
            parts = line.split()
            if parts[:1] == ["v"]:
                x, y, z = parts[1:4]
                vertices.extend((float(x), float(y), float(z)))
            elif parts[:1] == ["f"]:
                corners = [int(part.split("/")[0]) for part in parts[1:]]
                count = len(vertices) // 3
                corners = [c - 1 if c > 0 else count + c for c in corners]
                for i in range(1, len(corners) - 1):
                    triangles.extend((corners[0], corners[i], corners[i + 1]))
    return np.array(vertices).reshape(-1, 3), np.array(triangles, np.int64).reshape(-1, 3)


def _ply(path: Path) -> tuple[np.ndarray, np.ndarray]:
    data = read_bytes(path, MOST_BYTES, "The mesh")
    end = data.index(b"end_header")
    begin = data.index(b"\n", end) + 1
    lines = data[:end].decode("ascii").split("\n")
    if lines[0].strip() != "ply":
        raise ValueError("it does not begin with “ply”")
    order, elements = "", list[_Element]()
    for parts in (line.split() for line in lines[1:]):
        if parts[:1] == ["format"]:
            order = {"ascii": "a", "binary_little_endian": "<", "binary_big_endian": ">"}[parts[1]]
        elif parts[:1] == ["element"]:
            # A row takes at least a byte; more of them than bytes, or fewer than none, are no rows.
            if not 0 <= int(parts[2]) <= len(data) - begin:
                raise ValueError(f"it promises {int(parts[2]):.3g} × {parts[1]}")
            elements.append((parts[1], int(parts[2]), []))
        elif parts[:1] == ["property"]:
            elements[-1][2].append(parts[1:])
    columns = _ascii(data, begin, elements) if order == "a" else _binary(data, begin, elements, order)
    vertices = np.stack([columns[f"vertex {axis}"] for axis in "xyz"], axis=1)
    return vertices, columns.get("face", np.zeros((0, 3), np.int64))


def _ascii(data: bytes, begin: int, elements: list[_Element]) -> _Columns:
    columns: _Columns = {}
    rows = io.BytesIO(data)
    rows.seek(begin)
    for name, count, properties in elements:
        if properties and properties[0][0] == "list":  # what may follow it in the row is not needed
            columns[name] = _fans(_polygon(rows.readline()) for _ in range(count))
            continue
        table = array("d")
        for _ in range(count):
            row = [float(x) for x in rows.readline().split()]
            if len(row) != len(properties) or not row:
                raise ValueError(f"a row of {name} has {len(row)} numbers")
            table.extend(row)
        whole = np.array(table).reshape(count, len(properties))
        columns |= {f"{name} {p[-1]}": whole[:, i] for i, p in enumerate(properties)}
    return columns


def _polygon(row: bytes) -> list[int]:
    count, *numbers = row.split()
    return [int(number) for number in numbers[: max(int(count), 0)]]


def _binary(data: bytes, place: int, elements: list[_Element], order: str) -> _Columns:
    columns: _Columns = {}
    for name, count, properties in elements:
        if len(properties) == 1 and properties[0][0] == "list":
            columns[name], place = _lists(data, place, count, properties[0], order)
            continue
        # One record a row as the header lists its properties: a million vertices are one read.
        dtype = np.dtype([(p[-1], order + _TYPES[p[0]]) for p in properties])
        table = np.frombuffer(data, dtype, count, place)
        place += table.nbytes
        columns |= {f"{name} {n}": table[n].astype(np.float64) for n in dtype.names or ()}
    return columns


def _lists(data: bytes, place: int, count: int, kind: list[str], order: str) -> tuple[np.ndarray, int]:
    """The triangles (F, 3) of polygons, and where what is behind them begins."""
    length, item = np.dtype(order + _TYPES[kind[1]]), np.dtype(order + _TYPES[kind[2]])
    if length.kind not in "iu" or item.kind not in "iu":
        raise ValueError("its faces are counted in fractions")
    # Nearly always every face is a triangle: read at once; otherwise one by one.
    row = np.dtype([("n", length), ("v", item, (3,))])
    if place + count * row.itemsize <= len(data):
        table = np.frombuffer(data, row, count, place)
        if (table["n"] == 3).all():
            return table["v"].astype(np.int64), place + table.nbytes
    if count > _MOST_MIXED:
        raise ValueError(f"it promises {count} polygons that are no triangles")
    ends = [place]

    def polygons() -> Iterator[list[int]]:
        for _ in range(count):
            number = int(np.frombuffer(data, length, 1, ends[0])[0])
            if number < 0:
                raise ValueError(f"a face has {number} corners")
            ends[0] += length.itemsize + number * item.itemsize
            yield np.frombuffer(data, item, number, ends[0] - number * item.itemsize).tolist()

    return _fans(polygons()), ends[0]


def _fans(polygons: Iterator[list[int]]) -> np.ndarray:
    """Triangles (F, 3) int64: each polygon as a fan around its first corner."""
    triangles = array("q")
    for corners in polygons:
        if len(corners) < 3:
            raise ValueError(f"a face has {len(corners)} corners")
        for i in range(1, len(corners) - 1):
            triangles.extend((corners[0], corners[i], corners[i + 1]))
    return np.array(triangles, np.int64).reshape(-1, 3)
