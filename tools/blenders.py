"""The tests in every Blender we support: one in the main environment, the others in small ones without a backend."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from .environments import ROOT, Environment, Missing
from .outcomes import LOGS, Outcome, cases_of, counted

ROOMS = ("tests/addon", "tests/backend/core")
"""What can differ between Blenders: the add-on and the core, which run in Blender's Python, on its NumPy. Tests marked
`once` are left out. The rest of the backend has a Python of its own, the same for every Blender, and is tested in the
main environment only."""
PATIENCE = 600
"""Seconds after which tests in another Blender count as hanging."""


@dataclass(frozen=True)
class Blender:
    """A Blender that tests run in as a Python module. name: its series. version: of its Python."""

    name: str
    version: tuple[int, int]

    @property
    def pins(self) -> Path:
        """The packages of its environment."""
        return ROOT / "tests" / f"requirements-blender-{self.name}.txt"

    @property
    def environment(self) -> Environment:
        """Where its tests run."""
        return Environment(
            folder=ROOT / f".venv-blender-{self.name}",
            version=self.version,
            steps=((f"Installing Blender {self.name}", ("-r", str(self.pins))),),
            pinned=(self.pins,),
            needed_gib=2,
            quiet=True,
        )


OTHERS = (Blender("4.5", (3, 11)), Blender("5.2", (3, 13)))


class OtherBlenders(threading.Thread):
    """Runs the tests in the other Blenders, one after the other, while something else goes on."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.outcomes: list[Outcome] = []

    def run(self) -> None:
        """Everything; whatever goes wrong is an outcome."""
        for blender in OTHERS:
            what = title(blender.pins, blender.version)
            try:
                blender.environment.set_up()
                self.outcomes.append(_test(blender, what))
            except Missing as problem:
                self.outcomes.append(Outcome(what, f"left out: {problem}"))
            except Exception as error:
                self.outcomes.append(Outcome(what, f"did not run: {type(error).__name__}: {error}", failed=True))


def _test(blender: Blender, what: str) -> Outcome:
    """The rooms whose code runs in Blender's Python; what needs the backend skips itself."""
    LOGS.mkdir(parents=True, exist_ok=True)
    report, log = LOGS / f"blender-{blender.name}.xml", LOGS / f"blender-{blender.name}.log"
    report.unlink(missing_ok=True)
    command = [str(blender.environment.python), "-m", "pytest", *ROOMS, "-m", "not once"]
    command += ["-rsfE", "--tb=short", f"--junitxml={report}"]
    environment = os.environ | {"PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    with log.open("w", encoding="utf-8") as stream:
        try:
            code = subprocess.run(
                command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT, timeout=PATIENCE
            ).returncode
        except subprocess.TimeoutExpired:
            code = f"killed after {PATIENCE} s"
    if code != 0:
        print(f"\n{what}: see {log}\n{log.read_text(encoding='utf-8', errors='replace')[-6000:]}", flush=True)
    return Outcome(what, f"{counted(report, code)} in {time.monotonic() - began:.0f} s, no backend", failed=code != 0)


def title(pins: Path, version: tuple[int, int]) -> str:
    """“Blender 5.2.3, Python 3.13”, of the packages of an environment and its Python."""
    found = re.search(r"^bpy==(\S+)", pins.read_text(encoding="utf-8"), re.MULTILINE)
    return f"Blender {found[1]}, Python {version[0]}.{version[1]}"


def window_outcome(report: Path) -> Outcome:
    """What became of the test on a complete Blender, as the main environment's report says."""
    cases = [case for case in cases_of(report) if ".window." in case.get("classname", "")]
    said = {p.get("name"): p.get("value") for case in cases for p in case.iter("property")}
    what = f"Blender {said.get('blender', '')} with its window".replace("  ", " ")
    for case in cases:
        skipped = case.find("skipped")
        if skipped is not None:
            return Outcome(what, f"left out: {skipped.get('message')}")
    if not cases:
        return Outcome(what, "not run", failed=True)
    seconds = sum(float(case.get("time", 0)) for case in cases)
    failed = any(case.find("failure") is not None or case.find("error") is not None for case in cases)
    return Outcome(what, f"{'failed' if failed else 'passed'} in {seconds:.0f} s", failed=failed)
