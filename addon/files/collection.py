"""Files on their way beside a .blend: copied one after the other, in a thread, without anything of Blender."""

from __future__ import annotations

import shutil
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from emodifftalk.core.errors import UserError

from . import copying, laying

FOLDERS = {"subject": "subjects", "take": laying.FOLDER, "voice": "voices", "still": "gaussians"}
"""Where each kind of file goes beside the .blend."""


@dataclass
class Collection:
    """Files being collected.

    blend: beside which.
    files: to be copied, and their kinds.
    save: whether the .blend is saved when they are there.
    places: where each of them lies now.
    made: what of that is new.
    total, done: bytes.
    problems: what could not be copied, a sentence each.
    text: what goes on.
    stopped: to be given up.
    """

    blend: str
    files: dict[Path, str]
    save: bool = True
    places: dict[Path, Path] = field(default_factory=dict)
    made: list[Path] = field(default_factory=list)
    total: int = 0
    done: int = 0
    problems: list[str] = field(default_factory=list)
    text: str = ""
    stopped: bool = False
    thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether files are being copied."""
        return self.thread is not None and self.thread.is_alive()

    @property
    def fraction(self) -> float:
        """How much is done, 0..1."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def work(self) -> None:
        """Copy them. Of Blender it needs nothing."""
        folder = Path(self.blend).parent
        absent = [path for name in set(self.files.values()) if not (path := folder / FOLDERS[name]).exists()]
        self.total = sum(map(size_of, self.files))
        try:
            free = shutil.disk_usage(folder).free
            if free < self.total:
                self.problems.append(
                    f"There is no room in {folder}: {megabytes(self.total)} are to be copied, {megabytes(free)} free"
                )
                return
            for source, kind in self.files.items():
                self.text = f"Copying {source.name}"
                self._collect(source, folder / FOLDERS[kind])
        except copying.Stopped:
            self._take_back(absent)
        except OSError as error:
            self.problems.append(f"{folder}: {error.strerror or error}")

    def _collect(self, source: Path, folder: Path) -> None:
        before = self.done
        try:
            place = copying.twin(source, folder)
            if place is None:
                place = copying.free_name(source, folder)
                copying.copy(source, place, self._go)
                self.made.append(place)
            self.places[source] = place
        except (OSError, UserError) as error:
            self.problems.append(f"{source.name}: {getattr(error, 'strerror', '') or error}")
        self.done = before + size_of(source)
        self._go(0)

    def _take_back(self, folders: list[Path]) -> None:
        """Delete what was copied, since nothing refers to it, and the folders that were made for it."""
        for path in self.made:
            with suppress(OSError):
                path.unlink()
        for folder in folders:
            with suppress(OSError):  # somebody has put something there
                folder.rmdir()

    def _go(self, done: int) -> bool:
        self.done += done
        if self.stopped:
            raise copying.Stopped
        return True


def size_of(path: Path) -> int:
    """Bytes of a file; 0 when it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def megabytes(size: int) -> str:
    """So many bytes, in words."""
    return f"{size / 1e6:.1f} MB"
