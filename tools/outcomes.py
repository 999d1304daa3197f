"""What became of the checks and the tests, a line for each."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from .environments import ROOT

LOGS = ROOT / "out" / "tests"


@dataclass(frozen=True)
class Outcome:
    """A line of the table: which check or Blender, what became of it, and whether that is a failure."""

    what: str
    result: str
    failed: bool = False


def cases_of(report: Path) -> list[ElementTree.Element]:
    """The tests in pytest's report (JUnit); none when there is no whole one."""
    try:
        return list(ElementTree.parse(report).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return []


def counted(report: Path, code: int | str) -> str:
    """How many tests passed, failed and were skipped, as pytest's report says. code: how pytest ended."""
    cases = cases_of(report)
    if not cases:
        return f"pytest ended with {code} and left no report"
    failed = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    parts = [f"{len(cases) - failed - skipped} passed"]
    parts += [f"{failed} failed"] if failed else []
    parts += [f"{skipped} skipped"] if skipped else []
    parts += [f"ended with {code}"] if code != 0 and not failed else []
    return ", ".join(parts)


def print_table(outcomes: list[Outcome]) -> None:
    """One line for every outcome."""
    width = max(len(outcome.what) for outcome in outcomes)
    print("\n" + "\n".join(f"{outcome.what:{width}s}  {outcome.result}" for outcome in outcomes), flush=True)
