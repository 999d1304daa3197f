"""Background Blenders: found, started as child processes, listened to line by line, ended. Standard library only."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from .child_process import SOURCES, find_program, start_child
from .errors import UserError

_PATIENCE = 5.0
"""Seconds a child is given to leave before it is made to."""
_LONGEST_LINE = 1 << 20


class BlenderDied(UserError):
    """A background Blender ended without a sentence of its own."""


@dataclass(frozen=True)
class Blender:
    """What runs a script with Blender.

    program: the program itself or, when `is_module`, a Python that has Blender as a module.
    """

    program: str
    is_module: bool = False

    def command(self, script: Path, words: Sequence[str], blend: Path | None = None) -> list[str]:
        """The command line that runs a script with `words`; the program opens file `blend` first, the module leaves
        that to the script."""
        if self.is_module:
            return [self.program, "-P", str(script), *words]
        opened = [str(blend)] if blend is not None else []
        return [self.program, "-b", *opened, "--python", str(script), "--", *words]


def find_blender(chosen: str = "") -> Blender:
    """The program `chosen` (or a Python that has bpy), EMODIFFTALK_BLENDER, `blender` on the PATH, or this Python when
    it has Blender as a module. Raises UserError when there is none."""
    chosen = chosen or os.environ.get("EMODIFFTALK_BLENDER", "")
    if chosen:
        program = find_program(chosen)
        if program is None:
            raise UserError(f"There is no Blender at {chosen}.")
        return Blender(program, Path(program).name.lower().startswith("python"))
    program = find_program("blender")
    if program is not None:
        return Blender(program)
    if find_spec("bpy") is None:
        raise UserError("Blender was not found: say where it is with --blender PATH.")
    return Blender(sys.executable, True)


def find_script(*parts: str, chosen: str = "") -> Path:
    """A script of the add-on: `chosen`, or the one at `parts` below the add-on beside this backend. Raises UserError
    when it is not there."""
    path = Path(chosen) if chosen else SOURCES.parent.joinpath("addon", *parts)
    if not path.is_file():
        raise UserError(f"The add-on's {path} does not exist: install the extension again.")
    return path


class BlenderChild:
    """A background Blender. Every line it prints goes to `hear`, from a thread of its own; None when it has ended."""

    def __init__(self, words: list[str], hear: Callable[[str | None], None]) -> None:
        """Raises UserError when it cannot be started."""
        try:
            self._process = start_child(words, subprocess.STDOUT)
        except OSError as error:
            raise UserError(f"Blender ({words[0]}) cannot be started: {error.strerror or error}.") from error
        assert self._process.stdin is not None and self._process.stdout is not None  # both were asked for as pipes
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        threading.Thread(target=_read, args=(self._stdout, hear), daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def say(self, line: str) -> None:
        """Write a line to its standard input; one that has ended does not mind."""
        try:
            self._stdin.write(line.encode() + b"\n")
            self._stdin.flush()
        except (OSError, ValueError):
            pass  # that it is gone is heard at its other end

    def dismiss(self) -> None:
        """Close its standard input, which asks it to leave."""
        try:
            self._stdin.close()
        except OSError:
            pass

    def end(self) -> None:
        """Ask it to leave; then insist."""
        for step in (self.dismiss, self._process.terminate, self._process.kill):
            if self._process.poll() is not None:
                break
            try:
                step()
                self._process.wait(_PATIENCE)
            except (OSError, subprocess.TimeoutExpired):
                continue
        self.dismiss()
        self._stdout.close()

    def kill(self) -> None:
        """End it at once, also one that is stopped."""
        with contextlib.suppress(OSError):
            self._process.kill()

    def wait(self) -> int:
        """Its exit code, negative for a signal."""
        return self._process.wait()


def _read(printed: IO[bytes], hear: Callable[[str | None], None]) -> None:
    try:
        # A line without an end comes in pieces.
        while line := printed.readline(_LONGEST_LINE):
            hear(line.decode(errors="replace").rstrip())
    except (OSError, ValueError):
        pass  # the pipe was closed while we read
    hear(None)
