"""Vertices and triangles out of .obj, .ply and .npy files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....core.errors import UserError

KINDS = (".obj", ".ply", ".npy")
MOST_BYTES = 1 << 30
_LEAST_USED = 0.8
"""Share of the vertices that triangles use in any whole mesh."""
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


def read_mesh(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 3) float64 and triangles (F, 3) int64 (none in an .npy file, polygons are cut into fans).

    Raises UserError when the file is missing, damaged, cut short or promises more than it holds.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{path.name} is too large for a mesh.")
        vertices, triangles = {".obj": _obj, ".ply": _ply, ".npy": _npy}[path.suffix.lower()](path)
    except OSError as error:
        raise UserError(f"The mesh {path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, IndexError, TypeError, EOFError, MemoryError) as error:
        raise UserError(f"The mesh {path} is damaged or cut short: {error}.") from error
    if vertices.ndim != 2 or vertices.shape[1] != 3 or len(vertices) < 3 or not np.isfinite(vertices).all():
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
    # Mapped, so that a header which promises more than the file holds is refused before memory is asked for.
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    return np.array(mapped, np.float64), np.zeros((0, 3), np.int64)


def _obj(path: Path) -> tuple[np.ndarray, np.ndarray]:
    vertices, triangles = [], []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        parts = line.split()
        if parts[:1] == ["v"]:
            vertices.append([float(x) for x in parts[1:4]])
        elif parts[:1] == ["f"]:
            corners = [int(part.split("/")[0]) for part in parts[1:]]
            corners = [c - 1 if c > 0 else len(vertices) + c for c in corners]
            triangles += [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
    return np.array(vertices, np.float64), np.array(triangles, np.int64).reshape(-1, 3)


def _ply(path: Path) -> tuple[np.ndarray, np.ndarray]:
    data = path.read_bytes()
    end = data.index(b"end_header")
    body = data[data.index(b"\n", end) + 1 :]
    lines = data[:end].decode("ascii").split("\n")
    if lines[0].strip() != "ply":
        raise ValueError("it does not begin with “ply”")
    order, elements = "", list[_Element]()
    for parts in (line.split() for line in lines[1:]):
        if parts[:1] == ["format"]:
            order = {"ascii": "a", "binary_little_endian": "<", "binary_big_endian": ">"}[parts[1]]
        elif parts[:1] == ["element"]:
            elements.append((parts[1], int(parts[2]), []))
        elif parts[:1] == ["property"]:
            elements[-1][2].append(parts[1:])
    columns = _ascii(body, elements) if order == "a" else _binary(body, elements, order)
    vertex, faces = columns["vertex"], columns.get("face", [])
    vertices = np.stack([vertex[axis] for axis in "xyz"], axis=1)
    triangles = [(f[0], f[i], f[i + 1]) for f in faces for i in range(1, len(f) - 1)]
    return vertices, np.array(triangles, np.int64).reshape(-1, 3)


def _ascii(body: bytes, elements: list[_Element]) -> dict:
    rows = iter(body.decode("ascii").split("\n"))
    columns: dict = {}
    for name, count, properties in elements:
        if count > len(body):
            raise ValueError(f"it promises {count} × {name}")
        table = [[float(x) for x in next(rows, "").split()] for _ in range(count)]
        if properties[0][0] == "list":
            columns[name] = [[int(x) for x in row[1 : 1 + int(row[0])]] for row in table]
        else:
            whole = np.array(table, np.float64).reshape(count, len(properties))
            columns[name] = {p[-1]: whole[:, i] for i, p in enumerate(properties)}
    return columns


def _binary(body: bytes, elements: list[_Element], order: str) -> dict:
    columns: dict = {}
    place = 0
    for name, count, properties in elements:
        if count > len(body):
            raise ValueError(f"it promises {count} × {name}")
        if properties[0][0] == "list" and len(properties) == 1:
            columns[name], place = _lists(body, place, count, properties[0], order)
            continue
        # One record a row as the header lists its properties: a million vertices are one read.
        dtype = np.dtype([(p[-1], order + _TYPES[p[0]]) for p in properties])
        table = np.frombuffer(body, dtype, count, place)
        place += table.nbytes
        columns[name] = {n: table[n].astype(np.float64) for n in dtype.names or ()}
    return columns


def _lists(body: bytes, place: int, count: int, kind: list[str], order: str) -> tuple[list, int]:
    length, item = np.dtype(order + _TYPES[kind[1]]), np.dtype(order + _TYPES[kind[2]])
    # Nearly always every face is a triangle: read at once; otherwise one by one.
    row = np.dtype([("n", length), ("v", item, (3,))])
    if place + count * row.itemsize <= len(body):
        table = np.frombuffer(body, row, count, place)
        if (table["n"] == 3).all():
            return table["v"].astype(np.int64).tolist(), place + table.nbytes
    lists = []
    for _ in range(count):
        number = int(np.frombuffer(body, length, 1, place)[0])
        place += length.itemsize
        lists.append(np.frombuffer(body, item, number, place).astype(np.int64).tolist())
        place += number * item.itemsize
    return lists, place
