"""The installation in hand: what the computer has, what is wanted, the work and the timer that shows it.

The work is done in a thread that runs commands (`backend_install`); Blender's own thread never waits for it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..blender.guarding import start_timer
from ..blender.registering import Adds
from ..blender.state import State
from ..scene.preference_values import is_whole_path, preferences
from . import connection, long_work, memory, survey

if TYPE_CHECKING:
    from .install.order import Order
    from .install.work import Work

_TICK = 0.2
_SURVEY_SECONDS = 3.0
"""How long the button may take to look at the computer before it shows what it knows."""


@dataclass
class InstallState(State):
    """work: the installation, repair or removal in hand, or the last one.
    survey: what this computer has, as it was seen when the button was pressed last.
    """

    work: Work | None = None
    survey: survey.Survey | None = None


state = memory.keep(InstallState())


def busy() -> bool:
    """Whether an installation, a repair or a removal is going on."""
    return state.work is not None and state.work.running


def take_survey(seconds: float = _SURVEY_SECONDS) -> survey.Survey:
    """Look at the computer and wait so long for it."""
    computer = state.survey = survey.Survey(wheelhouse())
    threading.Thread(target=computer.take, daemon=True, name="emodifftalk_survey").start()
    computer.done.wait(seconds)
    return computer


def wheelhouse() -> Path | None:
    """The folder of wheels to install from without a network, None when none is chosen or its path is not whole."""
    chosen = preferences().wheelhouse
    return Path(chosen) if is_whole_path(chosen) else None


def why_no_network() -> str:
    """Why nothing can be fetched, one sentence; empty when it can."""
    house = wheelhouse()
    if house is not None:
        return "" if house.is_dir() else f"The folder of wheels {house} does not exist: correct it in the preferences"
    if bpy.app.online_access:
        return ""
    return (
        "Blender may not go online: allow it under Preferences → System → Network, or choose a folder of wheels in "
        "the add-on's preferences"
    )


def why_not(needs_network: bool = True) -> str:
    """Why an installation button is greyed out; empty when it is not."""
    if busy():
        return "The backend is being worked on: wait or cancel"
    if long_work.busy():
        return f"“{long_work.current().title}” is at work with the backend: wait for it or cancel it"
    return why_no_network() if needs_network else ""


def order(choice: str) -> Order:
    """What is wanted of the installer. choice: AUTO, CUDA or CPU. Raises UserError when that does not exist here."""
    known = state.survey
    if known is None or not known.done.is_set():
        known = take_survey(30.0)
    return known.order(choice)


def start(new: Work) -> None:
    """Begin; nothing else may be going on. A running backend ends first: its files are about to change."""
    if not connection.python_is_chosen():
        connection.stop()
        connection.client.forgive()
    state.work = new
    new.start()
    start_timer(_tick, _TICK)
    connection.redraw_panels()


def stop() -> None:
    """Give up what is going on; what is done of it is kept."""
    if state.work is not None and state.work.running:
        state.work.cancel()
        state.work.join(10)


def _tick() -> float | None:
    connection.redraw_panels()
    return _TICK if busy() else None


ADDS = Adds(at_exit=stop, timers=(_tick,))
