"""An .smc file is HDF5. Opened without following links to other files, and nothing larger than it can be is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ....core.errors import UserError

if TYPE_CHECKING:
    import h5py

MOST_BYTES = 64 << 20
"""No encoded picture and no mesh of a head is larger."""


@contextmanager
def open_smc(path: Path) -> Iterator[h5py.File]:
    """The opened file. Raises UserError when it is missing, no HDF5 or cut short."""
    try:
        import h5py
    except ImportError as error:
        raise UserError("Reading .smc files needs the package h5py: install it with pip.") from error
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError as error:
        raise UserError(f"The file {path} does not exist.") from error
    except OSError as error:
        raise UserError(f"{path} is no .smc file, or it is cut short: copy it again.") from error
    with file:
        yield file


def has(file: h5py.File, key: str) -> bool:
    """Whether there is something at `key` inside this very file."""
    try:
        _entry(file, key)
    except KeyError:
        return False
    return True


def names(file: h5py.File, key: str) -> list[str]:
    """What a group holds, empty when there is none."""
    import h5py

    group = _entry(file, key) if has(file, key) else None
    return list(group.keys()) if isinstance(group, h5py.Group) else []


def stored(file: h5py.File, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """Numbers of a shape (None accepts any length). Raises UserError naming the file and what is wrong."""
    array = _read(file, key)
    good = array.ndim == len(shape) and all(w in (None, h) for w, h in zip(shape, array.shape, strict=True))
    if not good or array.dtype.kind not in "fiu":
        raise UserError(f"{Path(file.filename).name}: “{key}” has shape {list(array.shape)}, which is not expected.")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise UserError(f"{Path(file.filename).name}: “{key}” contains numbers that are not finite.")
    return array


def stored_bytes(file: h5py.File, key: str) -> bytes:
    """An encoded picture. Raises UserError when there is none."""
    array = _read(file, key)
    if array.dtype != np.uint8:
        raise UserError(f"{Path(file.filename).name}: “{key}” is no picture.")
    return array.tobytes()


def _read(file: h5py.File, key: str) -> np.ndarray:
    import h5py

    name = Path(file.filename).name
    try:
        entry = _entry(file, key)
        if not isinstance(entry, h5py.Dataset) or entry.is_virtual or entry.external:
            raise UserError(f"{name}: “{key}” holds no data of its own.")
        if entry.size * entry.dtype.itemsize > MOST_BYTES:
            raise UserError(f"{name}: “{key}” says it has {entry.size} numbers: that is too many.")
        return np.asarray(entry[()])
    except KeyError as error:
        raise UserError(f"{name} has no “{key}”: copy it again, whole.") from error
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{name}: “{key}” is damaged: copy the file again.") from error


def _entry(file: h5py.File, key: str):
    """What is at a path, walked along hard links only: others may lead out of the file. Raises KeyError."""
    import h5py

    place = file
    for part in key.split("/"):
        if not isinstance(place, h5py.Group) or not isinstance(place.get(part, getlink=True), h5py.HardLink):
            raise KeyError(key)
        place = place[part]
    return place
