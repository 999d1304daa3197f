"""The shot queue of this Blender: the same runner as on the command line, in a process of Blender's own Python.

It ends cleanly with Blender: its input closes, the current frames are dropped, and the next start goes on from there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from emodifftalk.core.child_process import PACKAGE, SOURCES, environment, module_words, window_flags
from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import is_plain_file, read_text
from emodifftalk.shots.names import CANCEL, FAILED

from ..backend import connection
from ..blender.guarding import start_timer
from ..blender.registering import Adds
from . import memory

if TYPE_CHECKING:
    from emodifftalk.shots.queue_folder import QueueFolder

_TICK = 0.4
_SCRIPT = Path(__file__).resolve().parent / "worker" / "render_worker.py"
_PATIENCE = 5.0


class ShotProcess:
    """The queue that this Blender started last.

    folder: where it renders to, None before the first.
    blend: the file it renders.
    status: what it last said of itself, {} before.
    problem: one sentence when it could not begin.
    cancelling: whether it was asked to give up.
    """

    def __init__(self) -> None:
        self.folder: QueueFolder | None = None
        self.blend = ""
        self.status: dict = {}
        self.problem = ""
        self.cancelling = False
        self._process: subprocess.Popen | None = None
        self._seen = 0

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self._process is not None

    def start(self, path: Path, output: Path, jobs: int, changed: str) -> None:
        """Begin to render the list `path` to folder `output`. Raises UserError."""
        from emodifftalk.shots.queue_folder import QueueFolder

        if self.running:
            raise UserError("The shots are being rendered already: wait for them or cancel.")
        self.folder, self.status, self.problem, self.cancelling = QueueFolder(output), {}, "", False
        self.blend = bpy.data.filepath
        self._seen = self._stamp()
        blender = bpy.app.binary_path or sys.executable
        words = ["run", str(path), "--out", str(output), "--jobs", str(jobs)]
        words += ["--changed", changed, "--blender", blender, "--worker", str(_SCRIPT), "--child", "--polite"]
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            if self._log.exists() and not is_plain_file(self._log):  # a pipe would be waited for
                raise UserError(f"The log {self._log} is no plain file: take it away.")
            with open(self._log, "wb") as log:
                self._process = subprocess.Popen(
                    module_words(sys.executable, "emodifftalk.shots", *words), stdin=subprocess.PIPE, stdout=log,
                    stderr=subprocess.STDOUT, cwd=PACKAGE, env=environment(sources=SOURCES),
                    creationflags=window_flags(_POLITE),
                )  # fmt: skip
        except OSError as error:
            raise UserError(f"The shot queue cannot be started: {error.filename or ''} {error.strerror}.") from error
        start_timer(_tick, _TICK)

    def poll(self) -> bool:
        """Hear what has happened; returns whether anything has."""
        if not self.running:
            return False
        ended = self._process.poll() is not None  # asked first: its last words come before its end
        stamp = self._stamp()
        news = ended or stamp != self._seen
        if stamp != self._seen:
            self._seen, self.status = stamp, self.folder.status() or self.status
        if ended:
            code = self._process.wait()
            self._close()
            if code == 1 and self.status.get("state") != FAILED:
                self.problem = self._last_words()
        return news

    def ask(self, what: str) -> None:
        """Ask it to pause, go on or give up. Raises UserError."""
        if self.running:
            self.cancelling = what == CANCEL
            self.folder.ask(what)

    def wait(self) -> None:
        """Block until it ends (timers never fire in background mode). Ctrl-C cancels it."""
        while self.running:
            try:
                self._process.wait()
            except KeyboardInterrupt:
                self._process.stdin.close()
            self.poll()

    def stop(self) -> None:
        """End it; what is finished stays."""
        process = self._process
        if process is None:
            return
        for step in (process.stdin.close, process.terminate, process.kill):
            try:
                step()
                process.wait(_PATIENCE)
                break
            except (OSError, subprocess.TimeoutExpired):
                continue
        self.poll()

    def clear(self) -> None:
        """Become as new, ended and forgotten."""
        self.stop()
        self.__init__()  # type: ignore[misc]

    def _close(self) -> None:
        try:
            self._process.stdin.close()
        except OSError:
            pass
        self._process = None

    @property
    def _log(self) -> Path:
        return self.folder.folder / "runner.log"

    def _stamp(self) -> int:
        try:
            return os.stat(self.folder.folder / "status.json").st_mtime_ns
        except OSError:
            return 0

    def _last_words(self) -> str:
        try:
            lines = read_text(self._log).strip().splitlines()
        except UserError:
            lines = []
        return lines[-1].removeprefix("emodifftalk: ") if lines else "The shot queue ended without a reason."


# So that the person's own Blender comes first; elsewhere the runner sees to that.
_POLITE = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
queue = memory.keep(ShotProcess())


def _tick() -> float | None:
    if queue.poll():
        connection.redraw_panels()
    return _TICK if queue.running else None


ADDS = Adds(at_exit=queue.stop, timers=(_tick,))
