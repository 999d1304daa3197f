"""The folder `.queue` in the output folder: who renders, how far it is, and what other processes ask of the queue."""

from __future__ import annotations

import json
from pathlib import Path

from ..core.errors import UserError
from ..core.opening import read_text
from ..core.whole_file import whole_file
from .file_lock import FileLock, is_held
from .names import CANCEL, PAUSE, RESUME
from .status import read_status

_MOST_ASKED = 1000


class QueueFolder:
    """The queue of one output folder, as the runner keeps it and as panels and other shells look at it."""

    def __init__(self, output: Path) -> None:
        self.output = output
        self.folder = output / ".queue"
        self.lock = FileLock(self.folder / "lock")
        self.report = output / "report.html"

    @property
    def running(self) -> bool:
        """Whether a runner is at work here."""
        return is_held(self.lock.path)

    def worker_lock(self, number: int) -> Path:
        """The file that the Blender of that number holds locked as long as it lives."""
        return self.folder / f"worker-{number}.lock"

    def living_workers(self) -> list[str]:
        """Who still renders for a runner that is gone."""
        return [FileLock(path).holder for path in sorted(self.folder.glob("worker-*.lock")) if is_held(path)]

    def write_status(self, status: dict) -> None:
        """Say how far it is; readers see the old words or the new ones. Raises UserError."""
        path = self.folder / "status.json"
        write_whole(path, json.dumps(status, ensure_ascii=False))

    def status(self) -> dict:
        """What was said last; {} when nothing was, or nothing that makes sense."""
        return read_status(self.folder / "status.json")

    def ask(self, what: str) -> None:
        """Ask the runner to PAUSE, RESUME or CANCEL (of `names`). Raises UserError when that cannot be written."""
        write_whole(self.folder / "asked", what)

    def asked(self) -> str:
        """What was asked since the last look; empty when nothing was."""
        path = self.folder / "asked"
        try:
            what = read_text(path, _MOST_ASKED).strip()
            path.unlink()
        except (OSError, UserError):
            return ""
        return what if what in (PAUSE, RESUME, CANCEL) else ""


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that it is never seen half written. Raises UserError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:
            stream.write(text.encode())
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
