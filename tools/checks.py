"""What reads the code before tests run it: style, dead code, types."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .environments import ROOT
from .outcomes import Outcome


@dataclass(frozen=True)
class Check:
    """A program that reads the code.

    name: as it is printed.
    command: a Python module and its arguments.
    section: of pyproject.toml that says what it reads, "" when it needs none. Without it the check is left out.
    quick: ends within seconds, so that `run.py test --quick` has it too.
    """

    name: str
    command: tuple[str, ...]
    section: str = ""
    quick: bool = False


CHECKS = (
    Check("ruff check", ("ruff", "check", "--no-fix", "."), quick=True),
    Check("ruff format", ("ruff", "format", "--check", "."), quick=True),
    Check("vulture", ("vulture",), "[tool.vulture]"),
    Check("mypy", ("mypy",), "[tool.mypy]"),
)


def run_checks(python: Path, checks: tuple[Check, ...] = CHECKS, root: Path = ROOT) -> list[Outcome]:
    """Run every check in `root` with the interpreter `python`; a line for each, its output only when it fails."""
    print("Checks", flush=True)
    settings = (root / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    return [_run(python, check, root) for check in checks if not check.section or check.section in settings]


def _run(python: Path, check: Check, root: Path) -> Outcome:
    began = time.monotonic()
    done = subprocess.run(
        [str(python), "-m", *check.command],
        cwd=root,
        env=os.environ | {"PYTHONUTF8": "1", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    failed = done.returncode != 0
    result = f"{'failed' if failed else 'passed'} in {time.monotonic() - began:.0f} s"
    print(f"  {check.name:12s} {result}" + (f"\n{done.stdout.rstrip()}" if failed else ""), flush=True)
    return Outcome(check.name, result, failed)
