#!/usr/bin/env python3
"""EmoDiffTalk from a clean clone: sets up what it needs, then does what you ask.

    python3 run.py demo       open sample_scenes/hello.blend in Blender, generate a take, render and export it
    python3 run.py test       check the code and run the whole test suite, in every Blender that this machine has a
                              Python for (further words go to pytest, and only the main environment runs)
    python3 run.py test --quick
                              check the code and run the tests that are not slow, in the main environment only
    python3 run.py bench      time the rasterizers and the add-on
    python3 run.py evaluate   the paper's tables on held-out sentences, voices and cameras (further words: --help)
    python3 run.py package    build the extension's .zip files for Blender into dist/

Standard library only; Linux, macOS and Windows; Python 3.11. Safe to run twice and to interrupt.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import time
from typing import Any

from tools.blenders import ONE_THREAD, OTHERS, Meanwhile, Suite, other_blenders, title, window_outcome
from tools.checks import CHECKS, run_checks
from tools.environments import ROOT, Environment, Missing
from tools.outcomes import LOGS, Outcome, counted, print_table
from tools.packages import build_packages

BACKEND = ROOT / "backend"
REQUIREMENTS = (ROOT / "tests" / "requirements.txt", BACKEND / "requirements-nodeps.txt")
MAIN = Environment(
    folder=ROOT / ".venv",
    version=(3, 11),
    steps=(
        ("Installing packages (about 5 GB on Linux, a few minutes)", ("-r", str(REQUIREMENTS[0]))),
        ("Installing the sentence encoder's weights", ("--no-deps", "-r", str(REQUIREMENTS[1]))),
        ("Installing the backend", ("--no-deps", "--no-build-isolation", "-e", str(BACKEND))),
    ),
    pinned=(*REQUIREMENTS, BACKEND / "requirements.txt", BACKEND / "pyproject.toml"),
    needed_gib=8,
)
MODULES = {
    "demo": ("sample_scenes.demo",),
    "bench": ("emodifftalk.splat.bench", "tools.bench_addon"),
    "evaluate": ("emodifftalk.evaluate",),
}


def main() -> int:
    """Run one command and return the exit code."""
    streams: tuple[Any, ...] = (sys.stdout, sys.stderr)  # whoever runs this may have put others there
    for stream in streams:
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(encoding="utf-8", errors="replace")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("demo", "test", "bench", "evaluate", "package", "setup"))
    parser.add_argument("--quick", action="store_true", help="with test: leave out what is slow")
    options, words = parser.parse_known_args()
    try:
        if options.command == "package":
            for path in build_packages():
                print(f"{path.stat().st_size / 1e6:6.1f} MB  {path}")
            return 0
        MAIN.set_up()
        if options.command == "setup":
            return 0
        if options.command == "test":
            if options.quick:
                return test_quickly(*words)
            return run_module("pytest", *words) if words else test_everywhere()
        return max(run_module(module, *words) for module in MODULES[options.command])
    except Missing as problem:
        print(f"run.py: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nrun.py: interrupted; run it again to go on from here.", file=sys.stderr)
        return 130


def run_module(module: str, *arguments: str, **more: str) -> int:
    """Run a module with the environment's Python from the repository root. more: environment variables."""
    environment = os.environ | {"PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)} | more
    return subprocess.run([str(MAIN.python), "-m", module, *arguments], cwd=ROOT, env=environment).returncode


def test_everywhere() -> int:
    """Checks and the whole suite, what runs in Blender beside the rest. Returns the exit code."""
    blender = Suite(title(REQUIREMENTS[0], MAIN.version), "blender-main", MAIN, ("tests/addon",))
    meanwhile = Meanwhile([blender, *other_blenders()])
    meanwhile.start()
    checks = run_checks(MAIN.python)
    here = test_here("The backend and the whole", "--ignore=tests/addon")
    if meanwhile.is_alive():
        print("Waiting for the tests in Blender …", flush=True)
    meanwhile.join()
    outcomes = [*checks, here, *meanwhile.outcomes, window_outcome(LOGS / "main.xml")]
    print_table(outcomes)
    return int(any(outcome.failed for outcome in outcomes))


def test_quickly(*words: str) -> int:
    """Checks and what is quick of the suite, here; says what it left out. words: for pytest. Returns the exit code."""
    checks = run_checks(MAIN.python, tuple(check for check in CHECKS if check.quick))
    here = test_here(title(REQUIREMENTS[0], MAIN.version), "-m", "not slow", *words)
    left_out = [check.name for check in CHECKS if not check.quick]
    left_out += ["Tests marked slow", *(title(blender.pins, blender.version) for blender in OTHERS)]
    outcomes = [*checks, here, *(Outcome(what, "left out") for what in left_out)]
    print_table(outcomes)
    print("Run “python3 run.py test” before you hand anything on.")
    return int(any(outcome.failed for outcome in outcomes))


def test_here(what: str, *words: str) -> Outcome:
    """Tests in the main environment, seen as they run. words: for pytest."""
    LOGS.mkdir(parents=True, exist_ok=True)
    report = LOGS / "main.xml"
    report.unlink(missing_ok=True)
    began = time.monotonic()
    code = run_module("pytest", f"--junitxml={report}", *words, **ONE_THREAD)
    return Outcome(what, f"{counted(report, code)} in {time.monotonic() - began:.0f} s", failed=code != 0)


if __name__ == "__main__":
    sys.exit(main())
