"""The one backend of this Blender: which Python runs it, who waits for which reply, the timer that hands them out."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from emodifftalk.core.errors import UserError

from ..blender.guarding import start_timer
from ..blender.redraw import SIDE_BARS, redraw
from ..blender.registering import Adds
from ..scene.preference_values import is_whole_path, preferences
from ..start_up import ROOT
from . import home, memory, trust
from .client import DEAD, STARTING, STOPPED, BackendClient

if TYPE_CHECKING:
    import numpy as np

_TICK = 0.1


@dataclass(frozen=True)
class Listener:
    """Who hears about a request: of its progress any number of times, then of one end.

    done: gets the result.
    failed: gets the reason, one sentence.
    cancelled: it was given up.
    progress: gets the fraction, 0..1, and what is going on.
    """

    done: Callable[[dict], None]
    failed: Callable[[str], None]
    cancelled: Callable[[], None] = lambda: None
    progress: Callable[[float, str], None] = lambda fraction, text: None


client = memory.keep(BackendClient())
_listeners: dict[int, Listener] = memory.keep({})


def python_path() -> Path:
    """The Python that has the backend: the preference, EMODIFFTALK_PYTHON, the one Install Backend made, `.venv` beside
    the add-on, or, where Blender is a Python module, the Python it runs in. Raises UserError saying how to get one."""
    chosen = preferences().python_path or os.environ.get("EMODIFFTALK_PYTHON", "")
    if chosen:
        if not is_whole_path(chosen):
            raise UserError(
                f"The backend's Python “{chosen}” is no whole path, from the root of the disk: correct it in the "
                "add-on's preferences."
            )
        path = Path(chosen)
        if not path.is_file():
            raise UserError(f"The backend's Python {path} does not exist: correct it in the add-on's preferences.")
        return path
    problem = home.problem()
    if not problem:
        return home.home().python
    path = ROOT / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if path.is_file():
        return path
    if not bpy.app.binary_path and find_spec("torch") is not None:
        return Path(sys.executable)
    raise UserError(problem)


def python_is_chosen() -> bool:
    """Whether a person said which Python has the backend, so that the installed one does not count."""
    return bool(preferences().python_path or os.environ.get("EMODIFFTALK_PYTHON", ""))


def sources() -> Path | None:
    """The backend's sources in a checkout, to be run instead of an installed copy; None in an installed extension."""
    return ROOT / "backend" if (ROOT / "backend" / "emodifftalk").is_dir() else None


def unavailable_reason() -> str:
    """Why the backend cannot be started, one sentence; empty when it can."""
    try:
        python_path()
    except UserError as error:
        return str(error)
    return ""


def why_not_by_itself() -> str:
    """Why nothing is asked of the backend without a press, one sentence; empty when it may be."""
    return unavailable_reason() or ("" if trust.is_given() else trust.WAITS)


def start(by_itself: bool = False) -> None:
    """Start the backend unless it runs. Raises UserError.

    by_itself: nobody pressed anything: the open file, or what changed in it, is the reason (see `trust`).
    """
    if not by_itself:
        trust.give()
    elif not trust.is_given():
        raise UserError(trust.WAITS)
    client.start(python_path(), sources())
    start_timer(_tick, _TICK)


def request(
    op: str,
    params: dict,
    listener: Listener,
    arrays: dict[str, np.ndarray] | None = None,
    by_itself: bool = False,
) -> int:
    """Ask the backend for something, starting it if needed; the listener hears how it goes. Raises UserError.

    by_itself: as for `start`. Arrays of the result are under its "arrays".
    """
    start(by_itself)
    number = client.request(op, params, arrays)
    _listeners[number] = listener
    return number


def cancel(number: int) -> None:
    """Give a request up."""
    client.cancel(number)


def pump() -> None:
    """Hand out the replies that have arrived."""
    for reply in client.poll():
        number, event = reply["id"], reply["event"]
        listener = _listeners.get(number)
        if listener is None:
            continue
        if event == "progress":
            listener.progress(float(reply.get("fraction", 0.0)), str(reply.get("text", "")))
            continue
        del _listeners[number]
        if event == "result":
            arrays = {"arrays": reply["arrays"]} if reply.get("arrays") else {}
            listener.done({**reply.get("result", {}), **arrays})
        elif event == "cancelled":
            listener.cancelled()
        else:
            listener.failed(str(reply.get("text", "The backend reported an error without a reason.")))


def wait(number: int, step: float = 0.02, given_up: Callable[[], bool] | None = None) -> None:
    """Block until a request has ended (timers never fire in background mode). Ctrl-C cancels it.

    step: seconds between two looks.
    given_up: asked at every look; once it says yes the request is cancelled.

    The client ends whatever does not answer, so this always returns.
    """
    asked = False
    while number in _listeners:
        try:
            pump()
            if not asked and given_up is not None and given_up():
                asked = True
                cancel(number)
            time.sleep(step)
        except KeyboardInterrupt:
            cancel(number)


def stop() -> None:
    """Stop the backend; whoever waits hears that it was cancelled."""
    client.stop()
    waiting = list(_listeners.values())
    _listeners.clear()
    for listener in waiting:
        listener.cancelled()


def restart() -> None:
    """Stop it, forget that it died, start it: a press. Raises UserError."""
    stop()
    client.forgive()
    start()


def _tick() -> float | None:
    state = (client.state, client.problem)
    pump()
    if (client.state, client.problem) != state:
        redraw_panels()
    return None if client.state in (STOPPED, DEAD) and not _listeners else _TICK


def redraw_panels() -> None:
    """Draw the side bars and the preferences again."""
    redraw(SIDE_BARS)


def busy() -> bool:
    """Whether the backend is starting or somebody waits for it."""
    return bool(_listeners) or client.state == STARTING


ADDS = Adds(at_exit=stop, timers=(_tick,))
