"""The Blender that photographs: started, listened to, ended."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ...core.blender_process import Blender, BlenderChild, BlenderDied
from ...core.child_process import SOURCES, how_it_ended
from ...core.errors import UserError
from ...core.opening import parse_json
from ...core.plan import SAY
from ...core.watch import UNWATCHED, Watch

SCRIPT = ("capture", "studio", "__main__.py")
"""The add-on's script that photographs."""
_LOOK = 0.2  # seconds between two looks at a cancel
_STILL = 60.0
"""Seconds after which a child that says nothing, busy with one picture, is reported as still working."""


def command(blender: Blender, script: Path, blend: Path, folder: Path) -> list[str]:
    """The command line of the child process."""
    words = ["--blend", str(blend), "--folder", str(folder), "--core", str(SOURCES), "--child"]
    return blender.command(script, words, blend)


def photograph(words: list[str], hear: Callable[[dict], None], watch: Watch = UNWATCHED) -> None:
    """Run the child to its end; `hear` gets what it says, and {"event": "working"} now and then while it says nothing.

    Raises UserError with its own sentence, BlenderDied with how it ended without one, Cancelled; the child has ended in
    every case.
    """
    lines: queue.Queue[str | None] = queue.Queue()
    child = BlenderChild(words, lines.put)
    try:
        _listen(child, lines, hear, watch)
    finally:
        child.end()


def _listen(child: BlenderChild, lines: queue.Queue[str | None], hear, watch: Watch) -> None:
    last: deque[str] = deque(maxlen=20)
    done, heard = False, time.monotonic()
    while True:
        watch.check()
        try:
            line = lines.get(timeout=_LOOK)
        except queue.Empty:
            if time.monotonic() - heard > _STILL:
                heard = time.monotonic()
                hear({"event": "working"})
            continue
        if line is None:
            break
        if not line.startswith(SAY):
            last.append(line)
            continue
        event, heard = parse_json(line.removeprefix(SAY)), time.monotonic()
        if event["event"] == "error":
            raise UserError(event["text"])
        done = done or event["event"] == "done"
        hear(event)
    if not done:
        raise BlenderDied(_death(child.wait(), last))


def _death(code: int, last: deque[str]) -> str:
    words = next((line.strip() for line in reversed(last) if line.strip()), "")
    said = f"; its last words were “{words[:160]}”" if words else ""
    how = how_it_ended(code)
    return f"Blender ended in the middle of its work ({how}){said}. What it photographed is kept: start again to go on."
