"""Packages looked at from outside pip: which are installed, which are damaged, which wheels are downloaded already."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
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

    A package without a list of files was being written when something stopped.

    thorough: compare contents (a minute or more), not only sizes.
    say: hears the fraction that is checked.
    """
    damage: dict[Path, list[str]] = {}
    infos = sorted(folder.glob("*.dist-info"))
    for number, info in enumerate(infos):
        say(number / len(infos))
        record = info / "RECORD"
        if not record.is_file():
            damage[info] = ["RECORD"]
            continue
        with record.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.reader(file) if len(row) == 3]
        bad = [name for name, digest, size in rows if not _whole(folder, name, digest, size, thorough)]
        if bad:
            damage[info] = bad
    return damage


def forget(infos: dict[Path, list[str]]) -> None:
    """Let pip take these packages for not installed, so that it installs them anew. Raises OSError."""
    for info in infos:
        delete(info)


def keep_wheels(temporary: Path, cache: Path) -> None:
    """Link the wheels that pip is fetching into a folder where they outlive it, also one that is not complete yet.

    pip itself keeps downloads only where the index allows it, and clears them away when it fails.
    """
    try:
        wheels = list(temporary.glob("pip-*/**/*.whl"))
    except OSError:
        return  # pip has removed a folder that was being listed: a second later there is another chance
    for wheel in wheels:
        try:
            os.link(wheel, cache / wheel.name)
        except OSError:
            pass  # linked a second ago, gone by now, or a disk without links: then it is fetched again


def drop_broken_wheels(cache: Path) -> None:
    """Delete what was cut short: the list of a wheel's files stands at its end. Raises OSError."""
    import zipfile

    for wheel in cache.glob("*.whl"):
        if not zipfile.is_zipfile(wheel):
            delete(wheel)


def index_of(cache: Path) -> list[str]:
    """pip's arguments to take these wheels before those of any other index (it asks the last one first).

    As a folder of files they would come after the index. Nothing when there are none. Raises OSError.
    """
    wheels = sorted(cache.glob("*.whl"))
    for wheel in wheels:
        page = (
            cache / "simple" / wheel.name.partition("-")[0].lower().replace("_", "-").replace(".", "-") / "index.html"
        )
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(f'<!DOCTYPE html><a href="{wheel.as_uri()}">{wheel.name}</a>', encoding="utf-8")
    return ["--extra-index-url", (cache / "simple").as_uri()] if wheels else []


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
