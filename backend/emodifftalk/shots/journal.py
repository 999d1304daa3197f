"""What has been done of a shot. A frame is finished when its file has its own name: nothing else is asked.

Beside the frames, `log/journal.jsonl` says what they were rendered from and how it went. Every line is one write to the
end of the file, so that several Blenders can write, and a torn last line, which a kill may leave, is skipped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from .complete_picture import is_complete
from .shot_list import Shot

UNFINISHED = ".unfinished"
"""In the name of a file that is being written."""


class Journal:
    """The journal of one shot."""

    def __init__(self, shot: Shot) -> None:
        self.shot = shot
        self.path = shot.folder / "log" / "journal.jsonl"
        self.log = shot.folder / "log" / "blender.log"

    def append(self, **entry: object) -> None:
        """Add a line. Raises OSError."""
        append(self.path, entry)

    def entries(self) -> Iterator[dict]:
        """Its whole lines, oldest first."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry

    def begun(self) -> dict:
        """The last line that says what the shot is rendered from: "fingerprint" and, once known, "frames"; or {}."""
        return next((entry for entry in reversed(list(self.entries())) if entry.get("event") == "begun"), {})

    def has_movie(self, frames: range) -> bool:
        """Whether the movie is there and was made of just these frames."""
        made = [entry.get("frames") for entry in self.entries() if entry.get("event") == "movie"]
        return self.shot.movie_path.is_file() and made[-1:] == [[frames[0], frames[-1]]]

    def finished(self, frames: Iterable[int]) -> set[int]:
        """Those of the frames whose files are there and whole."""
        return {frame for frame in frames if is_complete(self.shot.picture(frame))}

    def seconds(self, frame: int) -> float:
        """How long a frame took; 0 when nobody wrote it down."""
        times = [e["seconds"] for e in self.entries() if e.get("event") == "frame" and e.get("frame") == frame]
        return float(times[-1]) if times else 0.0

    def has_pictures(self) -> bool:
        """Whether any frame lies in the folder, of whatever range."""
        return any(True for _ in self._pictures())

    def forget(self) -> None:
        """Delete the shot's frames, movie and journal; other files stay. Raises OSError."""
        for path in [*self._pictures(), self.shot.movie_path, self.path]:
            path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete what a killed Blender left half written."""
        if self.shot.folder.is_dir():
            for path in self.shot.folder.glob(f".{self.shot.name}*{UNFINISHED}.*"):
                path.unlink(missing_ok=True)

    def _pictures(self) -> Iterator[Path]:
        if not self.shot.folder.is_dir():
            return
        begin, end = f"{self.shot.name}_", self.shot.picture(0).suffix
        for path in self.shot.folder.iterdir():
            if path.name.startswith(begin) and path.suffix == end and _is_number(path.stem.removeprefix(begin)):
                yield path


def unfinished(path: Path) -> Path:
    """The name a file has until it is whole."""
    return path.with_name(f".{path.stem}{UNFINISHED}{path.suffix}")


def append(path: Path, entry: dict) -> None:
    """Add a line of JSON to a file, on the disk when this returns. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
    try:
        size = os.fstat(file).st_size
        os.lseek(file, max(size - 1, 0), os.SEEK_SET)
        torn = size > 0 and os.read(file, 1) != b"\n"
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        os.write(file, b"\n" + line if torn else line)
        os.fsync(file)
    finally:
        os.close(file)


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdigit()
