"""One take in the making."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from . import performance


@dataclass
class Job:
    """One take in the making, or how the last one ended.

    head_uid: session uid of the head.
    request: what is performed.
    path: of the take.
    live: whether it was Live that asked for it.
    number: of the request to the backend.
    fraction: of the work that is done, 0..1.
    text: what the backend does now, a few words.
    problem: one sentence when it failed.
    started, heard_of, ended: seconds, when it was asked for, when the backend began with it, and when it was made.
    reported: the last line printed in background mode.
    result: the backend's report when it is done (seconds per stage, names of the models).
    """

    head_uid: int
    request: performance.Request
    path: Path
    live: bool = False
    number: int = 0
    fraction: float = 0.0
    text: str = ""
    problem: str = ""
    running: bool = True
    started: float = field(default_factory=time.monotonic)
    heard_of: float = 0.0
    ended: float = 0.0
    reported: str = ""
    result: dict = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.started
