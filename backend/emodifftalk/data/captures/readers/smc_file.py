"""An .smc file is HDF5: a process of its own (`smc_child.py`) reads it, is asked for one piece after the other, and may
crash, wait for ever or ask for memory without harm.

Thousands of pictures lie in one file, each is asked for on its own: the process of a file stays for the next question,
at most `_PROCESSES` of them, and ends itself when nobody asks.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from ....core.arrays import Array
from ....core.child_process import SOURCES, how_it_ended, module_words, start_child
from ....core.errors import UserError
from ....core.opening import opened
from ....core.protocol import ProtocolError, read_message, write_message

MOST_BYTES = 64 << 20
"""No encoded picture and no mesh of a head is larger."""
SECONDS = 60.0
"""For one answer."""
_MEGABYTES = 1024
_MODULE = "emodifftalk.data.captures.readers.smc_child"
_PROCESSES = 2
"""Of a performance: its pictures and its annotations."""


class SmcFile:
    """An .smc file with the process that reads it."""

    def __init__(self, path: Path, key: tuple[object, ...]) -> None:
        self.path, self.key = path, key
        words = module_words(sys.executable, _MODULE, str(_MEGABYTES), str(path.absolute()))
        one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = start_child(words, subprocess.DEVNULL, SOURCES, one_thread)
        try:
            self._hear()
        except BaseException:
            self.close()
            raise

    def ask(self, op: str, key: str, name: str = "") -> tuple[dict[str, Any], dict[str, Array]]:
        """The other end's answer. Raises UserError with its sentence, or when it ends or is silent."""
        try:
            write_message(cast(BinaryIO, self._process.stdin), {"op": op, "key": key, "name": name})
        except OSError:  # it has ended: what it said last, or how it ended, is said below
            pass
        return self._hear()

    @property
    def alive(self) -> bool:
        """Whether its process can be asked."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def _hear(self) -> tuple[dict[str, Any], dict[str, Array]]:
        # A thread ends a process that does not answer: then the pipe ends too, and the reading of it.
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(SECONDS, give_up)
        timer.daemon = True
        timer.start()
        try:
            header, arrays = read_message(cast(BinaryIO, self._process.stdout))
        except (EOFError, OSError, ProtocolError) as error:
            self._process.kill()
            self._process.wait()
            if late.is_set():
                raise UserError(
                    f"{self.path.name} was not read within {SECONDS:.0f} seconds: it is damaged."
                ) from error
            how = how_it_ended(self._process.wait())
            raise UserError(f"{self.path.name} is damaged: the library that reads it ended with {how}.") from error
        finally:
            timer.cancel()
        if "error" in header:
            raise UserError(str(header["error"]))
        return header, arrays


_waiting: list[SmcFile] = []
"""Files whose processes can be asked again, the one asked last at the end."""
_lock = threading.Lock()


@contextmanager
def open_smc(path: Path) -> Iterator[SmcFile]:
    """The file, for the block alone. Raises UserError when it is missing, no HDF5 or cut short."""
    if importlib.util.find_spec("h5py") is None:
        raise UserError("Reading .smc files needs the package h5py: install it with pip.")
    with opened(path, None, "The file") as stream:
        status = os.fstat(stream.fileno())
    file = _ready(path, (path.absolute(), status.st_size, status.st_mtime_ns))
    try:
        yield file
    except UserError:
        if file.alive:  # it has said a sentence, and can be asked for something else
            _wait(file)
        else:
            file.close()
        raise
    except BaseException:
        file.close()
        raise
    _wait(file)


def _wait(file: SmcFile) -> None:
    with _lock:
        _waiting.append(file)
        ended = [_waiting.pop(0) for _ in range(len(_waiting) - _PROCESSES)]
    for other in ended:
        other.close()


def close_all() -> None:
    """End every process that waits for another question."""
    with _lock:
        ended, _waiting[:] = list(_waiting), []
    for file in ended:
        file.close()


atexit.register(close_all)


def _ready(path: Path, key: tuple[object, ...]) -> SmcFile:
    with _lock:
        file = next((file for file in reversed(_waiting) if file.key == key), None)
        if file is not None:
            _waiting.remove(file)
    if file is not None:
        # Asked for what every file has: it may be about to end itself, for want of questions.
        with contextlib.suppress(UserError):
            file.ask("has", "")
            return file
        file.close()
    return SmcFile(path, key)


def has(file: SmcFile, key: str) -> bool:
    """Whether there is something at `key` inside this very file."""
    return file.ask("has", key)[0].get("answer") is True


def names(file: SmcFile, key: str) -> list[str]:
    """What a group holds, empty when there is none."""
    return [str(name) for name in file.ask("names", key)[0].get("answer", ())]


def attribute(file: SmcFile, key: str, name: str) -> str | Array | None:
    """What is said of the entry at `key` (empty: of the file) under a name: text or numbers, None when nothing is."""
    header, arrays = file.ask("attribute", key, name)
    return str(header["answer"]) if "answer" in header else arrays.get("value")


def stored(file: SmcFile, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """Numbers of a shape (None accepts any length). Raises UserError naming the file and what is wrong."""
    array = _read(file, key)
    good = array.ndim == len(shape) and all(w in (None, h) for w, h in zip(shape, array.shape, strict=True))
    if not good or array.dtype.kind not in "fiu":
        raise UserError(f"{file.path.name}: “{key}” has shape {list(array.shape)}, which is not expected.")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise UserError(f"{file.path.name}: “{key}” contains numbers that are not finite.")
    return array


def stored_bytes(file: SmcFile, key: str) -> bytes:
    """An encoded picture. Raises UserError when there is none."""
    array = _read(file, key)
    if array.dtype != np.uint8:
        raise UserError(f"{file.path.name}: “{key}” is no picture.")
    return array.tobytes()


def _read(file: SmcFile, key: str) -> np.ndarray:
    array = file.ask("read", key)[1].get("value")
    if array is None or array.nbytes > MOST_BYTES:
        raise UserError(f"{file.path.name}: “{key}” is damaged: copy the file again.")
    return array
