"""The tests in every Blender we support, beside those of the main environment: in small ones, without a backend."""

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

PATIENCE = 1500
"""Seconds after which a suite counts as hanging."""
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
"""For torch and NumPy in tests: two suites share the machine, the networks are small, and threads that wait for each
other burn the cores they wait for."""


@dataclass(frozen=True)
class Blender:
    """A Blender that tests run in as a Python module.

    name: its series.
    version: of its Python.
    """

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


@dataclass(frozen=True)
class Suite:
    """Tests that run in a process of their own, silently.

    what: its line in the table.
    name: of its log and report.
    environment: whose Python runs it, set up first.
    words: for pytest.
    without: said of the result, what it has to do without.
    """

    what: str
    name: str
    environment: Environment
    words: tuple[str, ...]
    without: str = ""

    @property
    def report(self) -> Path:
        """What pytest says of it, when it has ended."""
        return LOGS / f"{self.name}.xml"


def other_blenders() -> list[Suite]:
    """The suites of the Blenders beside the main environment's.

    What can differ between Blenders is tested: the add-on and the core, which run in Blender's Python, on its NumPy;
    tests marked `once` are left out. All else of the backend has a Python of its own, the same for every Blender.
    """
    words = ("tests/addon", "tests/backend/core", "-m", "not once")
    return [Suite(title(b.pins, b.version), f"blender-{b.name}", b.environment, words, ", no backend") for b in OTHERS]


class Meanwhile(threading.Thread):
    """Runs suites, one after the other, while something else goes on."""

    def __init__(self, suites: list[Suite]) -> None:
        super().__init__(daemon=True)
        self.suites = suites
        self.outcomes: list[Outcome] = []

    def run(self) -> None:
        """Everything; whatever goes wrong is an outcome."""
        for suite in self.suites:
            try:
                suite.environment.set_up()
                self.outcomes.append(_test(suite))
            except Missing as problem:
                self.outcomes.append(Outcome(suite.what, f"left out: {problem}"))
            except Exception as error:
                said = f"did not run: {type(error).__name__}: {error}"
                self.outcomes.append(Outcome(suite.what, said, failed=True))


def _test(suite: Suite) -> Outcome:
    """Run one; its log is shown when it fails."""
    LOGS.mkdir(parents=True, exist_ok=True)
    report, log = suite.report, LOGS / f"{suite.name}.log"
    report.unlink(missing_ok=True)
    command = [str(suite.environment.python), "-m", "pytest", *suite.words]
    command += ["-rsfE", "--tb=short", f"--junitxml={report}"]
    environment = os.environ | {"PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)} | ONE_THREAD
    began = time.monotonic()
    with log.open("w", encoding="utf-8") as stream:
        try:
            code: int | str = subprocess.run(
                command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT, timeout=PATIENCE
            ).returncode
        except subprocess.TimeoutExpired:
            code = f"killed after {PATIENCE} s"
    if code != 0:
        print(f"\n{suite.what}: see {log}\n{log.read_text(encoding='utf-8', errors='replace')[-6000:]}", flush=True)
    result = f"{counted(report, code)} in {time.monotonic() - began:.0f} s{suite.without}"
    return Outcome(suite.what, result, failed=code != 0)


def title(pins: Path, version: tuple[int, int]) -> str:
    """“Blender 5.2.3, Python 3.13”, of the packages of an environment and its Python."""
    (release,) = re.findall(r"^bpy==(\S+)", pins.read_text(encoding="utf-8"), re.MULTILINE)
    return f"Blender {release}, Python {version[0]}.{version[1]}"


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
