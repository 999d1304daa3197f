"""The process that reads an .smc file for `smc_file.py`: HDF5 is a library in C, which a damaged file may crash.

`python -m emodifftalk.data.captures.readers.smc_child MEGABYTES PATH`. Asked and answered in messages of
`core/protocol.py` on its standard input and output, until the input ends or nobody has asked for `_IDLE` seconds:

    {"op": "has", "key"}                → {"answer": bool}
    {"op": "names", "key"}              → {"answer": [str, …]}
    {"op": "attribute", "key", "name"}  → {"answer": str} or the array “value”, or neither when there is none
    {"op": "read", "key"}               → the array “value”

or {"error": a sentence}. Links out of the file are not followed, and nothing larger than it can be is read.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ....core.arrays import Array
from ....core.errors import UserError
from ....core.opening import opened
from ....core.outside import limit_memory
from ....core.protocol import ProtocolError, read_message, write_message

MOST_BYTES = 64 << 20
"""No encoded picture and no mesh of a head is larger."""
MOST_NAMES = 100_000
_IDLE = 20.0
_COMPUTING = 1.0
"""Seconds; to unpack MOST_BYTES takes a third of that."""

Answer = tuple[dict[str, Any], dict[str, Array]]


def answer(file: h5py.File, asked: dict[str, Any]) -> Answer:
    """What is asked of the opened file. Raises UserError, whatever HDF5 stumbles over."""
    op, key, name = str(asked.get("op")), str(asked.get("key")), Path(file.filename).name
    try:
        if op == "has":
            return {"answer": _entry(file, key) is not None}, {}
        if op == "names":
            return {"answer": _names(file, key)}, {}
        if op == "attribute":
            return _attribute(file, key, str(asked.get("name")))
        return {}, {"value": _read(file, key, name)}
    except UserError:
        raise
    except Exception as error:  # h5py raises whatever the damaged file makes it stumble over
        raise UserError(f"{name}: “{key}” is damaged: copy the file again.") from error


def _entry(file: h5py.File, key: str) -> h5py.Group | h5py.Dataset | None:
    """What is at a path, walked along hard links only: others may lead out of the file."""
    place = file
    for part in key.split("/") if key else ():
        if not isinstance(place, h5py.Group) or not isinstance(place.get(part, getlink=True), h5py.HardLink):
            return None
        place = place[part]
    return place


def _names(file: h5py.File, key: str) -> list[str]:
    group = _entry(file, key)
    if not isinstance(group, h5py.Group):
        return []
    if len(group) > MOST_NAMES:
        raise ValueError("more names than a data set has")
    return list(group.keys())


def _attribute(file: h5py.File, key: str, name: str) -> Answer:
    place = _entry(file, key)
    if place is None or name not in place.attrs:
        return {}, {}
    kind = place.attrs.get_id(name)
    _expect_size(kind.shape, kind.dtype)
    value = place.attrs[name]
    if isinstance(value, str | bytes):
        return {"answer": value if isinstance(value, str) else value.decode("utf-8", errors="replace")}, {}
    return {}, {"value": np.asarray(value)}


def _read(file: h5py.File, key: str, name: str) -> Array:
    entry = _entry(file, key)
    if entry is None:
        raise UserError(f"{name} has no “{key}”: copy it again, whole.")
    if not isinstance(entry, h5py.Dataset) or entry.is_virtual or entry.external:
        raise UserError(f"{name}: “{key}” holds no data of its own.")
    if entry.dtype.kind not in "fiu":
        raise UserError(f"{name}: “{key}” holds no numbers.")
    try:
        _expect_size(entry.shape, entry.dtype)
        # A chunk is unpacked as a whole, however little of it is asked for.
        _expect_size(entry.chunks or (), entry.dtype)
    except ValueError as error:
        raise UserError(f"{name}: “{key}” says it has {entry.size} numbers: that is too many.") from error
    return np.asarray(entry[()])


def _expect_size(shape: tuple[int, ...] | None, dtype: np.dtype[Any]) -> None:
    if math.prod(shape or ()) * dtype.itemsize > MOST_BYTES:
        raise ValueError("more bytes than it can have")


def _limit_computing() -> None:
    """From here on this process ends when it computes for longer than an answer takes: damage can send HDF5 in circles.

    A slow disk costs no computing. Windows has no such limit: there whoever has asked ends the process.
    """
    if sys.platform == "win32":
        return
    import resource

    most, (_, hard) = math.ceil(time.process_time() + _COMPUTING), resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _end_when_idle(last: list[float]) -> None:
    while time.monotonic() - last[0] < _IDLE:
        time.sleep(_IDLE / 10)
    os._exit(0)


def main() -> None:
    """Open the file and answer until there is nobody to ask."""
    limit_memory(int(sys.argv[1]))
    path, last = Path(sys.argv[2]), [time.monotonic()]
    threading.Thread(target=_end_when_idle, args=(last,), daemon=True).start()
    try:
        with opened(path, None):
            pass
        _limit_computing()
        with h5py.File(path, "r") as file:
            write_message(sys.stdout.buffer, {"answer": True})
            while True:
                asked = read_message(sys.stdin.buffer)[0]
                last[0] = math.inf
                _limit_computing()
                try:
                    said = answer(file, asked)
                except UserError as error:
                    said = {"error": str(error)}, {}
                write_message(sys.stdout.buffer, *said)
                last[0] = time.monotonic()
    except (EOFError, ProtocolError, BrokenPipeError):
        return
    except UserError as error:
        write_message(sys.stdout.buffer, {"error": str(error)})
    except Exception:  # before the first answer: h5py raises what it stumbles over
        sentence = f"{path} is no .smc file, or it is cut short: copy it again."
        write_message(sys.stdout.buffer, {"error": sentence})


if __name__ == "__main__":
    main()
