"""Waiting for what happens in another process."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 120.0


def until(condition: Callable[[], bool], act: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Call `act` until the condition holds. Fails after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        act()
        time.sleep(0.01)
