"""The files a head plays from, each opened once and read again when it changes on disk. No backend needed."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from bpy.types import Object

from emodifftalk.core.errors import UserError

from ..scene.heads import absolute, active_take, is_still, settings
from . import memory

if TYPE_CHECKING:
    from emodifftalk.core.gaussians import Gaussians
    from emodifftalk.core.subject import Subject
    from emodifftalk.core.take import Take


T = TypeVar("T")


class _Files(Generic[T]):
    """The last `keep` files read, read again when they change on disk."""

    def __init__(self, read: Callable[[str], T], keep: int) -> None:
        self._read, self._keep = read, keep
        self._contents: OrderedDict[tuple[str, int, int], T] = OrderedDict()

    def __call__(self, path: str) -> T:
        """The file's content. Raises UserError."""
        key = file_key(path)
        if key not in self._contents:
            self._contents[key] = self._read(path)
            while len(self._contents) > self._keep:
                self._contents.popitem(last=False)
        self._contents.move_to_end(key)
        return self._contents[key]

    def clear(self) -> None:
        """Forget everything."""
        self._contents.clear()


def file_key(path: str) -> tuple[str, int, int]:
    """What changes when a file changes: path, modification time, size. Raises UserError when it is missing."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise UserError(f"The file {path} cannot be found: relink it in the EmoDiffTalk panel.") from error
    return path, status.st_mtime_ns, status.st_size


def _read_subject(path: str) -> Subject:
    from emodifftalk.core.subject import load_subject

    return load_subject(path)


def _read_take(path: str) -> Take:
    from emodifftalk.core.take import load_take

    return load_take(path)


_subjects = memory.keep(_Files(_read_subject, keep=4))


_stills: dict[tuple, Gaussians] = memory.keep({})


_takes = memory.keep(_Files(_read_take, keep=8))


def subject_of(head: Object) -> Subject:
    """The head's Subject, read once. Raises UserError."""
    return _subjects(str(absolute(settings(head).subject_path, head)))


def still_gaussians(still: Object) -> Gaussians:
    """The Gaussians of a still, read once, in its object space. Raises UserError."""
    from emodifftalk.core.formats.gaussian_file import read_gaussians

    still_settings = settings(still)
    path = str(absolute(still_settings.gaussians_path, still))
    key = (*file_key(path), still_settings.gaussians_axes)
    if key not in _stills:
        _stills[key] = read_gaussians(path, still_settings.gaussians_axes or "rdf")
        while len(_stills) > 4:
            _stills.pop(next(iter(_stills)))
    return _stills[key]


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
    return _takes(str(absolute(entry.path, head))) if entry is not None else None
