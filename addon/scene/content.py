"""What a file is known by, whatever it is called and wherever it lies: its size and a hash, kept in the .blend."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
from pathlib import Path
from typing import Any, BinaryIO

from bpy.types import Sound

from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import opened

from . import memory

_ENDS = 1 << 20
"""Bytes at either end of a file that its fingerprint reads: opening a scene with ten takes must not read them all."""
_KNOWN = re.compile(r"(.*)\|(\d+)\|([0-9a-f]{32})(?:\|(\d+))?", re.DOTALL)
"""Name, bytes, hash, and the time in nanoseconds at which it was last changed, which earlier versions did not write."""
_MOST_REMEMBERED = 512
_read: dict[tuple[str, int, int], str] = memory.keep({})
"""Hashes of files as they were, by path, time and size: an unchanged file is read once."""


def fingerprint(path: Path) -> str:
    """What a file is known by from now on. Raises UserError."""
    with opened(path, None) as stream:
        status = os.fstat(stream.fileno())
        return f"{path.name}|{status.st_size}|{_hash(stream, status.st_size)}|{status.st_mtime_ns}"


def same_content(path: Path, known_by: str) -> bool:
    """Whether a file is the one of a fingerprint, whatever it is called now."""
    known = content(known_by)
    try:
        return bool(known) and path.stat().st_size == int(known.split()[0]) and content(fingerprint(path)) == known
    except (OSError, UserError, ValueError):  # it is gone, or the .blend says something we never wrote
        return False


def content(known_by: str) -> str:
    """Bytes and hash of what has a fingerprint, the same for the same content; empty when the .blend says nothing, or
    something we never wrote."""
    known = _KNOWN.fullmatch(known_by)
    return f"{known[2]} {known[3]}" if known else ""


def brought_up_to_date(path: Path, known_by: str) -> str:
    """The fingerprint of a file that had another: the same one, without reading the file, while name, size and time are
    what they were. Raises UserError, OSError."""
    known, status = _KNOWN.fullmatch(known_by), path.stat()
    if known and known[1] == path.name and (int(known[2]), known[4]) == (status.st_size, str(status.st_mtime_ns)):
        return known_by
    return fingerprint(path)


def content_now(path: Path, known_by: str) -> str:
    """As `content`, of the file as it is now; what the .blend knows where it is missing. Nothing is written."""
    try:
        status = path.stat()
        key = (os.fspath(path), status.st_mtime_ns, status.st_size)
        if key not in _read:
            _read[key] = content(brought_up_to_date(path, known_by))
            while len(_read) > _MOST_REMEMBERED:
                del _read[next(iter(_read))]
        return _read[key]
    except (OSError, UserError, ValueError):
        return content(known_by)


def sound_settings(sound: Sound) -> Any:
    """What EmoDiffTalk knows about a sound: a `properties.SoundSettings`. Any, as `heads.settings` says."""
    return sound.emodifftalk  # type: ignore[attr-defined]  # from `properties.ADDS`


def sound_content(sound: Sound, path: Path) -> str:
    """As `content`, of what a sound plays now: of what is packed, else of its file. Nothing is written."""
    known_by = sound_settings(sound).known_by
    if sound.packed_file is None:
        return content_now(path, known_by)
    known, size = content(known_by), sound.packed_file.size
    if known.split()[:1] == [str(size)]:
        return known
    key = (f"packed {sound.session_uid}", 0, size)
    if key not in _read:
        _read[key] = content(_packed(sound, path))
    return _read[key]


def remember_sound(sound: Sound, path: Path) -> None:
    """Note what a sound of this file is known by; a missing one stays as it was known."""
    if sound.library is not None:
        return
    known = sound_settings(sound)
    with contextlib.suppress(OSError, UserError, ValueError):  # it is missing, or gone this moment
        if sound.packed_file is None:
            now = brought_up_to_date(path, known.known_by)
        elif content(known.known_by).split()[:1] == [str(sound.packed_file.size)]:
            return
        else:
            now = _packed(sound, path)
        if now != known.known_by:
            known.known_by = now


def _packed(sound: Sound, path: Path) -> str:
    data = sound.packed_file.data
    return f"{path.name}|{len(data)}|{_hash(io.BytesIO(data), len(data))}|0"


def _hash(stream: BinaryIO, size: int) -> str:
    digest = hashlib.sha256(stream.read(_ENDS))
    stream.seek(max(size - _ENDS, 0))
    digest.update(stream.read(_ENDS))
    return digest.hexdigest()[:32]
