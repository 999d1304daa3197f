"""NumPy's .npy and .npz files from others: nothing is unpickled, and no memory is taken that the file does not fill."""

from __future__ import annotations

import ast
import io
import math
import os
import struct
import sys
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..core.arrays import Array
from ..core.errors import UserError
from ..core.opening import opened

_MAGIC = b"\x93NUMPY"
_MOST_HEADER = 10_000
_MOST_AXES = 8
_MOST_RATIO = 1100
"""Deflate packs no better than 1032 to 1."""
_BROKEN = (
    *(ValueError, KeyError, TypeError, SyntaxError, EOFError, OSError, RuntimeError, MemoryError, OverflowError),
    *(struct.error, zlib.error, zipfile.BadZipFile, RecursionError, NotImplementedError, IndexError),
)


def read_npy(path: str | os.PathLike[str], most: int, what: str) -> Array:
    """The array in a .npy file of at most `most` bytes. `what` begins the sentences. Raises UserError."""
    with opened(path, most, what) as stream:
        try:
            return _array(stream, os.fstat(stream.fileno()).st_size)
        except _BROKEN as error:
            raise UserError(f"{what} {path} is damaged or cut short: {phrase(error)}.") from error


def read_npz(path: str | os.PathLike[str], names: tuple[str, ...], most: int, what: str) -> dict[str, Array]:
    """These arrays of a .npz file, by name; its size, and that of each when unpacked, is at most `most` bytes.

    Raises UserError, also when one is missing.
    """
    with opened(path, most, what) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                return {name: _member(archive, f"{name}.npy", most) for name in names}
        except _BROKEN as error:
            raise UserError(f"{what} {Path(path)} is damaged or lacks something: {phrase(error)}.") from error


def _member(archive: zipfile.ZipFile, name: str, most: int) -> Array:
    entry = archive.getinfo(name)
    honest = entry.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    if not honest or entry.file_size > min(most, _MOST_RATIO * entry.compress_size + 64):
        raise ValueError(f"“{name}” says it unpacks to {entry.file_size} bytes")
    with archive.open(entry) as packed:
        data = packed.read(entry.file_size)
    return _array(io.BytesIO(data), len(data))


def _array(stream: BinaryIO, size: int) -> Array:
    head = stream.read(8)
    if head[:6] != _MAGIC or len(head) < 8 or head[6] not in (1, 2, 3):
        raise ValueError("it does not begin as a .npy file does")
    form = "<H" if head[6] == 1 else "<I"
    (length,) = struct.unpack(form, stream.read(struct.calcsize(form)))
    if length > _MOST_HEADER:
        raise ValueError("its header is too long")
    header = ast.literal_eval(stream.read(length).decode("latin1"))
    dtype, shape = np.dtype(header["descr"]), tuple(header["shape"])
    if dtype.kind not in "fiubU" or dtype.itemsize == 0 or dtype.fields is not None:
        raise ValueError("it holds something else than numbers and words")
    if len(shape) > _MOST_AXES or not all(type(n) is int and 0 <= n <= size for n in shape):
        raise ValueError("it has a shape that no array of it can have")
    count = math.prod(shape)
    if count * dtype.itemsize > size - stream.tell():
        raise ValueError("it promises more than it holds")
    data = stream.read(count * dtype.itemsize)
    flat = np.frombuffer(data, dtype, count)
    if dtype.kind == "U" and count and np.frombuffer(data, dtype.str[0] + "u4").max() > sys.maxunicode:
        raise ValueError("it holds letters that there are not")  # and Python fails over them much later
    # Columns first: the axes lie in the file the other way round.
    return flat.reshape(shape[::-1]).T if header["fortran_order"] is True else flat.reshape(shape)


def phrase(error: BaseException) -> str:
    """What an exception says as part of a sentence: one line, not long, no full stop."""
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
