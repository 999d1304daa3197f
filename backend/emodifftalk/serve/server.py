"""The backend process: requests on stdin, replies on stdout, one job at a time, cancellable. No port is opened.

What a person waits for with their eyes on the face is done between two steps of a longer job, not after it.

The real stdout is kept for messages alone; whatever a library prints goes to stderr, whose tail the add-on shows when
the process dies.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from typing import BinaryIO

import numpy as np

from .. import __version__
from ..core.errors import Cancelled, UserError
from ..core.protocol import PROTOCOL, Nonsense, ProtocolError, number_of, read_message, write_message
from ..core.watch import Watch
from .jobs import JOBS, SOON

_PATIENCE = 60.0
"""Seconds a job is given to end after its listener has gone."""
_LOOK_ASIDE: dict = {}
"""Wakes the worker when something must not wait."""


class Server:
    """Reads requests from `source` in a thread of its own, works on them in the caller's, writes replies to `sink`."""

    def __init__(self, source: BinaryIO, sink: BinaryIO, gone: Callable[[], None] = lambda: None) -> None:
        """gone: called, in the thread that listens, when nothing more will be heard."""
        self._source, self._sink, self._gone = source, sink, gone
        self._lock = threading.Lock()
        self._requests: queue.Queue[dict | None] = queue.Queue()
        self._soon: queue.Queue[dict] = queue.Queue()
        self._aside = False
        self._cancelled: set[int] = set()

    def run(self) -> None:
        """Work until the add-on says shutdown or closes the pipe."""
        self._say({"event": "hello", "protocol": PROTOCOL, "version": __version__, **_abilities()})
        threading.Thread(target=self._listen, daemon=True).start()
        while (request := self._requests.get()) is not None:
            if request is not _LOOK_ASIDE:
                self._work(request)
            self._between()

    def _listen(self) -> None:
        try:
            while self._hear():
                pass
        except Exception:  # whatever it is: a process that cannot hear must not stay
            traceback.print_exc()
        finally:
            # A job in mid-work has nobody left to report to: the process ends with its pipe.
            self._requests.put(None)
            self._cancelled = _Everything()
            self._gone()

    def _hear(self) -> bool:
        """Take the next message; whether there can be another one."""
        try:
            header, arrays = read_message(self._source)
        except Nonsense as error:
            self._refuse(error.number, str(error))
            return True
        except ProtocolError as error:
            self._refuse(None, str(error))
            return False
        except (EOFError, OSError, ValueError):
            return False
        op, number, params = header.get("op"), number_of(header), header.get("params", {})
        if op == "shutdown":
            return False
        if op == "cancel":
            target = header.get("target")
            if type(target) is int:
                self._cancelled.add(target)
        elif not isinstance(op, str) or number is None or not isinstance(params, dict):
            self._refuse(number, "a request is an operation, a number and parameters")
        else:
            request = {"id": number, "op": op, "params": params, "arrays": arrays}
            if op in SOON:
                self._soon.put(request)
                request = _LOOK_ASIDE
            self._requests.put(request)
        return True

    def _refuse(self, number: int | None, why: str) -> None:
        text = f"The backend was asked something that makes no sense ({why[:200]}): the versions may differ."
        self._say({"id": number, "event": "error", "text": text})

    def _between(self) -> None:
        """Do what must not wait, one after the other."""
        if self._aside:
            return
        self._aside = True
        try:
            while not self._soon.empty():
                self._work(self._soon.get())
        finally:
            self._aside = False

    def _work(self, request: dict) -> None:
        number = request["id"]
        job = JOBS.get(request["op"])
        try:
            if job is None:
                unknown = f"The backend does not know “{request['op'][:60]}”"
                raise UserError(f"{unknown}: the add-on and the backend differ in version.")
            params = {**request["params"], "arrays": request["arrays"]}
            result = job(params, Watch(self._progress(number), lambda: number in self._cancelled))
            arrays = result.pop("arrays", None)
            self._say({"id": number, "event": "result", "result": result}, arrays)
        except Cancelled:
            self._say({"id": number, "event": "cancelled"})
        except UserError as error:
            self._say({"id": number, "event": "error", "text": str(error)})
        except MemoryError:
            self._say({"id": number, "event": "error", "text": "There is not enough memory for this shot: shorten it."})
        except Exception as error:
            traceback.print_exc()
            text = f"The backend stumbled over a fault of its own ({type(error).__name__}: {error})"
            self._say({"id": number, "event": "error", "text": f"{text}; its log has the details."})
        self._cancelled.discard(number)

    def _progress(self, number: int | None) -> Callable[[float, str, str], None]:
        def progress(fraction: float, stage: str, text: str) -> None:
            self._say({"id": number, "event": "progress", "fraction": fraction, "stage": stage, "text": text})
            self._between()

        return progress

    def _say(self, header: dict, arrays: dict[str, np.ndarray] | None = None) -> None:
        with self._lock:
            try:
                write_message(self._sink, header, arrays)
            except (BrokenPipeError, OSError, ValueError):
                self._cancelled = _Everything()


class _Everything(set):
    """Contains every request: the other side is gone."""

    def __contains__(self, item: object) -> bool:
        return True


def _abilities() -> dict[str, str]:
    import torch

    from ..emotion.text_encoders import choose_text_encoder
    from ..speech.frontends import choose_front_end
    from ..splat.rasterize import choose_rasterizer

    return {
        "device": "cuda" if torch.cuda.is_available() else "cpu",
        "rasterizer": choose_rasterizer("auto"),
        "front_end": choose_front_end("auto"),
        "text_encoder": choose_text_encoder("auto"),
    }


def _leave_soon() -> None:
    """A job that does not listen, in the midst of a library's work, must not keep a process that nobody hears."""
    timer = threading.Timer(_PATIENCE, os._exit, (1,))
    timer.daemon = True
    timer.start()


def main() -> int:
    """Serve the process's own stdin and stdout; returns the exit code."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    Server(sys.stdin.buffer, sink, _leave_soon).run()
    return 0
