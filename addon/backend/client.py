"""The backend as a child process: started, spoken to over its pipes, watched, stopped. No Blender in this file.

The caller's thread never blocks: one thread reads replies, one writes requests, one keeps the end of the log. Each of
them ends with the process. `poll` hands out what has arrived and notices when the process is gone or silent.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from emodifftalk.core.child_process import module_words, start_child
from emodifftalk.core.errors import UserError
from emodifftalk.core.fields import mapped, number, text, whole
from emodifftalk.core.protocol import PROTOCOL, Nonsense, ProtocolError, read_message, write_message

if TYPE_CHECKING:
    import numpy as np

START_SECONDS = 120.0
"""Time for the first hello: torch loads in up to 20 s, a virus scanner may double that more than once."""
SILENT_SECONDS = 900.0
"""A job that reports nothing for so long is taken for stuck."""
CANCEL_SECONDS = 20.0
"""A job that does not answer a cancel for so long is ended with its process."""
DEATHS, DEATHS_WITHIN = 3, 600.0
"""After so many deaths in so many seconds it is not started again without being asked twice."""
LOG_LINES = 50

STOPPED, STARTING, READY, BUSY, DEAD = "stopped", "starting", "ready", "busy", "dead"


class BackendClient:
    """One backend process.

    state: `stopped`, `starting`, `ready`, `busy` or `dead`.
    problem: why it is dead, one sentence.
    hello: what the backend said about itself (device, rasterizer, front_end, text_encoder …), empty before.
    log: its last lines.
    pending: numbers of the requests that are not answered yet.
    """

    def __init__(self, start_seconds: float = START_SECONDS, again: str = "Press Generate to start it again.") -> None:
        """again: what the person does after a death; it ends the sentence."""
        self.state = STOPPED
        self.problem = ""
        self.hello: dict[str, str] = {}
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self.pending: set[int] = set()
        self._start_seconds, self._again = start_seconds, again
        self._process: subprocess.Popen | None = None
        self._events: queue.Queue[dict] = queue.Queue()
        self._outgoing: queue.Queue[dict | None] = queue.Queue()
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._cancels: dict[int, float] = {}
        self._heard = 0.0
        self._number = 0
        self._unsaid: list[dict] = []

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None else None

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self, python: str | os.PathLike, sources: Path | None = None) -> None:
        """Start the process unless it runs. `python` has the backend installed, or finds it in folder `sources`.

        Raises UserError when it cannot be started or has died too often lately.
        """
        if self.alive:
            return
        if self._process is not None:  # it has died, and nobody has looked since: whoever waits for it hears that
            self._unsaid += self._died()
        recent = [moment for moment in self._deaths if time.monotonic() - moment < DEATHS_WITHIN]
        if len(recent) >= DEATHS:
            raise UserError(
                f"The backend died {DEATHS} times within {DEATHS_WITHIN / 60:.0f} minutes{self._last_words()}; "
                "mend that and press Restart at the top of the EmoDiffTalk tab."
            )
        try:
            process = start_child(module_words(python, "emodifftalk", "serve"), subprocess.PIPE, sources)
        except OSError as error:
            raise UserError(f"The backend's Python {python} cannot be started: {error.strerror or error}.") from error
        self._process, self.state, self.problem, self.hello = process, STARTING, "", {}
        self._events, self._outgoing, self._heard = queue.Queue(), queue.Queue(), time.monotonic()
        self.log.clear()
        self._cancels.clear()
        for target, arguments in (
            (_read_replies, (process.stdout, self._events)),
            (_write_requests, (process.stdin, self._outgoing)),
            (_keep_log, (process.stderr, self.log)),
        ):
            threading.Thread(target=target, args=arguments, daemon=True, name=f"emodifftalk{target.__name__}").start()

    def request(self, op: str, params: dict, arrays: dict[str, np.ndarray] | None = None) -> int:
        """Send a request and return its number; the replies come out of `poll`. Raises UserError when nothing runs."""
        if not self.alive:
            raise UserError("The backend is not running.")
        self._number += 1
        self.pending.add(self._number)
        if self.state == READY:
            self.state = BUSY
        self._heard = time.monotonic()
        self._outgoing.put({"id": self._number, "op": op, "params": params, "arrays": arrays})
        return self._number

    def cancel(self, number: int) -> None:
        """Ask for a request to be given up; a `cancelled` (or, too late, its result) comes out of `poll`."""
        if number in self.pending and number not in self._cancels:
            self._cancels[number] = time.monotonic()
            self._outgoing.put({"op": "cancel", "target": number})

    def poll(self) -> list[dict]:
        """Replies that have arrived: {"id", "event": progress|result|error|cancelled, …}, in order, without waiting.

        When the process has died, one `error` with the reason for every request it left unanswered.
        """
        replies, self._unsaid = self._unsaid, []
        # Asked before the queue is emptied: what a dying process still said must not get lost.
        gone = self._process is not None and not self.alive
        while True:
            try:
                message = self._events.get_nowait() if not gone else self._events.get(timeout=0.5)
            except queue.Empty:
                break
            self._heard = time.monotonic()
            if message["event"] == "closed":
                if message["problem"]:
                    return replies + self._fail(
                        f"The backend said something that makes no sense ({message['problem']})."
                    )
                gone = True
                break
            replies += self._take(message)
        if gone and self.state not in (STOPPED, DEAD):
            replies += self._died()
        return replies + self._watch()

    def stop(self, seconds: float = 3.0) -> None:
        """End the process: politely, then firmly. Unanswered requests are forgotten."""
        process, self._process = self._process, None
        self.state = STOPPED
        self.pending.clear()
        self._cancels.clear()
        self._unsaid.clear()
        if process is None:
            return
        self._outgoing.put({"op": "shutdown"})
        self._outgoing.put(None)
        _end(process, seconds)

    def forgive(self) -> None:
        """Forget earlier deaths, so that it may be started again."""
        self._deaths.clear()

    def clear(self) -> None:
        """Become as new: stopped, earlier deaths and last words forgotten."""
        self.stop()
        self.forgive()
        self.state, self.problem = STOPPED, ""
        self.log.clear()

    def _take(self, message: dict) -> list[dict]:
        event, number = message.get("event"), message.get("id")
        if event == "hello":
            if message.get("protocol") != PROTOCOL:
                return self._fail(
                    f"The backend (version {message.get('version')}) and the add-on speak different protocols: "
                    "update both to the same version."
                )
            self.hello = {key: str(value) for key, value in message.items() if key not in ("event", "arrays")}
            self.state = BUSY if self.pending else READY
            return []
        if number not in self.pending:
            return []
        if event in ("result", "error", "cancelled"):
            self.pending.discard(number)
            self._cancels.pop(number, None)
            if self.state == BUSY and not self.pending:
                self.state = READY
        return [message]

    def _watch(self) -> list[dict]:
        now = time.monotonic()
        if self.state == STARTING and now - self._heard > self._start_seconds:
            seconds = f"{self._start_seconds:.0f} seconds"
            return self._fail(f"The backend did not start within {seconds}{self._last_words()}.")
        if self.state == BUSY and now - self._heard > SILENT_SECONDS:
            return self._fail(f"The backend was silent for {SILENT_SECONDS / 60:.0f} minutes and was ended.")
        late = [number for number, since in self._cancels.items() if now - since > CANCEL_SECONDS]
        if late:
            replies = [{"id": number, "event": "cancelled"} for number in late]
            self.pending.difference_update(late)
            return replies + self._fail("The backend did not let go of a cancelled job and was ended.")
        return []

    def _died(self) -> list[dict]:
        working = "in the middle of its work" if self.pending else "by itself"
        when = "while starting" if self.state == STARTING else working
        self._deaths.append(time.monotonic())
        return self._fail(f"The backend ended {when} ({_exit_words(self._process)}){self._last_words()}.")

    def _fail(self, problem: str) -> list[dict]:
        process, self._process = self._process, None
        if process is not None:
            self._outgoing.put(None)
            _end(process, 0.0)
        self.state, self.problem = DEAD, problem
        again = f"{problem} {self._again}"
        replies = [{"id": number, "event": "error", "text": again} for number in sorted(self.pending)]
        self.pending.clear()
        self._cancels.clear()
        return replies

    def _last_words(self) -> str:
        last = next((line.strip() for line in reversed(self.log) if line.strip()), "")
        return f"; its last words were “{last[:160]}”" if last else ""


def _read_replies(stream: BinaryIO, events: queue.Queue[dict]) -> None:
    problem = ""
    try:
        while True:
            header, arrays = read_message(stream)
            events.put({**well_formed(header), "arrays": arrays})
    except (ProtocolError, Nonsense) as error:
        problem = str(error)
    except (EOFError, OSError, ValueError):
        pass  # it is gone, or its pipe was closed
    finally:  # also when memory is short: whoever waits must hear of it
        events.put({"event": "closed", "problem": problem})


def well_formed(header: dict) -> dict:
    """A reply as everybody here expects it. Raises Nonsense for any other."""
    try:
        event = text(header.get("event"), 40)
        if event == "hello":
            return header
        if event not in ("progress", "result", "error", "cancelled"):
            raise ValueError(f"“{event}”")
        if header.get("id") is not None:
            whole(header["id"], 0, 2**63)
        reply = {"id": header.get("id"), "event": event, "text": text(header.get("text", ""), 100_000)}
        if event == "progress":
            reply["fraction"] = number(header.get("fraction", 0.0), -1e6, 1e6)
        if event == "result":
            reply["result"] = mapped(header.get("result", {}))
    except ValueError as error:
        raise Nonsense(f"a reply that is none: {error}") from error
    return reply


def _write_requests(stream: BinaryIO, outgoing: queue.Queue[dict | None]) -> None:
    try:
        while (message := outgoing.get()) is not None:
            arrays = message.pop("arrays", None)
            write_message(stream, message, arrays)
    except (OSError, ValueError):
        pass  # the process is gone, which the reader reports


def _keep_log(stream: BinaryIO, log: deque[str]) -> None:
    try:
        for line in stream:
            log.append(line.decode(errors="replace").rstrip())
    except (OSError, ValueError):
        pass


def _end(process: subprocess.Popen, patience: float) -> None:
    """Wait, terminate, kill; close the pipes so that the threads end."""
    for step, seconds in ((None, patience), (process.terminate, 1.0), (process.kill, 5.0)):
        if step is not None and process.poll() is None:
            step()
        try:
            process.wait(seconds)
            break
        except subprocess.TimeoutExpired:
            continue
    for pipe in (process.stdin, process.stdout, process.stderr):
        try:
            pipe.close()
        except (OSError, ValueError):
            pass


def _exit_words(process: subprocess.Popen) -> str:
    try:
        code = process.wait(1.0)
    except subprocess.TimeoutExpired:
        return "it closed its pipe"
    if code == 0:
        return "it left without an error"
    if code > 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name}: killed, often for lack of memory" if name == "SIGKILL" else name
