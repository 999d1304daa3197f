"""What a queue says of itself, read back: whole and sane, or nothing at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core.errors import UserError
from ..core.fields import listed, mapped, number, text, whole
from ..core.opening import read_json

_MOST_BYTES = 32 << 20
_MOST = 10_000_000
"""Of frames, shots, seconds: a queue of months."""


def read_status(path: Path) -> dict[str, Any]:
    """The status in a file; {} when there is none, or when it is damaged: nothing was said then."""
    try:
        return _checked(mapped(read_json(path, _MOST_BYTES)))
    except (UserError, ValueError, KeyError):
        return {}


def _checked(said: dict[str, Any]) -> dict[str, Any]:
    for name in ("state", "host"):
        text(said[name])
    for name in ("pid", "jobs"):
        whole(said[name], 0, 2**63)
    for name in ("began", "seconds"):
        number(said[name], -1e12, 1e12)
    if said["left"] is not None:
        number(said["left"], 0, 1e12)
    for pid in listed(said["blenders"]):
        whole(pid, 0, 2**63)
    for shot in listed(said["shots"]):
        _check_shot(mapped(shot))
    return said


def _check_shot(shot: dict[str, Any]) -> None:
    for name in ("name", "state", "problem", "folder", "movie", "log"):
        text(shot[name], 1_000_000)
    for name in ("done", "rendered"):
        whole(shot[name], 0, _MOST)
    if shot["total"] is not None:
        whole(shot["total"], 0, _MOST)
    number(shot["seconds"], 0, 1e12)
    for frame in listed(shot["low"]):
        whole(frame, -_MOST, _MOST)
    for sentence in (*listed(shot["notes"]), *mapped(shot["failed"]).values()):
        text(sentence, 1_000_000)
