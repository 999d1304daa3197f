"""Work on a stranger's file with a library that is not ours to trust, in a short-lived process of its own.

What such a library reads badly it may crash on, wait for ever or fill the memory: that ends the process, and becomes a
sentence. The child answers with one message of `protocol` on its standard output.
"""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

from .arrays import Array
from .child_process import PACKAGE, SOURCES, environment, how_it_ended, module_words, window_flags
from .errors import UserError
from .protocol import ProtocolError, read_message, write_message

MEGABYTES = 4096
"""Memory of a child, where nothing else is said; its libraries alone reserve some hundreds."""
SECONDS = 60.0
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Threads that nothing needs reserve memory, on computers of many cores all that there may be."""


def ask_outside(
    module: str, words: list[str], what: str, seconds: float = SECONDS, megabytes: int = MEGABYTES
) -> tuple[dict[str, Any], dict[str, Array]]:
    """Run `python -m module words…` and return its answer: a header and arrays.

    what: the file, as it begins a sentence. Raises UserError with the sentence the child gave, or one that says how it
    ended.
    """
    words = module_words(sys.executable, module, str(megabytes), *words)
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            cwd=PACKAGE,
            env=environment(_ONE_THREAD, sources=SOURCES),
            creationflags=window_flags(),
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"{what} could not be read within {seconds:.0f} seconds: it is damaged, or too large."
        ) from error
    except OSError as error:
        raise UserError(
            f"{what} could not be read: its reader cannot be started ({error.strerror or error})."
        ) from error
    try:
        header, arrays = read_message(io.BytesIO(done.stdout))
    except (EOFError, ProtocolError) as error:
        how = how_it_ended(done.returncode)
        raise UserError(f"{what} is damaged: the library that reads it ended with {how}.") from error
    if "error" in header:
        raise UserError(str(header["error"]))
    return header, arrays


def answer_outside(header: dict[str, Any], arrays: dict[str, Array] | None = None) -> None:
    """Called in the child, once: the answer."""
    write_message(sys.stdout.buffer, header, arrays)


def limit_memory(megabytes: int) -> None:
    """Called in the child before it loads the library: from here on it cannot take more memory than this.

    Windows has no such limit for a process that asks for it itself; there only the time is limited.
    """
    if sys.platform == "win32":
        return
    import resource

    size = megabytes << 20
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = size if hard == resource.RLIM_INFINITY else min(size, hard)
    # macOS refuses limits of address space on some versions: the time limit is left.
    try:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        return


def limit_growth(megabytes: int) -> None:
    """Called in the child when its libraries are loaded: a file cannot make it take more than so much on top of what it
    has. Only Linux says and limits that."""
    if sys.platform != "linux":
        return
    import resource

    with open("/proc/self/status", "rb") as stream:
        has = next((int(line.split()[1]) << 10 for line in stream if line.startswith(b"VmData")), None)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if has is not None and hard == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_DATA, (has + (megabytes << 20), hard))
