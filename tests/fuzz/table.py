"""What a campaign found, as a table, and its place in the page on reliability."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from .campaign import ROOT, Tally

PAGE = ROOT / "docs" / "science" / "reliability.md"
_HEAD = "| reader | cases | crashes | hangs | too much memory | slowest, s | peak, MB |\n|---|--:|--:|--:|--:|--:|--:|"


def lines(tallies: dict[str, Tally], seed: int, seconds: float) -> list[str]:
    """The table in Markdown. Peak: by how much the process that reads grew at most while it read one file."""
    rows = [_row(name, tally) for name, tally in tallies.items()]
    whole = Tally(slowest=max(t.slowest for t in tallies.values()), peak=max(t.peak for t in tallies.values()))
    for name, tally in tallies.items():
        whole.cases += tally.cases
        whole.failing |= {(how, f"{name} {where}"): times for (how, where), times in tally.failing.items()}
    said = (
        f"`python -m tests.fuzz --seed {seed}`, {seconds / 60:.0f} minutes in two processes on "
        f"{platform.system()} with Python {platform.python_version()}, commit {_commit()}: "
        f"{whole.cases:,} cases, {whole.cases / max(seconds, 1):.0f} a second."
    )
    return [said, "", _HEAD, *rows, _row("**all**", whole)]


def write(table: list[str]) -> None:
    """Put the table into the page."""
    put("fuzz", table)


def put(part: str, table: list[str]) -> None:
    """Put a table between the marks of a part of the page; they are added at its end when it has none."""
    begin, end = f"<!-- begin: {part} -->", f"<!-- end: {part} -->"
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Reliability\n"
    if begin not in text:
        text = f"{text.rstrip()}\n\n{begin}\n{end}\n"
    before, _, behind = text.partition(begin)
    after = behind.partition(end)[2]
    PAGE.write_text(f"{before}{begin}\n\n{chr(10).join(table)}\n\n{end}{after}", encoding="utf-8")


def _row(name: str, tally: Tally) -> str:
    counts = " | ".join(str(tally.count(how)) for how in ("crash", "hang", "memory"))
    return f"| {name} | {tally.cases} | {counts} | {tally.slowest:.2f} | {tally.peak / 1e6:.0f} |"


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=Path(ROOT), capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
