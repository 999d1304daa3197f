"""The Blender that photographs: found, started as a child process, listened to, ended."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from ..core.errors import Cancelled, UserError
from ..core.plan import SAY

SOURCES = Path(__file__).parents[2]
"""The folder that has the package `emodifftalk`."""
_LOOK = 0.2  # seconds between two looks at a cancel
_PATIENCE = 5.0
_STILL = 60.0
"""Seconds after which a child that says nothing, busy with one picture, is reported as still working."""


class BlenderDied(UserError):
    """The photographing Blender ended without a sentence of its own."""


def find_blender(chosen: str = "") -> list[str]:
    """The words that run a script with Blender: the program `chosen`, `blender` on the PATH, or this Python when it has
    Blender as a module. Raises UserError when there is none."""
    if chosen:
        found = shutil.which(chosen)
        if found is None:
            raise UserError(f"There is no Blender at {chosen}.")
        return [found]
    found = shutil.which("blender")
    if found is None and find_spec("bpy") is None:
        raise UserError("Blender was not found: say where it is with --blender PATH.")
    return [found] if found is not None else []


def find_script(chosen: str = "") -> Path:
    """The add-on's script that photographs. Raises UserError when it is not beside this backend."""
    path = Path(chosen) if chosen else SOURCES.parent / "addon" / "capture" / "__main__.py"
    if not path.is_file():
        raise UserError(f"The add-on's {path} does not exist: install the extension again.")
    return path


def command(blender: list[str], script: Path, blend: Path, folder: Path) -> list[str]:
    """The command line of the child process."""
    words = ["--blend", str(blend), "--folder", str(folder), "--core", str(SOURCES), "--child"]
    if blender:
        return [*blender, "-b", str(blend), "--python", str(script), "--", *words]
    return [sys.executable, str(script), *words]


def photograph(
    words: list[str], hear: Callable[[dict], None], cancelled: Callable[[], bool] = lambda: False
) -> None:
    """Run the child to its end; `hear` gets what it says, and {"event": "working"} now and then while it says nothing.

    Raises UserError with its own sentence, BlenderDied with how it ended without one, Cancelled; the child has ended in
    every case.
    """
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP")}
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise UserError(f"Blender ({words[0]}) cannot be started: {error.strerror or error}.") from error
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    try:
        _listen(process, lines, hear, cancelled)
    finally:
        _end(process)


def _read(process: subprocess.Popen, lines: queue.Queue[str | None]) -> None:
    try:
        for line in process.stdout:
            lines.put(line.decode(errors="replace").rstrip())
    except (OSError, ValueError):
        pass  # the pipe was closed while we read
    lines.put(None)


def _listen(process, lines: queue.Queue[str | None], hear, cancelled) -> None:
    last: deque[str] = deque(maxlen=20)
    done, heard = False, time.monotonic()
    while True:
        if cancelled():
            raise Cancelled
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
        event, heard = json.loads(line.removeprefix(SAY)), time.monotonic()
        if event["event"] == "error":
            raise UserError(event["text"])
        done = done or event["event"] == "done"
        hear(event)
    if not done:
        raise BlenderDied(_death(process.wait(), last))


def _death(code: int, last: deque[str]) -> str:
    try:
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    except ValueError:
        how = f"signal {-code}"
    words = next((line.strip() for line in reversed(last) if line.strip()), "")
    said = f"; its last words were “{words[:160]}”" if words else ""
    return f"Blender ended in the middle of its work ({how}){said}. What it photographed is kept: start again to go on."


def _end(process: subprocess.Popen) -> None:
    """Close its input, which asks it to leave; then insist."""
    for step in (process.stdin.close, process.terminate, process.kill):
        if process.poll() is not None:
            break
        try:
            step()
            process.wait(_PATIENCE)
        except (OSError, subprocess.TimeoutExpired):
            continue
    process.stdout.close()
