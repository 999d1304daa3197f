"""Kill our processes at random moments, and print what was lost, doubled, half or left.

    python -m tests.kill --rounds 100                    rounds shared out over all campaigns
    python -m tests.kill --rounds 50 --only queue        of one of them
    python -m tests.kill --rounds 150 --write            the table goes into docs/science/reliability.md

The same --seed throws the same dice; when a signal arrives in the work still depends on the computer. Exit code 1 when
a round had a fault.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.kill.backend import client, dice, drive, export, orphan, train
from tests.kill.campaign import Prepare, Round, Tally
from tests.kill.queue import queue
from tests.kill.table import lines, write

CAMPAIGNS: dict[str, tuple[Prepare, int]] = {
    "client": (client, 4), "orphan": (orphan, 2), "drive": (drive, 3), "export": (export, 3), "train": (train, 1),
    "queue": (queue, 7),
}  # fmt: skip
"""Each with its share of the rounds."""


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m tests.kill", None, __doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40, help="of all campaigns together (default: 40)")
    parser.add_argument("--only", action="append", choices=sorted(CAMPAIGNS), help="a campaign; may be given again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put the table into docs/science/reliability.md")
    options = parser.parse_args()
    chosen = {name: CAMPAIGNS[name] for name in options.only or CAMPAIGNS}
    whole, tallies, began = sum(share for _, share in chosen.values()), {}, time.monotonic()
    for name, (prepare, share) in chosen.items():
        tallies[name] = campaign(name, prepare, max(1, round(options.rounds * share / whole)), options.seed)
    table = lines(tallies, options.seed, time.monotonic() - began)
    print("\n".join(table))
    if options.write:
        write(table)
    return int(any(tally.faults for tally in tallies.values()))


def campaign(name: str, prepare: Prepare, rounds: int, seed: int) -> Tally:
    """So many rounds of one campaign; faults are printed as they are seen."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="emodifftalk-kill-") as folder:
        one = prepare(Path(folder))
        for number in range(rounds):
            place = Path(folder) / f"round-{number}"
            place.mkdir()
            round_, began = Round(dice(seed, name, number), place), time.monotonic()
            one(round_)
            tally.rounds += 1
            tally.killed += round_.killed
            tally.slowest = max(tally.slowest, time.monotonic() - began)
            for fault in round_.faults:
                tally.faults.append(fault)
                print(f"  {name}, round {number} of seed {seed}: {fault}", flush=True)
    return tally


if __name__ == "__main__":
    sys.exit(main())
