"""The folder an installed backend lives in: what lies where, what is finished, whether it may be used or removed."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import read_json
from emodifftalk.core.whole_file import whole_file

MARKER = "emodifftalk-backend.json"
_MOST_BYTES = 1 << 20
_MADE_BY = "EmoDiffTalk for Blender"
_OURS = ("env", "cache", "tmp", "install.log", "lock", "constraints.txt")
"""What an installation makes beside its marker. Nothing else in the folder is ever removed."""

ABSENT, HALF, BROKEN, OLD, READY = "absent", "half", "broken", "old", "ready"


@dataclass
class Record:
    """What the marker says.

    version: of the add-on that made it.
    fingerprint: of what is installed, see `builds.Source`.
    choice: `cuda` or `cpu`.
    python: version it is built on.
    note: what is worth knowing about the result.
    steps: the fingerprint of every step that is done.
    finished: whether all of them are.
    """

    version: str = ""
    fingerprint: str = ""
    choice: str = ""
    python: str = ""
    note: str = ""
    finished: bool = False
    steps: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Home:
    """Paths below the folder `root`, which need not exist."""

    root: Path

    @property
    def marker(self) -> Path:
        """Says that the folder is ours, and how far the installation is."""
        return self.root / MARKER

    @property
    def env(self) -> Path:
        """The virtual environment."""
        return self.root / "env"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.env / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def cache(self) -> Path:
        """The wheels that are downloaded already; there while an installation is unfinished."""
        return self.root / "cache"

    @property
    def temporary(self) -> Path:
        """Where pip unpacks: the system's own place for that is often too small."""
        return self.root / "tmp"

    @property
    def log(self) -> Path:
        """Everything that was run and said."""
        return self.root / "install.log"

    @property
    def lock(self) -> Path:
        """Held by the Blender that works on this folder."""
        return self.root / "lock"

    @property
    def constraints(self) -> Path:
        """Which build of torch is wanted, for pip."""
        return self.root / "constraints.txt"

    def packages(self) -> Path | None:
        """The environment's site-packages, None when there is none."""
        if os.name == "nt":
            folder = self.env / "Lib" / "site-packages"
            return folder if folder.is_dir() else None
        return next(iter(sorted(self.env.glob("lib/python3.*/site-packages"))), None)


def read_record(home: Home) -> Record | None:
    """What the marker says; None when there is no marker of ours."""
    if home.marker.is_symlink():
        return None
    try:
        fields = read_json(home.marker, _MOST_BYTES)
        if fields.pop("made_by") != _MADE_BY:
            return None
        return Record(**fields)
    except (UserError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_record(home: Home, record: Record) -> None:
    """Put the marker down in one go: it is whole or the old one, also after a crash. Raises OSError."""
    text = json.dumps({"made_by": _MADE_BY, **asdict(record)}, indent=1)
    with whole_file(home.marker) as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def standing(home: Home, fingerprint: str) -> str:
    """ABSENT; HALF: begun and not finished; BROKEN: its Python is gone; OLD: of another version of the add-on; READY.

    fingerprint: of what this add-on would install.
    """
    record = read_record(home)
    if record is None:
        return ABSENT
    if not record.finished:
        return HALF
    if not home.python.is_file():  # Blender, whose Python it is built on, was moved or removed
        return BROKEN
    return READY if record.fingerprint == fingerprint else OLD


def claim(home: Home) -> Record:
    """Make the folder ours, and return what its marker says. Raises UserError when it holds other people's files."""
    record = read_record(home)
    if record is not None and not home.root.is_symlink():
        return record
    if home.root.is_symlink() or (home.root.exists() and (not home.root.is_dir() or any(home.root.iterdir()))):
        raise UserError(
            f"{home.root} holds something that EmoDiffTalk did not put there: empty it, or choose another Backend "
            "Folder in the add-on's preferences."
        )
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        record = Record()
        write_record(home, record)
    except OSError as error:
        raise UserError(
            f"{home.root} cannot be written ({error.strerror or error}): choose another Backend Folder in the "
            "add-on's preferences."
        ) from error
    return record


def remove(home: Home, say: Callable[[str], None] = lambda text: None) -> list[str]:
    """Remove an installation and return what was left because it is not ours. Links are removed, never followed.

    Raises UserError when the folder carries no marker of ours or something cannot be removed; it then counts as
    unfinished.
    """
    record = read_record(home)
    if record is None or home.root.is_symlink():
        raise UserError(f"{home.root} is not a backend that EmoDiffTalk installed: nothing was removed.")
    try:
        record.finished, record.steps = False, {}
        write_record(home, record)
        for name in _OURS:
            say(f"Removing {name}")
            delete(home.root / name)
        home.marker.unlink()
        left = sorted(path.name for path in home.root.iterdir())
        if not left:
            home.root.rmdir()
    except OSError as error:
        raise UserError(
            f"{error.filename or home.root} cannot be removed ({error.strerror or error}): close what uses it and "
            "press Uninstall again."
        ) from error
    return left


def delete(path: Path) -> None:
    """Delete a file, a link (not what it points to) or a folder; nothing when there is none. Raises OSError."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path, onerror=_writable_then_again)


def _writable_then_again(function: Callable, path: str, trouble: tuple) -> None:
    """Windows refuses to delete read-only files."""
    if os.path.islink(path) or not isinstance(trouble[1], PermissionError):
        raise trouble[1]
    os.chmod(path, stat.S_IRWXU)
    function(path)
