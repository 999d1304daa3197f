"""The files heads refer to: all of them, which are missing, and what each one is known by."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.types import PropertyGroup, Sound

from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import opened

from ..scene.heads import absolute, is_head, settings

_ENDS = 1 << 20
"""Bytes at either end of a file that its fingerprint reads: opening a scene with ten takes must not read them all."""


@dataclass(frozen=True)
class HeadFile:
    """A file that something in this .blend refers to.

    kind: "subject", "take" or "voice".
    owner, attribute: the property that holds the path.
    path: where it should be.
    known_by: the fingerprint it had when the .blend was saved, empty if it never was.
    """

    kind: str
    owner: PropertyGroup | Sound
    attribute: str
    path: Path
    known_by: str = ""

    @property
    def missing(self) -> bool:
        """Whether nothing is there."""
        return not self.path.is_file()

    def refer_to(self, path: str) -> None:
        """Write another path."""
        setattr(self.owner, self.attribute, path)


def head_files() -> Iterator[HeadFile]:
    """Every subject, take and voice of what belongs to this file itself: libraries are mended where they are."""
    for obj in bpy.data.objects:
        if not is_head(obj) or obj.library is not None:
            continue
        head_settings = settings(obj)
        yield HeadFile(
            "subject",
            head_settings,
            "subject_path",
            absolute(head_settings.subject_path, obj),
            head_settings.subject_known_by,
        )
        for take in head_settings.takes:
            if take.path:
                yield HeadFile("take", take, "path", absolute(take.path, obj), take.known_by)
    for sound in bpy.data.sounds:
        if sound.library is None and sound.packed_file is None and sound.filepath:
            yield HeadFile("voice", sound, "filepath", Path(bpy.path.abspath(sound.filepath)))


def missing_files() -> list[HeadFile]:
    """Those that are not where they should be."""
    return [file for file in head_files() if file.missing]


def fingerprint(path: Path) -> str:
    """Name, bytes and the hash of both ends of a file. Raises UserError."""
    with opened(path, None) as stream:
        size = os.fstat(stream.fileno()).st_size
        digest = hashlib.sha256(stream.read(_ENDS))
        stream.seek(max(size - _ENDS, 0))
        digest.update(stream.read(_ENDS))
    return f"{path.name}|{size}|{digest.hexdigest()[:32]}"


def same_content(path: Path, known_by: str) -> bool:
    """Whether a file is the one of a fingerprint, whatever it is called now."""
    try:
        _, size, digest = known_by.rsplit("|", 2)
        return path.stat().st_size == int(size) and fingerprint(path).endswith(digest)
    except (OSError, UserError, ValueError):  # it is gone, or the .blend says something we never wrote
        return False


def remember_files() -> None:
    """Note what subjects and takes are known by, those whose name or size has changed since; missing ones stay as
    they were known."""
    for file in head_files():
        if file.kind == "voice" or file.missing:
            continue
        with contextlib.suppress(OSError, UserError):  # gone this moment
            if file.known_by.startswith(f"{file.path.name}|{file.path.stat().st_size}|"):
                continue
            setattr(file.owner, "known_by" if file.kind == "take" else "subject_known_by", fingerprint(file.path))
