"""How the CPU rasterizer is compiled and how it uses the cores.

Two decisions live here, so that the kernels need not know about them:

* `kernel` compiles a function with numba, without the GIL, and keeps the machine code on disk so that the wait for the
  compiler is paid once per machine. Where nothing is writable (a read-only install) it compiles in memory, silently.
* `run_chunks` spreads chunks of work over a small pool of Python threads. numba's own parallel loops are not used:
  their portable threading layer aborts the process when two threads render at once, the OpenMP one fights with
  torch's OpenMP over the same two cores, and both hand out work in fixed halves, which is slow for a head in the
  middle of a picture. Here a thread takes the next chunk when it has finished one.

numba's disk cache notices changes only in the file of the cached function itself. Helpers that kernels call must
therefore sit in the same file as the kernels.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba

# Contracting a*b+c to one rounding and ignoring the sign of zero is safe. Flags that let the compiler assume "no
# NaN" are left out on purpose: a broken splat file must give a wrong pixel at worst, not undefined behaviour.
_FASTMATH = {"contract", "nsz", "arcp"}


def kernel(function: Callable) -> Callable:
    """Compile `function` for this processor: no GIL, C division rules, machine code cached on disk where possible."""
    options: dict[str, Any] = {"nogil": True, "fastmath": _FASTMATH, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba found no folder it may write a cache to
        return numba.njit(**options)(function)


def helper(function: Callable) -> Callable:
    """Compile a small function that is always inlined into the kernels of the same file."""
    return numba.njit(inline="always", fastmath=_FASTMATH, error_model="numpy")(function)


def summing_helper(function: Callable) -> Callable:
    """Compile a small function that may add in any order, which lets the compiler sum 16 lanes as a tree."""
    return numba.njit(fastmath=_FASTMATH | {"reassoc"}, error_model="numpy")(function)


def thread_count() -> int:
    """Threads a render uses: `EMODIFFTALK_THREADS` if set, else the cores this process may run on."""
    wanted = os.environ.get("EMODIFFTALK_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else (os.cpu_count() or 1)


_pool: ThreadPoolExecutor | None = None
_pool_process = -1
_pool_lock = threading.Lock()


def _helpers() -> ThreadPoolExecutor:
    """The shared pool (the calling thread works too, so it is one short of `thread_count`); made anew after a fork."""
    global _pool, _pool_process
    with _pool_lock:
        if _pool is None or _pool_process != os.getpid():
            _pool = ThreadPoolExecutor(max(1, thread_count() - 1), thread_name_prefix="splat")
            _pool_process = os.getpid()
        return _pool


def run_chunks(work: Callable[[int], object], chunks: int) -> None:
    """Call `work(i)` for i in 0..chunks-1, spread over the cores; returns when all are done, re-raises the first error.

    `work` must spend its time in kernels (which release the GIL) and chunks must not write to the same memory.
    """
    threads = min(thread_count(), chunks)
    if threads <= 1:
        for index in range(chunks):
            work(index)
        return
    tickets = itertools.count()  # next() on it is atomic

    def drain() -> None:
        while (index := next(tickets)) < chunks:
            work(index)

    futures = [_helpers().submit(drain) for _ in range(threads - 1)]
    try:
        drain()
    finally:
        # A helper that is still queued behind another render has nothing left to do: do not wait for it.
        running = [future for future in futures if not future.cancel()]
        errors = [error for future in running if (error := future.exception()) is not None]
    if errors:
        raise errors[0]


def slices(total: int, chunks: int) -> list[tuple[int, int]]:
    """Cut range(total) into at most `chunks` near-equal (start, stop) pieces, none empty."""
    chunks = max(1, min(chunks, total))
    edges = [total * index // chunks for index in range(chunks + 1)]
    return list(itertools.pairwise(edges)) if total else []
