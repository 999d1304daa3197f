"""The safetensors file format in NumPy: written atomically, read with every length checked, never pickle.

Layout: u64 little-endian header length, a JSON header {name: {dtype, shape, data_offsets}, "__metadata__": {str: str}},
then the raw little-endian tensors. Blender's Python has no `safetensors` package, and its wheels are compiled for one
Python each, so the reader the extension needs is here; tests check it against the reference implementation.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .arrays import Array
from .errors import UserError
from .opening import opened, parse_json
from .whole_file import begin_part, drop_part, finish_part

_KINDS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "BOOL": "|b1",
}
"""What the format calls a kind of number, and how NumPy writes it (`dtype.str`)."""
_NAMES = {kind: name for name, kind in _KINDS.items()}
_MAX_HEADER = 16 << 20
_MOST_AXES = 8


@dataclass(frozen=True)
class _Entry:
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int  # bytes from the beginning of the file


class TensorFile:
    """A safetensors file whose header has been checked; tensors are read on demand.

    metadata: str to str.
    shapes, dtypes: of every tensor, by name.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with opened(self.path, None) as stream:
            size = os.fstat(stream.fileno()).st_size
            self.metadata, self._entries = _read_header(stream, size, self.path.name)
        self.shapes = {name: entry.shape for name, entry in self._entries.items()}
        self.dtypes = {name: entry.dtype for name, entry in self._entries.items()}

    def read(self, name: str) -> Array:
        """The whole tensor `name`. Raises UserError when it is missing or the file has shrunk."""
        entry = self._entry(name)
        return self._read(entry, entry.start, math.prod(entry.shape)).reshape(entry.shape)

    def read_rows(self, name: str, start: int, stop: int) -> Array:
        """Rows [start, stop) along the first axis of tensor `name`, without reading the others."""
        entry = self._entry(name)
        if not 0 <= start <= stop <= entry.shape[0]:
            raise IndexError(f"rows {start}:{stop} of {entry.shape[0]}")
        # Bytes of the rows before `start` are skipped, not read: a frame of a take of hours costs as much as any other.
        row = math.prod(entry.shape[1:])
        data = self._read(entry, entry.start + start * row * entry.dtype.itemsize, (stop - start) * row)
        return data.reshape((stop - start, *entry.shape[1:]))

    def _entry(self, name: str) -> _Entry:
        if name not in self._entries:
            raise UserError(f"{self.path.name} is incomplete: it has no “{name}”.")
        return self._entries[name]

    def _read(self, entry: _Entry, start: int, count: int) -> Array:
        with opened(self.path, None) as stream:
            stream.seek(start)
            data = stream.read(count * entry.dtype.itemsize)
        if len(data) != count * entry.dtype.itemsize:
            raise UserError(f"{self.path.name} is cut short: copy it again from where it came.")
        return np.frombuffer(data, dtype=entry.dtype).copy()


def load(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, str]]:
    """All tensors and the metadata of a file. Raises UserError for anything damaged."""
    file = TensorFile(path)
    return {name: file.read(name) for name in file.shapes}, file.metadata


def save(path: str | os.PathLike[str], tensors: Mapping[str, Array], metadata: dict[str, str] | None = None) -> None:
    """Write tensors atomically: the file appears whole or not at all.

    Raises UserError when the folder cannot be written, TypeError for a dtype the format lacks.
    """
    arrays = {name: _little_endian(array) for name, array in tensors.items()}
    with TensorWriter(path, {name: (a.dtype, a.shape) for name, a in arrays.items()}, metadata) as writer:
        for name, array in arrays.items():
            writer.write(name, array)


