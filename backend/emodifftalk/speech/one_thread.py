"""Torch on one thread: the same numbers on every computer of a kind, whatever its number of cores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch does not share an operation out among threads.

    Shared sums are added in an order that depends on how many threads there are: takes made on one and on two differed
    by up to 0.008 mm. What is done inside is small: a window of motion is too small to share, and on a busy machine
    threads that wait for each other at every layer were measured 70 times slower than one; a minute of voice takes
    1.1 s in place of 0.7 on two cores.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
