"""What the campaigns have in common: a round, its faults, killing at a random moment, and looking for what is left."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from emodifftalk.core.child_process import environment, module_words
from tests.helpers.places import BACKEND, ROOT

MARK = "EMODIFFTALK_KILL_CAMPAIGN"
"""In the environment of everything a campaign starts: so what outlives it is found."""
_PART = re.compile(r"\.part(\.\w+)?$|\.unfinished\.|\.shots\.blend$|^\.sog\.")
_PATIENCE = 120.0
KILLS = (signal.SIGKILL, signal.SIGTERM) if hasattr(signal, "SIGKILL") else (signal.SIGTERM,)


@dataclass
class Tally:
    """What the rounds of one campaign came to.

    killed: rounds in which the process was still at work when it was killed.
    faults: what was lost, doubled, half or left, a sentence each.
    slowest: seconds of the slowest round.
    """

    rounds: int = 0
    killed: int = 0
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0


@dataclass
class Round:
    """One round. rng: its own dice. folder: its own folder, empty at first."""

    rng: random.Random
    folder: Path
    killed: bool = False
    faults: list[str] = field(default_factory=list)

    def expect(self, true: bool, fault: str) -> None:
        """Note a fault unless it is true."""
        if not true:
            self.faults.append(fault)

    def kill_somewhere(self, process: subprocess.Popen, seconds: float) -> signal.Signals:
        """Kill a process at a moment of the `seconds` that it takes undisturbed; waits until it is gone."""
        how = self.rng.choice(KILLS)
        try:
            process.wait(self.rng.uniform(0.0, seconds))
        except subprocess.TimeoutExpired:
            process.send_signal(how)
            process.wait(_PATIENCE)
            self.killed = True
        return how

    def expect_nothing_left(self, folder: Path, when: str) -> None:
        """No half-written file may lie in a folder or below it."""
        left = sorted(path.name for path in folder.rglob("*") if _PART.search(path.name))
        self.expect(not left, f"{when}: left {', '.join(left[:3])}")

    def expect_nobody_left(self) -> None:
        """Nothing that a campaign has started may go on."""
        end = time.monotonic() + 20
        while (living := marked()) and time.monotonic() < end:
            time.sleep(0.05)
        self.expect(not living, f"processes {living} go on")


def start(module: str, *words: object, **pipes: object) -> subprocess.Popen:
    """Start a module of the backend in a process of its own."""
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    return subprocess.Popen(
        module_words(sys.executable, module, *map(str, words)),
        **{"env": marked_environment(), "cwd": ROOT, **silent, **pipes},  # type: ignore[call-overload]
    )


def marked_environment() -> dict[str, str]:
    """The environment of what a campaign starts."""
    more = {MARK: str(os.getpid()), "EMODIFFTALK_BLENDER": sys.executable, "EMODIFFTALK_PYTHON": "/no/backend"}
    return environment(more, BACKEND)


def undisturbed(module: str, *words: object) -> float:
    """Run a module to its end; returns the seconds it took. Raises RuntimeError when it fails."""
    began = time.monotonic()
    process = start(module, *words, stderr=subprocess.PIPE)
    said = process.communicate(timeout=10 * _PATIENCE)[1].decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"{module} {' '.join(map(str, words))}: {said[-500:]}")
    return time.monotonic() - began


def marked() -> list[int]:
    """Processes that carry this campaign's mark (Linux; elsewhere none is found)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={os.getpid()}\0".encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def same_files(before: dict[str, bytes], folder: Path) -> list[str]:
    """Names under a folder whose content is another than it was, missing or new."""
    now = contents(folder)
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


RunRound = Callable[[Round], None]
Prepare = Callable[[Path], RunRound]
