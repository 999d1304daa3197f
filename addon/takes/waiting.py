"""Takes that were made of heads which had been deleted meanwhile: they wait until undo brings their head back."""

from __future__ import annotations

from pathlib import Path

from bpy.types import Object

from ..blender.status_bar import show_status
from ..scene.heads import absolute, settings
from . import memory
from .job import Job

_jobs: dict[int, list[Job]] = memory.keep({})
"""By session uid of the head, the oldest first."""
_SAID_FOR = 20.0
"""Seconds for which the status bar says where such a take lies."""


def keep(job: Job) -> None:
    """Have a take wait for its head, and say where it lies: the head may never come back."""
    _jobs.setdefault(job.head_uid, []).append(job)
    show_status(f"EmoDiffTalk: the head was deleted while this take was made: {job.path}", _SAID_FOR)


def of(head: Object) -> list[Job]:
    """Takes that wait for a head, are there and not in its list, the oldest first. They wait on after they were listed:
    undo takes them off the list again."""
    waiting = _jobs.get(head.session_uid, [])
    if not waiting:
        return []
    listed = {absolute(entry.path, head) for entry in settings(head).takes}
    return [job for job in waiting if job.path not in listed and job.path.is_file()]


def decline(path: Path) -> None:
    """The animator took this take off the list: it is not to be offered again."""
    for waiting in _jobs.values():
        waiting[:] = [job for job in waiting if job.path != path]


def forget() -> None:
    """Another file is opened: nobody waits any more."""
    _jobs.clear()
