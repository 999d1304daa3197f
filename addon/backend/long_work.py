"""Work of minutes or hours (a capture, a training) in a backend process of its own: Generate never waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import bpy
from bpy.types import Operator

from emodifftalk.core.errors import UserError

from ..blender.guarding import start_timer
from ..blender.registering import Adds
from ..blender.state import State
from . import connection, memory, trust
from .client import STARTING, BackendClient

_TICK = 0.2


@dataclass
class LongJob:
    """One piece of long work, or how the last one ended.

    op: what the backend is asked for.
    title: whose work it is.
    ended: called once, whatever the end.
    number: of the request.
    fraction, text: how far it is, 0..1, and what goes on.
    problem: one sentence when it failed.
    result: the backend's report when it is done.
    reported: fraction from which on a line is printed in background mode.
    """

    op: str
    title: str
    ended: Callable[[], None] = lambda: None
    number: int = 0
    fraction: float = 0.0
    text: str = ""
    problem: str = ""
    running: bool = True
    cancelled: bool = False
    result: dict = field(default_factory=dict)
    reported: float = 0.0

    @property
    def done(self) -> bool:
        """Whether it reached its end."""
        return bool(self.result)


client = memory.keep(BackendClient(again="Start again: what is done is kept."))


@dataclass
class _LongWork(State):
    """The work in hand, or the last one: one at a time, for each of them uses the whole computer."""

    job: LongJob | None = None


_state = memory.keep(_LongWork())


def current() -> LongJob | None:
    """The work in hand, or the last one."""
    return _state.job


def busy() -> bool:
    """Whether long work is going on."""
    return _state.job is not None and _state.job.running


def why_busy() -> str:
    """What long work is going on, one sentence; empty when there is none."""
    return f"“{_state.job.title}” is still at work: wait for it or cancel it" if busy() else ""


def why_not() -> str:
    """Why no long work can begin, one sentence; empty when it can."""
    return why_busy() or connection.unavailable_reason()


def start(new: LongJob, params: dict) -> None:
    """Begin; it reports in `new`. Raises UserError, nothing begun, when other work goes on or nothing starts."""
    if busy():
        raise UserError(f"{why_busy()}.")
    trust.give()
    client.forgive()  # a person pressed a button: earlier deaths are theirs to judge
    client.start(connection.python_path(), connection.sources())
    new.number = client.request(new.op, params)
    _state.job = new
    start_timer(_tick, _TICK)
    connection.redraw_panels()


def cancel() -> None:
    """Ask for the work in hand to be given up; what is done of it is kept."""
    if busy():
        _state.job.text = "Cancelling"
        client.cancel(_state.job.number)
        connection.redraw_panels()


def pump() -> None:
    """Hear what the backend has said."""
    for reply in client.poll():
        if _state.job is None or reply["id"] != _state.job.number:
            continue
        event = reply["event"]
        if event == "progress":
            _progressed(float(reply.get("fraction", 0.0)), str(reply.get("text", "")))
        elif event == "result":
            _end(result=reply.get("result", {}))
        elif event == "cancelled":
            _end(cancelled=True)
        else:
            _end(problem=str(reply.get("text", "The backend reported an error without a reason.")))


def wait(step: float = 0.05) -> None:
    """Block until the work has ended (timers never fire in background mode). Ctrl-C cancels it."""
    while busy():
        try:
            pump()
            time.sleep(step)
        except KeyboardInterrupt:
            cancel()


def end_operator(operator: Operator, new: LongJob) -> set[str]:
    """What an operator that has begun long work returns: at once in a window, after the work in background mode."""
    if not bpy.app.background:
        return {"FINISHED"}
    wait()
    if new.problem:
        operator.report({"ERROR"}, new.problem)
    return {"FINISHED"} if new.done else {"CANCELLED"}


def stop() -> None:
    """Give up the work in hand and end the process."""
    client.stop()
    if busy():
        _end(cancelled=True)


def job_text() -> str:
    """What is going on, in a few words."""
    if _state.job is None:
        return ""
    return "Starting the backend" if client.state == STARTING else _state.job.text or "Waiting"


def _progressed(fraction: float, text: str) -> None:
    _state.job.fraction = fraction
    if _state.job.text != "Cancelling":
        _state.job.text = text or _state.job.text
    if bpy.app.background:
        if fraction >= _state.job.reported:
            _state.job.reported = fraction + 0.1
            print(f"EmoDiffTalk: {_state.job.text} ({fraction:.0%})", flush=True)
    else:
        connection.redraw_panels()


def _end(result: dict | None = None, problem: str = "", cancelled: bool = False) -> None:
    _state.job.running, _state.job.result, _state.job.problem, _state.job.cancelled = (
        False,
        result or {},
        problem,
        cancelled,
    )
    if _state.job.done:
        _state.job.fraction = 1.0
    client.stop(0.0)  # it holds gigabytes and has nothing left to do
    _state.job.ended()
    connection.redraw_panels()


def _tick() -> float | None:
    pump()
    return _TICK if busy() else None


ADDS = Adds(at_exit=stop, timers=(_tick,))
