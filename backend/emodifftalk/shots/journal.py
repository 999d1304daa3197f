"""What has been done of a shot. A frame is finished when its file has its own name: nothing else is asked.

Beside the frames, `log/journal.jsonl` says what they were rendered from and how it went. Every line is one write to the
end of the file, so that several Blenders can write, and a torn last line, which a kill may leave, is skipped.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..core.errors import UserError
from ..core.fields import listed, mapped, number, text, whole
from ..core.opening import opened, parse_json
from .complete_picture import is_complete
from .shot_list import MOST_FRAMES, Shot

_LONGEST_LINE = 1 << 20
_MOST_BYTES = 512 << 20
"""Of a journal: a million frames have 300 MB."""
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
        """Its whole lines that make sense, oldest first; others are passed over as torn ones are."""
        try:
            with opened(self.path, _MOST_BYTES, "The journal") as stream:
                yield from filter(None, map(_entry, iter(lambda: stream.readline(_LONGEST_LINE), b"")))
        except UserError:
            return

    def begun(self) -> dict:
        """The last line that says what the shot is rendered from: "fingerprint" and, once known, "frames"; or {}."""
        begun: dict = {}
        for entry in self.entries():
            if entry["event"] == "begun":
                begun = entry
        return begun

    def has_movie(self, frames: range) -> bool:
        """Whether the movie is there and was made of just these frames."""
        made = [entry for entry in self.entries() if entry.get("event") == "movie"]
        path = self.shot.movie_path
        if not made or not path.is_file() or made[-1].get("frames") != [frames[0], frames[-1]]:
            return False
        # Journals of earlier versions do not say how large it was.
        return made[-1].get("bytes", path.stat().st_size) == path.stat().st_size

    def finished(self, frames: Iterable[int]) -> set[int]:
        """Those of the frames whose files are there and whole."""
        there = _names(self.shot.folder)
        return {
            frame
            for frame in frames
            if self.shot.picture_name(frame) in there and is_complete(self.shot.picture(frame))
        }

    def seconds(self, frame: int) -> float:
        """How long a frame took; 0 when nobody wrote it down."""
        seconds = 0.0
        for entry in self.entries():
            if entry["event"] == "frame" and entry.get("frame") == frame:
                seconds = float(entry.get("seconds", 0.0))
        return seconds

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


def _names(folder: Path) -> set[str]:
    """What lies in a folder: asked once, for a shot may have a million frames, and most are not there."""
    try:
        return set(os.listdir(folder))
    except OSError:
        return set()


def _entry(line: bytes) -> dict | None:
    """What a line says; None when it is torn, or says what no queue says."""
    try:
        entry = mapped(parse_json(line, _LONGEST_LINE))
        text(entry["event"])
        if entry.get("frames") is not None:
            first, last = (whole(frame, -MOST_FRAMES, MOST_FRAMES) for frame in listed(entry["frames"], 2))
            whole(last - first, 0, MOST_FRAMES)
        if "frame" in entry:
            whole(entry["frame"], -MOST_FRAMES, MOST_FRAMES)
        if "seconds" in entry:
            number(entry["seconds"], 0, 1e9)
        if "fingerprint" in entry:
            mapped(entry["fingerprint"])
    except (ValueError, KeyError):
        return None
    return entry


def unfinished(path: Path) -> Path:
    """The name a file has until it is whole."""
    return path.with_name(f".{path.stem}{UNFINISHED}{path.suffix}")


def append(path: Path, entry: dict) -> None:
    """Add a line of JSON to a file, on the disk when this returns. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EEXIST, "it is no plain file", str(path))
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
