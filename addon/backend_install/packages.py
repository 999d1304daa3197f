"""The packages in an environment, looked at from outside: which are there, which are damaged."""

from __future__ import annotations

import base64
import csv
import hashlib
from collections.abc import Callable
from pathlib import Path

from .home import delete


def present(folder: Path | None) -> set[str]:
    """Names of the packages in a site-packages folder, as their own folders spell them, in lower case."""
    if folder is None:
        return set()
    return {path.name.partition("-")[0].lower() for path in folder.glob("*.dist-info")}


def damaged(
    folder: Path, thorough: bool, say: Callable[[float], None] = lambda fraction: None
) -> dict[Path, list[str]]:
    """The .dist-info folders of packages with missing or changed files, and those files.

    A package without a list of files was being written when something stopped. thorough: compare contents (a minute
    or more), not only sizes. say: hears the fraction that is checked.
    """
    found: dict[Path, list[str]] = {}
    infos = sorted(folder.glob("*.dist-info"))
    for number, info in enumerate(infos):
        say(number / len(infos))
        record = info / "RECORD"
        if not record.is_file():
            found[info] = ["RECORD"]
            continue
        with record.open(encoding="utf-8", newline="") as file:
            bad = [row[0] for row in csv.reader(file) if len(row) == 3 and not _whole(folder, *row, thorough)]
        if bad:
            found[info] = bad
    return found


def forget(infos: dict[Path, list[str]]) -> None:
    """Let pip take these packages for not installed, so that it installs them anew. Raises OSError."""
    for info in infos:
        delete(info)


def _whole(folder: Path, name: str, digest: str, size: str, thorough: bool) -> bool:
    path = folder / name
    if path.suffix == ".pyc" or not digest:  # made by Python, or the list itself
        return True
    try:
        if size and path.stat().st_size != int(size):
            return False
        if not thorough:
            return True
        method, _, wanted = digest.partition("=")
        with path.open("rb") as file:
            have = hashlib.file_digest(file, method).digest()
    except (OSError, ValueError):
        return False
    return base64.urlsafe_b64encode(have).decode().rstrip("=") == wanted
