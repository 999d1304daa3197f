"""One case: a good file is damaged, its reader is called, and what happened is said."""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from emodifftalk.core.errors import UserError

from .damage import IN_ITS_PLACE, clear
from .damage_structure import damaged
from .reader import Reader

CORPUS = Path(__file__).parent / "corpus"
"""A folder for each reader, of small files that once were too much for it."""
SECONDS = 2.0
"""Within which a reader answers."""
_TRIES = 3
"""A case that took longer is tried again: the machine may have been busy."""
_LONGEST = 1010
"""Letters of a sentence that somebody reads."""
_OURS = ("/emodifftalk/", "/addon/")


@dataclass
class Outcome:
    """What became of a case.

    how: `read`, `refused`, `crash`, `hang` or `memory`; the first two are as it should be.
    where: error and place of a crash, what the sentence lacks, how much memory was taken.
    seconds: of wall time.
    grown: bytes by which the process was larger than before, at its largest.
    """

    how: str
    where: str = ""
    seconds: float = 0.0
    grown: int = 0


class Bench:
    """A reader with its good files, on which cases are tried one after the other."""

    def __init__(
        self,
        reader: Reader,
        folder: Path,
        seed: int,
        places: bool = True,
        announce: Callable[[str], object] = str,
    ) -> None:
        """folder: of all benches. places: now and then something that is no file lies in a file's place. announce:
        called with the file before a reader gets it."""
        self.reader, self._seed, self._announce = reader, seed, announce
        self._places = places and sys.platform != "win32"
        self.root = folder / reader.name
        clear(self.root)
        self.root.mkdir(parents=True)
        self._targets = reader.make(self.root)
        self._good = {name: (self.root / name).read_bytes() for name in self._targets}
        self.once = self._read_corpus()
        self._now = self._targets[0]

    @property
    def now(self) -> Path:
        """The file of the case that is being tried."""
        return self.root / self._now

    def good(self) -> list[Outcome]:
        """What becomes of the good files."""
        return [self._try(name, self._good[name]) for name in self._targets]

    def once_failing(self) -> list[tuple[str, Outcome]]:
        """What becomes now of the files of the corpus, by name."""
        return [(path, self._try(name, data)) for path, name, data in self.once]

    def case(self, number: int) -> Outcome:
        """Try case `number`; the same seed and number are the same case."""
        rng = random.Random(f"{self._seed} {self.reader.name} {number}")
        name = rng.choice(self._targets)
        if rng.random() < 0.015 and self._places:
            return self._try(name, rng.choice(list(IN_ITS_PLACE)))
        alike = [data for _, target, data in self.once if target == name]
        data = rng.choice(alike) if alike and rng.random() < 0.2 else self._good[name]
        return self._try(name, damaged(rng, data, Path(name).suffix.lower()))

    def _try(self, name: str, content: bytes | str) -> Outcome:
        """content: of the file, or the name of what lies in its place."""
        self._now = name
        outcomes = []
        for _ in range(_TRIES):
            self._put(content)
            self._announce(str(self.now))
            outcomes.append(measured(self.reader, self.root, self.now, len(content)))
            if outcomes[-1].seconds < SECONDS:
                break
        # Other faults are said first: a hang is only one when every try was slow.
        best = min(outcomes, key=lambda outcome: outcome.seconds)
        if best.seconds >= SECONDS and best.how in ("read", "refused"):
            best.how, best.where = "hang", f"{best.seconds:.1f} s"
        if best.how in ("read", "refused"):
            self._put(self._good[name])
        return best

    def restore(self) -> None:
        """Put the good file back after a case whose file was wanted."""
        self._put(self._good[self._now])

    def _put(self, content: bytes | str) -> None:
        path = self.now
        if isinstance(content, bytes) and path.is_file() and not path.is_symlink():
            path.chmod(0o644)
            path.write_bytes(content)
            return
        clear(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            IN_ITS_PLACE[content](path)

    def _read_corpus(self) -> list[tuple[str, str, bytes]]:
        """(name in the corpus, file it stands for, bytes): the one of the same name, else of the same ending."""
        listed = []
        for path in sorted((CORPUS / self.reader.name).glob("*")):
            same = [name for name in self._targets if Path(name).name == path.name.partition("__")[0]]
            same += [name for name in self._targets if Path(name).suffix == path.suffix]
            listed.append((path.name, same[0], path.read_bytes()))
        return listed


def measured(reader: Reader, root: Path, path: Path, size: int) -> Outcome:
    """Call the reader once."""
    before, children = _reset_peak(), _children()
    began = time.perf_counter()
    outcome = _called(reader, root, path)
    outcome.seconds = time.perf_counter() - began
    outcome.grown = max(status("VmHWM") - before, 0)
    # Before it becomes another program a child is as large as its parent, and the system counts that as its own.
    if _children() > max(children, status("VmHWM")):
        outcome.grown = max(outcome.grown, _children())
    if outcome.how in ("read", "refused") and outcome.grown > reader.allowed(size):
        outcome.how, outcome.where = "memory", f"{outcome.grown >> 20} MiB for {size} bytes"
    return outcome


def _called(reader: Reader, root: Path, path: Path) -> Outcome:
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            reader.read(root, path)
        return Outcome("read")
    except reader.refuses as error:
        sentence = str(error)
        bad = not sentence.strip() or any(letter in sentence for letter in "\n\r\0\x1b") or len(sentence) > _LONGEST
        if isinstance(error, UserError) and bad:
            return Outcome("crash", f"Sentence{_place(error)}")
        return Outcome("refused")
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return Outcome("crash", f"{type(error).__name__}{_place(error)}")


def _place(error: BaseException) -> str:
    """_at_file.py_LINE of our own code that failed."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, AssertionError) and "/tests/fuzz/" in frames[-1].filename:
        return "_" + str(error).replace(" ", "_")
    ours = [frame for frame in frames if any(part in frame.filename for part in _OURS)] or [frames[-1]]
    return f"_at_{Path(ours[-1].filename).name}_{ours[-1].lineno}"


def _children() -> int:
    """Bytes of the largest process that this one ever started and waited for."""
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10


def _reset_peak() -> int:
    """Bytes that the process has now; from here on its peak counts anew. 0 where that cannot be asked."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return 0
    return status("VmRSS")


def status(key: str) -> int:
    """Bytes that Linux says of this process, 0 where that cannot be asked. key: `VmRSS`, `VmHWM`, `VmSize`."""
    try:
        with open("/proc/self/status", "rb") as stream:
            text = stream.read()
    except OSError:
        return 0
    at = text.find(key.encode())
    return int(text[at : at + 60].split()[1]) << 10 if at >= 0 else 0


def remove(folder: Path) -> None:
    """Take a scratch folder away."""
    shutil.rmtree(folder, ignore_errors=True)
