"""A progress line on stderr: redrawn in place on a terminal, one line per stage in a log."""

from __future__ import annotations

import sys
import time


class ProgressLine:
    """What a `Watch` of the command line tells: called with a fraction 0..1, a stage (may be empty) and a sentence."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._terminal = sys.stderr.isatty()
        self._said, self._at = "", 0.0

    def __call__(self, fraction: float, stage: str, text: str) -> None:
        if self._quiet:
            return
        text = " · ".join(t for t in (stage, text) if t) or self._said
        if self._terminal:
            now = time.monotonic()
            if now - self._at > 0.1 or fraction >= 1:
                self._at = now
                filled = round(24 * fraction)
                print(f"\r[{'█' * filled}{'·' * (24 - filled)}] {fraction:4.0%} {text:<50.50}", end="", file=sys.stderr)
        elif text != self._said:
            print(f"{fraction:4.0%} {text}", file=sys.stderr, flush=True)
        self._said = text

    def close(self) -> None:
        """End the line."""
        if self._terminal and not self._quiet:
            print(file=sys.stderr)
