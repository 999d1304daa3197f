"""Work in the background that runs commands: its progress, its log, its end. Cancelling ends everything it started."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from emodifftalk.core.child_process import PACKAGE
from emodifftalk.core.child_process import environment as child_environment
from emodifftalk.core.errors import Cancelled, UserError

SILENT_SECONDS = 1800.0
"""A command that says nothing for so long is stuck: unpacking torch to a slow disk is silent for minutes."""
LINES = 200


class CommandFailed(Exception):
    """A command ended badly.

    output: the end of what it said.
    code: its exit code.
    """

    def __init__(self, output: str, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.output, self.code = output, code


class Work:
    """One piece of work in a thread of its own.

    kind: what it is (`install`, `repair`, `uninstall`).
    fraction, text: how far it is, 0..1, and what goes on.
    problem: one sentence when it failed.
    note: one sentence about a good end.
    lines: the end of its log.
    """

    def __init__(self, kind: str, job: Callable[[Work], str], log: Path | None = None) -> None:
        """job: does it and returns the note; UserError, Cancelled and OSError are its ends. log: where lines go."""
        self.kind = kind
        self.fraction = 0.0
        self.text = "Starting"
        self.problem = ""
        self.note = ""
        self.cancelled = False
        self.running = True
        self.lines: deque[str] = deque(maxlen=LINES)
        self._job = job
        self._log = log
        self._stop = threading.Event()
        self._process: subprocess.Popen | None = None
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"emodifftalk_{kind}")

    @property
    def done(self) -> bool:
        """Whether it came to a good end."""
        return not self.running and not self.problem and not self.cancelled

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def cancel(self) -> None:
        """Give it up: the command it runs is killed with all its children. Returns at once."""
        self._stop.set()
        if self.running:
            self.text = "Cancelling"
        with self._guard:
            if self._process is not None:
                _kill_tree(self._process)

    def join(self, seconds: float | None = None) -> None:
        """Wait for its end."""
        self._thread.join(seconds)

    def say(self, text: str, fraction: float | None = None) -> None:
        """Report; also the place where a cancel takes effect. Raises Cancelled."""
        if self._stop.is_set():
            raise Cancelled
        self.text = text
        if fraction is not None:
            self.fraction = max(self.fraction, min(fraction, 1.0))

    def write(self, line: str) -> None:
        """Add a line to the log."""
        self.lines.append(line)
        if self._log is not None:
            with contextlib.suppress(OSError), self._log.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def command(
        self,
        command: list[str],
        environment: dict[str, str],
        heard: Callable[[str], bool] = lambda line: False,
        idle: Callable[[], None] = lambda: None,
        keep_open: tuple[int, ...] = (),
    ) -> str:
        """Run a command to its end and return what it said. Raises CommandFailed or Cancelled.

        heard: gets every line, and says whether the log can do without.
        idle: called about once a second.
        keep_open: file descriptors that the command inherits (not on Windows).
        """
        self.write("> " + " ".join(command))
        lines: queue.Queue[str | None] = queue.Queue()
        with self._guard:
            if self._stop.is_set():
                raise Cancelled
            self._process = process = _start(command, environment, keep_open)
        threading.Thread(target=_read, args=(process, lines), daemon=True, name="emodifftalk_output").start()
        said: deque[str] = deque(maxlen=LINES)
        try:
            self._listen(process, lines, said, heard, idle)
        finally:
            with self._guard:
                self._process = None
            _kill_tree(process)
        if self._stop.is_set():
            raise Cancelled
        if process.returncode:
            raise CommandFailed("\n".join(said), process.returncode)
        return "\n".join(said)

    def _listen(
        self,
        process: subprocess.Popen,
        lines: queue.Queue[str | None],
        said: deque[str],
        heard: Callable[[str], bool],
        idle: Callable[[], None],
    ) -> None:
        last = looked = time.monotonic()
        while True:
            try:
                line = lines.get(timeout=0.5)
            except queue.Empty:
                line = ""
            now = time.monotonic()
            if line is None:
                process.wait()
                return
            if line:
                last = now
                if not heard(line):
                    said.append(line)
                    self.write(line)
            if now - looked > 1.0:
                looked = now
                idle()
            if self._stop.is_set() or now - last > SILENT_SECONDS:
                _kill_tree(process)
                if not self._stop.is_set():
                    raise UserError("The installation was silent for half an hour: press the button again.")

    def _run(self) -> None:
        try:
            self.note = self._job(self)
            self.fraction = 1.0
        except Cancelled:
            self.cancelled = True
            self.write("Cancelled")
        except UserError as error:
            self.problem = str(error)
        except OSError as error:
            self.problem = f"{error.filename or 'A file'} cannot be used ({error.strerror or error})."
        except Exception as error:  # a mistake of ours must end as a sentence too, not as a bar that stands still
            self.problem = f"The installer made a mistake of its own ({type(error).__name__}: {error})."
        finally:
            if self.problem:
                self.write(self.problem)
            self.running = False


def _start(command: list[str], environment: dict[str, str], keep_open: tuple[int, ...]) -> subprocess.Popen:
    options: dict = {"start_new_session": True, "pass_fds": keep_open}
    if sys.platform == "win32":
        options = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    try:
        return subprocess.Popen(
            command,
            cwd=PACKAGE,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            **options,
        )
    except OSError as error:
        raise UserError(f"{command[0]} cannot be started ({error.strerror or error}).") from error


def _read(process: subprocess.Popen, lines: queue.Queue[str | None]) -> None:
    with contextlib.suppress(OSError, ValueError):
        for line in process.stdout:
            if line.strip():
                lines.put(line.rstrip())
    lines.put(None)


def _kill_tree(process: subprocess.Popen) -> None:
    """End a command and whatever it started; nothing when it has ended."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        taskkill = os.path.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe")
        subprocess.run(
            [taskkill, "/PID", str(process.pid), "/T", "/F"],
            capture_output=True,
            cwd=PACKAGE,
            env=child_environment(),
            creationflags=subprocess.CREATE_NO_WINDOW,
        )
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # it leads a group of its own
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
