"""What happens when the system, or whoever started us, asks the process to end: it tidies up and goes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class ToldToEnd(BaseException):
    """The process was asked to end (SIGTERM). No ordinary error: only what tidies up may stop it on its way."""


@contextmanager
def ends_when_told() -> Iterator[None]:
    """Inside, SIGTERM raises ToldToEnd where the program happens to be, so that what is half-written is deleted and
    children are ended. A second one is not waited for. Without effect outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def told(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise ToldToEnd

    before = signal.signal(signal.SIGTERM, told)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)
