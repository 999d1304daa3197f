"""Try damaged and hostile files on every reader, and print cases, crashes, hangs and the peak of memory.

    python -m tests.fuzz --minutes 10                       all readers, in two processes
    python -m tests.fuzz --minutes 2 --only take --keep out  one of them; what fails is saved in out/
    python -m tests.fuzz --minutes 15 --write                the table goes into docs/science/reliability.md

The same --seed tries the same cases, as far as the time reaches; with --cases N it is N of every reader, whatever the
time. Exit code 1 when anything failed.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from .campaign import Campaign
from .readers import READERS
from .table import lines, write


def main() -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m tests.fuzz", None, __doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="how long (default: 5)")
    parser.add_argument("--cases", type=int, help="of every reader at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=sorted(READERS), help="a reader; may be given again")
    parser.add_argument("--keep", type=Path, help="a folder for the first file of every kind of failure")
    parser.add_argument("--contents", action="store_true", help="no pipes, devices or folders in place of files")
    parser.add_argument("--write", action="store_true", help="put the table into docs/science/reliability.md")
    options = parser.parse_args()
    readers = [READERS[name] for name in options.only or READERS]
    began = time.time()
    campaign = Campaign(options.seed, began + 60 * options.minutes, options.cases, options.keep, not options.contents)
    tallies = campaign.run(readers)
    table = lines(tallies, options.seed, time.time() - began)
    print("\n".join(table))
    if options.write:
        write(table)
    return int(any(tally.failing or not tally.cases for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
