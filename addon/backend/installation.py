"""The installation in hand: what the computer has, what is wanted, the work and the timer that shows it.

The work is done in a thread that runs commands (`backend_install`); Blender's own thread never waits for it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from emodifftalk.core.errors import UserError

from ..blender.registering import Adds
from ..blender.state import State
from ..scene.preference_values import preferences
from . import connection, long_work, memory
from . import home as backend_home
from .install import sizes
from .install.builds import Build, builds_for, python_range
from .install.machine import Machine, look, suits
from .install.order import Order
from .install.pythons import Base, find_base
from .install.sizes import Size
from .install.work import Work

_TICK = 0.2
_SURVEY_SECONDS = 3.0
"""How long the button may take to look at the computer before it shows what it knows."""


@dataclass
class Survey:
    """What the computer has, found out in a thread. done: whether all of it is known. problem: why nothing fits."""

    machine: Machine | None = None
    base: Base | None = None
    builds: dict[str, Build] = field(default_factory=dict)
    sizes: dict[str, Size] = field(default_factory=dict)
    problem: str = ""
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def choice(self) -> str:
        """The build that suits the computer, empty while it is not known."""
        if self.machine is None or not self.builds:
            return ""
        suited = suits(self.machine)[0]
        return suited if suited in self.builds else next(iter(self.builds))

    def take(self) -> None:
        """Look at everything; the index is asked for sizes when Blender may go online."""
        try:
            self.machine = look()
            self.builds = builds_for(self.machine)
            self.sizes = {choice: sizes.shipped(build) for choice, build in self.builds.items()}
            self.base = find_base(self._own, *python_range())
            if self._online:
                for choice, build in self.builds.items():
                    self.sizes[choice] = sizes.asked(build, self._source, self.machine, self.base.version, 2.0)
        except UserError as error:
            self.problem = str(error)
        except OSError as error:
            self.problem = f"{error.filename or 'A file'} cannot be read ({error.strerror or error})."
        finally:
            self.done.set()

    def __post_init__(self) -> None:
        # Blender is asked here: the thread must not.
        self._own, self._source = backend_home.blender_python(), backend_home.source()
        self._online = bpy.app.online_access and not preferences().wheelhouse


@dataclass
class InstallState(State):
    """work: the installation, repair or removal in hand, or the last one.
    survey: what was found out when the button was pressed last.
    """

    work: Work | None = None
    survey: Survey | None = None


state = memory.keep(InstallState())


def busy() -> bool:
    """Whether an installation, a repair or a removal is going on."""
    return state.work is not None and state.work.running


def take_survey(seconds: float = _SURVEY_SECONDS) -> Survey:
    """Look at the computer and wait so long for it."""
    survey = state.survey = Survey()
    threading.Thread(target=survey.take, daemon=True, name="emodifftalk_survey").start()
    survey.done.wait(seconds)
    return survey


def wheelhouse() -> Path | None:
    """The folder of wheels to install from without a network, None when none is chosen."""
    chosen = preferences().wheelhouse
    return Path(bpy.path.abspath(chosen)) if chosen else None


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
    if known.problem:
        raise UserError(known.problem)
    wanted = known.choice if choice == "AUTO" else choice.lower()
    if wanted not in known.builds:
        raise UserError(f"There is no {choice} build for {known.machine.named}.")
    home, own = backend_home.home(), backend_home.blender_python()
    return Order(home, backend_home.source(), known.builds[wanted], own, wheelhouse())


def start(new: Work) -> None:
    """Begin; nothing else may be going on. A running backend ends first: its files are about to change."""
    if not connection.python_is_chosen():
        connection.stop()
        connection.client.forgive()
    state.work = new
    new.start()
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK, persistent=True)
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
