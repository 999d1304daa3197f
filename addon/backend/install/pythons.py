"""Pythons an environment can be built on: Blender's own as a base (never installed into), or one of the system's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from emodifftalk.core.child_process import PACKAGE, environment, find_program, window_flags
from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import parse_json

_QUESTION = """
import json, sys
from importlib.util import find_spec
has = {name: find_spec(name) is not None for name in ("venv", "ensurepip", "pip")}
print(json.dumps({"version": list(sys.version_info[:2]), "wide": sys.maxsize > 2**32, **has}))
"""


@dataclass(frozen=True)
class Base:
    """An interpreter.

    version: e.g. (3, 11).
    venv, ensurepip, pip: whether it has them.
    own: whether it is Blender's.
    """

    path: Path
    version: tuple[int, int]
    venv: bool
    ensurepip: bool
    pip: bool
    own: bool = False

    @property
    def named(self) -> str:
        """In a person's words."""
        number = ".".join(map(str, self.version))
        return f"Blender's Python {number} as the base" if self.own else f"Python {number} at {self.path}"


def find_base(own: str, oldest: tuple[int, int], newest: tuple[int, int]) -> Base:
    """The best Python from `oldest` to `newest` to build on: Blender's own (`own`, its path), else one on the PATH.

    Raises UserError when there is none.
    """
    without_pip = None
    for path in _candidates(own, oldest, newest):
        base = ask(path, own=path == own)
        if base is None or not base.venv or not oldest <= base.version <= newest:
            continue
        if base.ensurepip or base.pip:
            return base
        without_pip = without_pip or base  # pip can be fetched, but a Python that has it saves that
    if without_pip is not None:
        return without_pip
    lowest, highest = (".".join(map(str, version)) for version in (oldest, newest))
    raise UserError(
        f"No Python {lowest} to {highest} that can make an environment was found, neither Blender's nor the system's: "
        f"install Python {highest} from python.org (on Debian or Ubuntu: python3-venv) and press the button again."
    )


def ask(path: str, own: bool = False) -> Base | None:
    """What an interpreter says about itself; None when it does not run or is not a 64-bit one."""
    try:
        answer = subprocess.run(
            [path, "-I", "-c", _QUESTION],
            capture_output=True,
            text=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
            env=clean_environment(),
            cwd=PACKAGE,
            creationflags=window_flags(),
        )
        facts = parse_json(answer.stdout, 10_000)
        if answer.returncode or not facts["wide"]:
            return None
        version = (int(facts["version"][0]), int(facts["version"][1]))
        return Base(Path(path), version, facts["venv"], facts["ensurepip"], facts["pip"], own)
    except (OSError, ValueError, KeyError, TypeError, subprocess.TimeoutExpired):
        return None


def clean_environment() -> dict[str, str]:
    """A child's environment, with pip's own settings (an index of the house, a proxy) but none that would send its
    packages elsewhere or bring others in."""
    elsewhere = {"PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_NO_DEPS", "PIP_CONSTRAINT", "PIP_REQUIREMENT"}
    settings = {key: value for key, value in os.environ.items() if key.startswith("PIP_") and key not in elsewhere}
    return environment(settings)


def _candidates(own: str, oldest: tuple[int, int], newest: tuple[int, int]) -> Iterable[str]:
    if own:
        yield own
    for minor in range(newest[1], oldest[1] - 1, -1):
        path = find_program(f"python3.{minor}")
        if path:
            yield path
    for name in ("python3", "python"):
        path = find_program(name)
        if path:
            yield path
    yield from _windows_launcher()


def _windows_launcher() -> Iterable[str]:
    """Pythons that the Windows launcher `py` knows of."""
    launcher = find_program("py") if os.name == "nt" else None
    if launcher:
        try:
            listed = subprocess.run(
                [launcher, "-0p"],
                capture_output=True,
                text=True,
                timeout=20,
                cwd=PACKAGE,
                env=environment(),
                creationflags=window_flags(),
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            return
        for line in listed.splitlines():
            if line.strip().lower().endswith("python.exe"):
                yield line.split(maxsplit=1)[-1].lstrip("* ").strip()
