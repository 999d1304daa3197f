"""A lock on the installation's folder: two Blenders must not write into it. It ends with the process that holds it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from emodifftalk.core.errors import UserError


@contextlib.contextmanager
def locked(path: Path) -> Iterator[tuple[int, ...]]:
    """Hold the lock. Yields descriptors for commands to inherit: should Blender die, they hold it until they end too.

    Raises UserError when another process has it.
    """
    with path.open("a+b") as file:
        try:
            _lock(file.fileno())
        except OSError as error:
            raise UserError(
                "Another Blender is installing the backend, or a part of it is still running: wait until it has "
                "ended and press the button again."
            ) from error
        yield () if os.name == "nt" else (file.fileno(),)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
