"""The campaign: worker processes try cases, are watched, ended when they hang, and started again when they die."""

from __future__ import annotations

import json
import mmap
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .case import remove
from .reader import Reader
from .worker import BEAT, BEAT_SIZE

ROOT = Path(__file__).parents[2]
KILLED_AFTER = 10.0
"""Seconds after which a case is not waited for any longer."""
_PREPARING = 240.0
"""Seconds that loading a reader may take."""
_DEATHS = 6
"""A reader that ended so many processes is left alone: others have their turn."""


@dataclass
class Tally:
    """What became of one reader's cases: how many were tried and refused, seconds of the slowest, bytes of the peak;
    failing: how and where to how often."""

    cases: int = 0
    refused: int = 0
    slowest: float = 0.0
    peak: int = 0
    deaths: int = 0
    failing: dict[tuple[str, str], int] = field(default_factory=dict)

    def count(self, *hows: str) -> int:
        """How many cases ended in one of these ways."""
        return sum(times for (how, _), times in self.failing.items() if how in hows)


@dataclass
class Campaign:
    """seed: of all cases.
    until: time.time() at the end.
    cases: of every reader, None for as many as there is time for.
    save: folder of what fails, None for none.
    places: now and then something that is no file lies in a file's place.
    """

    seed: int
    until: float
    cases: int | None
    save: Path | None
    places: bool = True
    tallies: dict[str, Tally] = field(default_factory=dict)

    def run(self, readers: list[Reader]) -> dict[str, Tally]:
        """Try cases of all of them. Those that need torch or Blender have a process of their own."""
        self.tallies = {reader.name: Tally() for reader in readers}
        with_needs = [reader.name for reader in readers if reader.needs]
        groups = [[reader.name for reader in readers if not reader.needs], with_needs]
        threads = [threading.Thread(target=self._group, args=(group,)) for group in groups if group]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.tallies

    def _group(self, names: list[str]) -> None:
        following, turn = dict.fromkeys(names, 0), 0
        while names and time.time() < self.until:
            worker = _Worker(self, names, following, turn)
            ended = worker.watch()
            if ended is None:
                return
            name, case, how = ended
            following, tally = worker.following, self.tallies[name]
            tally.cases += case + 1 - following[name]
            following[name] = case + 1
            tally.deaths += 1
            turn = names.index(name) + 1
            self.note(name, how, worker.last_words(), worker.file(), case)
            if tally.deaths >= _DEATHS:
                names = [other for other in names if other != name]
            remove(worker.folder)

    def note(self, name: str, how: str, where: str, path: Path, case: int) -> None:
        """Count a failing case, and save its file when it is the first of its kind."""
        failing = self.tallies[name].failing
        kind = (how, where if how == "crash" else "")
        failing[kind] = failing.get(kind, 0) + 1
        if failing[kind] > 1:
            return
        print(f"  {name}: {how} {where} (case {case} of seed {self.seed})", flush=True)
        if self.save is not None:
            self.save.mkdir(parents=True, exist_ok=True)
            target = self.save / f"{name}__{where if how == 'crash' else how}__{path.name}"
            _copy(path, target)


def _copy(path: Path, target: Path) -> None:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > 64 << 20:
        mode = f"{os.lstat(path).st_mode:o}" if os.path.lexists(path) else "nothing"
        target.with_suffix(".in_its_place.txt").write_text(f"{mode}: a pipe, device, folder, link or nothing\n")
        return
    shutil.copyfile(path, target)


class _Worker:
    """A worker process and its watch. following: the next case of every reader, as far as it has reported."""

    def __init__(self, campaign: Campaign, names: list[str], following: dict[str, int], turn: int) -> None:
        self._campaign, self._names = campaign, names
        self.following = dict(following)
        self.folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        (self.folder / "beat").write_bytes(bytes(BEAT_SIZE))
        with open(self.folder / "beat", "r+b") as file:
            self._beat = mmap.mmap(file.fileno(), BEAT_SIZE)
        order = {"readers": names, "next": self.following, "turn": turn, "seed": campaign.seed,
                 "until": campaign.until, "cases": campaign.cases, "places": campaign.places,
                 "folder": str(self.folder)}  # fmt: skip
        paths = os.pathsep.join((str(ROOT), str(ROOT / "backend")))
        quiet = {"PYTHONPATH": paths, "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
            env=os.environ | quiet,
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._say(json.dumps(order))
        self._died_of = ""

    def watch(self) -> tuple[str, int, str] | None:
        """Until the end. Returns reader, case and how it went wrong when the process had to be ended or died."""
        heard = time.monotonic()
        while True:
            try:
                line = self._lines.get(timeout=0.2)
            except queue.Empty:
                index, case, began = BEAT.unpack(self._beat[: BEAT.size])
                if (began and time.monotonic() - began > KILLED_AFTER) or time.monotonic() - heard > _PREPARING:
                    return self._kill(self._names[index], case)
                continue
            heard = time.monotonic()
            if line is None:
                break
            self._take(json.loads(line))
        code = self._process.wait()
        if code == 0:
            remove(self.folder)
            return None
        index, case, _ = BEAT.unpack(self._beat[: BEAT.size])
        self._died_of = f"{signal.Signals(-code).name if code < 0 else f'exit_{code}'}"
        if code > 0:  # a fault of the campaign's own
            print((self.folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:], flush=True)
        return self._names[index], max(case, self.following[self._names[index]]), "crash"

    def file(self) -> Path:
        """Of the case that was tried last."""
        return Path(self._beat[BEAT.size :].rstrip(b"\0").decode(errors="replace"))

    def last_words(self) -> str:
        """What it died of."""
        return self._died_of

    def _take(self, message: dict[str, Any]) -> None:
        if failing := message.get("failing"):
            self._campaign.note(
                failing["reader"], failing["how"], failing["where"], Path(failing["file"]), failing["case"]
            )
            self._say("go on")
            return
        lot = message["lot"]
        tally = self._campaign.tallies[lot["reader"]]
        self.following[lot["reader"]] += lot["cases"]
        tally.cases, tally.refused = tally.cases + lot["cases"], tally.refused + lot["refused"]
        tally.slowest, tally.peak = max(tally.slowest, lot["slowest"]), max(tally.peak, lot["peak"])

    def _kill(self, name: str, case: int) -> tuple[str, int, str]:
        self._process.kill()
        self._process.wait()
        self._died_of = "not waited for"
        return name, case, "hang"

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line)
        self._lines.put(None)

    def _say(self, line: str) -> None:
        if self._process.stdin is not None:
            try:
                print(line, file=self._process.stdin, flush=True)
            except OSError:
                pass  # it is gone, which `watch` sees
