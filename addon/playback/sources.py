"""The files a head plays from, each opened once and read again when it changes on disk. No backend needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bpy.types import Object

from emodifftalk.core.errors import UserError

from ..scene.heads import absolute, active_take, is_still, settings
from . import memory
from .latest import Latest

if TYPE_CHECKING:
    from emodifftalk.core.gaussians import Gaussians
    from emodifftalk.core.subject import Subject
    from emodifftalk.core.take import Take


FileKey = tuple[str, int, int]


def file_key(path: str) -> FileKey:
    """What changes when a file changes: path, modification time, size. Raises UserError when it is missing."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise UserError(f"The file {path} cannot be found: press Find at the top of the EmoDiffTalk tab.") from error
    return path, status.st_mtime_ns, status.st_size


def _read_subject(path: str) -> Subject:
    from emodifftalk.core.subject import load_subject

    return load_subject(path)


def _read_take(path: str) -> Take:
    from emodifftalk.core.take import load_take

    return load_take(path)


_subjects: Latest[FileKey, Subject] = memory.keep(Latest(4))
_takes: Latest[FileKey, Take] = memory.keep(Latest(8))
_stills: Latest[tuple[FileKey, str], Gaussians] = memory.keep(Latest(4))


def subject_of(head: Object) -> Subject:
    """The head's Subject, read once. Raises UserError."""
    path = str(absolute(settings(head).subject_path, head))
    return _subjects.get(file_key(path), lambda: _read_subject(path))


def still_gaussians(still: Object) -> Gaussians:
    """The Gaussians of a still, read once, in its file's own space. Raises UserError."""
    from emodifftalk.core.formats.gaussian_file import read_gaussians

    still_settings = settings(still)
    path = str(absolute(still_settings.gaussians_path, still))
    axes = still_settings.gaussians_axes or "rdf"
    return _stills.get((file_key(path), axes), lambda: read_gaussians(path, axes))


def canonical_of(obj: Object) -> Gaussians:
    """The canonical Gaussians of a head; those of a still, which has no others. Raises UserError."""
    return still_gaussians(obj) if is_still(obj) else subject_of(obj).gaussians


def steers(head: Object) -> bool:
    """Whether the eyes of the head's Subject, as it is on the disk now, can be steered."""
    try:
        return len(subject_of(head).eye_centers) == 2
    except UserError:
        return False


def take_of(head: Object) -> Take | None:
    """The take that plays, opened; None when the head has none. Raises UserError when its file is gone or damaged."""
    entry = active_take(head)
    if entry is None:
        return None
    path = str(absolute(entry.path, head))
    return _takes.get(file_key(path), lambda: _read_take(path))
