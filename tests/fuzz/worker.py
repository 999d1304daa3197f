"""A process that tries cases, reader after reader, and says on its stdout what became of them, a line of JSON each.

Before a case it writes down which one it is, where its parent can read it even when the process is gone.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import sys
import time
from pathlib import Path
from typing import Any

from .case import Bench, Outcome, status
from .reader import Reader
from .readers import READERS

BEAT = struct.Struct("<qqd")
"""Number of the reader in the order's list, number of the case, when it began (monotonic; 0 between cases). Behind it
stands the path of the file."""
BEAT_SIZE = 1024
_LOT_SECONDS, _LOT_CASES = 0.6, 150
"""Of one reader before it is the next one's turn."""
_ROOM = 4 << 30
"""Bytes of address space beyond what the process has when its readers are ready."""


def main() -> int:
    """Work off the order that comes as one line on stdin."""
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    say = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with open(Path(order["folder"]) / "log", "ab") as log:  # what readers and libraries print
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    beat = _beat(Path(order["folder"]) / "beat")
    number, benches = dict(order["next"]), dict[str, Bench]()
    turn = order["turn"]
    while time.time() < order["until"]:
        left = [n for n in order["readers"] if order["cases"] is None or number[n] < order["cases"]]
        if not left:
            break
        name = left[turn % len(left)]
        turn += 1
        if name not in benches:
            benches[name] = _ready(READERS[name], order, beat)
        _lot(benches[name], number, order, beat, say)
    return 0


def _lot(bench: Bench, number: dict[str, int], order: dict[str, Any], beat: mmap.mmap, say: Any) -> None:
    """Some cases of one reader."""
    name, began, done = bench.reader.name, time.monotonic(), 0
    lot: dict[str, Any] = {"reader": name, "cases": 0, "refused": 0, "slowest": 0.0, "peak": 0}
    while done < _LOT_CASES and time.monotonic() - began < _LOT_SECONDS:
        if order["cases"] is not None and number[name] >= order["cases"]:
            break
        case = number[name]
        index = order["readers"].index(name)
        beat[: BEAT.size] = BEAT.pack(index, case, 0.0)
        outcome = bench.case(case)
        beat[: BEAT.size] = BEAT.pack(index, case, 0.0)
        number[name], done = case + 1, done + 1
        lot["cases"], lot["refused"] = done, lot["refused"] + (outcome.how == "refused")
        lot["slowest"], lot["peak"] = max(lot["slowest"], outcome.seconds), max(lot["peak"], outcome.grown)
        if outcome.how not in ("read", "refused"):
            _report(bench, case, outcome, say)
    print(json.dumps({"lot": lot}), file=say, flush=True)


def _report(bench: Bench, case: int, outcome: Outcome, say: Any) -> None:
    failing = {"reader": bench.reader.name, "case": case, "how": outcome.how, "where": outcome.where}
    print(json.dumps({"failing": failing | {"file": str(bench.now)}}), file=say, flush=True)
    sys.stdin.readline()  # until the file is copied
    bench.restore()


def _ready(reader: Reader, order: dict[str, Any], beat: mmap.mmap) -> Bench:
    def announce(path: str) -> None:
        index, case, _ = BEAT.unpack(beat[: BEAT.size])
        beat[: BEAT.size] = BEAT.pack(index, case, time.monotonic())
        beat[BEAT.size :] = path.encode()[: BEAT_SIZE - BEAT.size].ljust(BEAT_SIZE - BEAT.size, b"\0")

    if reader.prepare is not None:
        reader.prepare()
    bench = Bench(reader, Path(order["folder"]), order["seed"], order["places"], announce)
    bench.good()  # what is loaded at the first call is loaded now
    limit_memory()
    return bench


def limit_memory() -> None:
    """From here on the process cannot take more than `_ROOM` on top of what it has."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (status("VmSize") + _ROOM, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _beat(path: Path) -> mmap.mmap:
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), BEAT_SIZE)


if __name__ == "__main__":
    sys.exit(main())
