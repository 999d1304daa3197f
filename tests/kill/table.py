"""What the campaigns came to, as a table, and its place in the page on reliability."""

from __future__ import annotations

import platform

from tests.fuzz.table import put
from tests.kill.campaign import Tally

_HEAD = "| what is killed | rounds | killed at work | lost, doubled, half or left | slowest round, s |"
_RULE = "|---|--:|--:|--:|--:|"


def lines(tallies: dict[str, Tally], seed: int, seconds: float) -> list[str]:
    """The table in Markdown."""
    rows = [
        f"| {name} | {tally.rounds} | {tally.killed} | {len(tally.faults)} | {tally.slowest:.1f} |"
        for name, tally in tallies.items()
    ]
    rounds, killed = (sum(getattr(tally, name) for tally in tallies.values()) for name in ("rounds", "killed"))
    faults = sum(len(tally.faults) for tally in tallies.values())
    said = (
        f"`python -m tests.kill --seed {seed}`, {seconds / 60:.0f} minutes on {platform.system()} with Python "
        f"{platform.python_version()}: {rounds} rounds, {killed} of them hit the process at work."
    )
    slowest = max(tally.slowest for tally in tallies.values())
    return [said, "", _HEAD, _RULE, *rows, f"| **all** | {rounds} | {killed} | {faults} | {slowest:.1f} |"]


def write(table: list[str]) -> None:
    """Put the table into the page."""
    put("kill", table)
