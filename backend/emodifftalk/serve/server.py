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
from ..core.protocol import PROTOCOL, NoMessage, ProtocolError, read_message, write_message
from ..core.watch import Watch
from .jobs import JOBS, SOON

_LOOK_ASIDE: dict = {}
"""Wakes the worker when something must not wait."""


class Server:
    """Reads requests from `source` in a thread of its own, works on them in the caller's, writes replies to `sink`."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source, self._sink = source, sink
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
        except (EOFError, OSError, ValueError):
            pass  # the other side is gone
        except ProtocolError as error:
            # What follows cannot be told from what was meant: a new process is better than one that guesses.
            self._refuse(None, f"a message that could not be read ({error})")
        except Exception:
            traceback.print_exc()
        finally:
            # However it ended, nobody is heard any more, and a job in mid-work has nobody left to report to: the
            # process ends with its pipe.
            self._requests.put(None)
            self._cancelled = _Everything()

    def _hear(self) -> bool:
        """Take one message in; false when it was the last one. Raises as `read_message`."""
        try:
            header, arrays = read_message(self._source)
        except NoMessage as error:
            self._refuse(None, str(error))
            return True
        number, op = header.get("id"), header.get("op", "")
        if not isinstance(number, int | None) or not isinstance(op, str):
            self._refuse(None, "a request without a number or a name")
        elif op == "shutdown":
            return False
        elif op == "cancel":
            target = header.get("target", -1)
            if isinstance(target, int):
                self._cancelled.add(target)
        elif not isinstance(header.get("params", {}), dict):
            self._refuse(number, "a request whose parameters are no object")
        else:
            (self._soon if op in SOON else self._requests).put({**header, "arrays": arrays})
            if op in SOON:
                self._requests.put(_LOOK_ASIDE)
        return True

    def _refuse(self, number: int | None, what: str) -> None:
        self._say({"id": number, "event": "error", "text": f"The backend was sent {what}."})

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
        number = request.get("id")
        job = JOBS.get(request.get("op", ""))
        try:
            if job is None:
                unknown = f"The backend does not know “{request.get('op')}”"
                raise UserError(f"{unknown}: the add-on and the backend differ in version.")
            params = {**request.get("params", {}), "arrays": request["arrays"]}
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


def main() -> int:
    """Serve the process's own stdin and stdout; returns the exit code."""
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    Server(sys.stdin.buffer, sink).run()
    return 0
