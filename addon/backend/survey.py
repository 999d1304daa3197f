"""What the computer has: its card, its Python, the builds that fit it and their sizes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from emodifftalk.core.errors import UserError

from . import home
from .install import sizes
from .install.builds import Build, builds_for, python_range
from .install.machine import Machine, look, suits
from .install.order import Order
from .install.pythons import Base, find_base
from .install.sizes import Size


@dataclass
class Survey:
    """What the computer has, looked at in a thread.

    wheelhouse: the folder of wheels to install from without a network, None when none is chosen.
    machine, base: the computer, and the Python an environment would be built on; None before they are known.
    builds, sizes: those that fit it, by choice.
    problem: why nothing fits, one sentence.
    done: whether all of it is known.
    """

    wheelhouse: Path | None = None
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

    @property
    def advice(self) -> str:
        """Why that build suits it, one sentence."""
        return suits(self.machine)[1]

    def order(self, choice: str) -> Order:
        """What is wanted of the installer. choice: AUTO, CUDA or CPU. Raises UserError when there is no such build."""
        if self.problem:
            raise UserError(self.problem)
        wanted = self.choice if choice == "AUTO" else choice.lower()
        if wanted not in self.builds:
            raise UserError(f"There is no {choice} build for {self.machine.named}.")
        return Order(home.home(), self._source, self.builds[wanted], self._own, self.wheelhouse)

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
        self._own, self._source = home.blender_python(), home.source()
        self._online = bpy.app.online_access and self.wheelhouse is None