class TensorWriter:
    """A safetensors file written piece by piece, in any order, so that what does not fit in memory can be written.

    layout: dtype and shape of every tensor. It appears whole when the `with` block ends, and not at all when that ends
    in an exception. Raises UserError when the file cannot be written, TypeError for a dtype the format lacks.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        layout: Mapping[str, tuple[np.dtype[Any] | type | str, tuple[int, ...]]],
        metadata: dict[str, str] | None = None,
    ) -> None:
        self.path = Path(path)
        header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
        self._entries: dict[str, _Entry] = {}
        offset = 0
        for name, (kind, shape) in layout.items():
            dtype = _known(kind)
            size = math.prod(shape) * dtype.itemsize
            header[name] = {"dtype": _NAMES[dtype.str], "shape": list(shape), "data_offsets": [offset, offset + size]}
            self._entries[name] = _Entry(dtype, tuple(shape), offset)
            offset += size
        text = json.dumps(header, separators=(",", ":")).encode()
        # Blanks behind the JSON: the tensors begin at a multiple of 8 bytes, as readers that map the file expect.
        self._header = text + b" " * (-len(text) % 8)
        self._size = 8 + len(self._header) + offset

    def __enter__(self) -> TensorWriter:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._partial = begin_part(self.path)
            self._stream = open(self._partial, "xb")
        except OSError as error:
            raise self._cannot(error) from error
        try:
            self._put(0, len(self._header).to_bytes(8, "little") + self._header)
        except UserError:
            self._drop()
            raise
        return self

    def write(self, name: str, array: Array, start: int = 0) -> None:
        """Put rows of tensor `name`, from row `start` on: the whole of it by default."""
        entry = self._entries[name]
        array = _little_endian(array)
        row = math.prod(entry.shape[1:]) * entry.dtype.itemsize if entry.shape else 0
        fits = array.shape == entry.shape if not entry.shape else array.shape[1:] == entry.shape[1:]
        if array.dtype != entry.dtype or not fits or (entry.shape and start + len(array) > entry.shape[0]):
            raise ValueError(f"“{name}”: {array.dtype} {array.shape} from row {start} into {entry.dtype} {entry.shape}")
        self._put(8 + len(self._header) + entry.start + start * row, array.data)

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is not None:
            self._drop()
            return
        try:
            self._stream.truncate(self._size)
            self._stream.close()
            finish_part(self._partial, self.path)
        except OSError as error:
            self._drop()
            raise self._cannot(error) from error

    def _put(self, at: int, data: bytes | memoryview) -> None:
        try:
            self._stream.seek(at)
            self._stream.write(data)
        except OSError as error:
            raise self._cannot(error) from error

    def _drop(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.close()
        drop_part(self._partial)

    def _cannot(self, error: OSError) -> UserError:
        return UserError(f"{self.path} cannot be written: {error.strerror or error}.")


def _known(kind: np.dtype[Any] | type | str) -> np.dtype[Any]:
    dtype = np.dtype(kind).newbyteorder("<")
    if dtype.str not in _NAMES:
        raise TypeError(f"safetensors has no {np.dtype(kind)}")
    return dtype


def _little_endian(array: Array) -> Array:
    # `ascontiguousarray` makes one row of a number without shape: the reshape gives () back.
    array = np.asarray(array)
    array = np.ascontiguousarray(array).reshape(array.shape)
    return array.astype(_known(array.dtype), copy=False)


def _read_header(stream: BinaryIO, size: int, name: str) -> tuple[dict[str, str], dict[str, _Entry]]:
    head = stream.read(8)
    length = int.from_bytes(head, "little")
    if len(head) < 8 or length > _MAX_HEADER or 8 + length > size:
        raise UserError(f"{name} is not a safetensors file, or it is cut short.")
    try:
        header = parse_json(stream.read(length))
        metadata = header.pop("__metadata__", {})
        if not all(isinstance(k, str) and isinstance(v, str) for k, v in metadata.items()):
            raise ValueError("metadata")
        entries = {key: _check_entry(value, 8 + length, size) for key, value in header.items()}
        _must_not_overlap(entries.values())
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UserError(f"{name} is damaged: its table of contents makes no sense ({error}).") from error
    return metadata, entries


def _check_entry(value: dict[str, Any], data: int, size: int) -> _Entry:
    dtype = np.dtype(_KINDS[value["dtype"]])
    shape = tuple(value["shape"])
    begin, end = value["data_offsets"]
    # `type(n) is int`: JSON's true is an int to isinstance. Every byte a shape asks for must lie inside the file.
    if not all(type(n) is int and 0 <= n <= size for n in (*shape, begin, end)) or len(shape) > _MOST_AXES:
        raise ValueError("a size that no tensor of it can have")
    if end - begin != math.prod(shape) * dtype.itemsize or data + end > size:
        raise ValueError("a tensor lies outside the file")
    return _Entry(dtype, shape, data + begin)


def _must_not_overlap(entries: Iterable[_Entry]) -> None:
    """Tensors that share bytes would make a small file unpack to a large one."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.start):
        size = math.prod(entry.shape) * entry.dtype.itemsize
        if size and entry.start < end:
            raise ValueError("tensors overlap")
        end = max(end, entry.start + size)
