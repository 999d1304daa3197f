"""What is missing, for panels: looked for in a thread, so that a slow network never holds a drawing."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..blender.guarding import start_timer
from ..blender.redraw import SIDE_BARS, redraw
from ..blender.registering import Adds
from ..blender.state import State
from . import head_files, laying, memory

_AGAIN = 4.0
"""Seconds after which somebody who asks has it looked at again."""
_RESTRAINT = 20
"""After a look that took long, this many times as long nobody looks."""
_TICK = 0.05
_NAMED = 2
"""Missing files that the sentence names."""


@dataclass(frozen=True)
class Lost:
    """A file that is not where it should be. kind: as `HeadFile`'s. name: the file's."""

    kind: str
    name: str


@dataclass
class _Look:
    """Paths being looked at: what is what; when it is over, the seconds it took and which of them are lost."""

    kinds: dict[Path, str]
    cost: float = 0.0
    lost: tuple[Lost, ...] | None = None

    def work(self) -> None:
        """Look. Of Blender it needs nothing."""
        began = time.monotonic()
        lost = tuple(Lost(kind, path.name) for path, kind in self.kinds.items() if not os.path.isfile(path))
        self.cost, self.lost = time.monotonic() - began, lost


@dataclass
class _Known(State):
    """lost: of the last look. again: when the next one is due, seconds. look: the one that goes on."""

    lost: tuple[Lost, ...] = ()
    again: float = 0.0
    look: _Look | None = None


_known = memory.keep(_Known())


def lost_files() -> tuple[Lost, ...]:
    """What is missing, each file once, as it was seen a moment ago. Cheap: for drawings."""
    if bpy.app.background:
        look_now()
    elif time.monotonic() >= _known.again:
        start_timer(_tick, 0.0, persistent=False)
    return _known.lost


def missing_line() -> str:
    """How much is missing and what, one sentence without its full stop, or why takes could not be laid beside the file;
    empty when all is well. Cheap: for drawings."""
    lost = lost_files()
    if not lost:
        return laying.problem()
    if len(lost) == 1:
        return f"The {lost[0].kind} {lost[0].name} is missing"
    named = ", ".join(f"{one.kind} {one.name}" for one in lost[:_NAMED])
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    return f"{len(lost)} files are missing: {named}{more}"


def look_now() -> tuple[Lost, ...]:
    """Look at once; returns what is missing."""
    look = _begun()
    look.work()
    _take_over(look)
    return _known.lost


def _begun() -> _Look:
    kinds: dict[Path, str] = {}
    for file in head_files.head_files():
        kinds.setdefault(file.path, file.kind)
    return _Look(kinds)


def _tick() -> float | None:
    if _known.look is None:
        _known.look = _begun()
        threading.Thread(target=_known.look.work, name="EmoDiffTalk missing files", daemon=True).start()
    if _known.look.lost is None:
        return _TICK
    if _take_over(_known.look):
        redraw(SIDE_BARS)
    return None


def _take_over(look: _Look) -> bool:
    """Make a look's answer ours; returns whether it is news."""
    _known.look, _known.again = None, time.monotonic() + max(_AGAIN, _RESTRAINT * look.cost)
    news = look.lost != _known.lost
    _known.lost = look.lost or ()
    return news


@bpy.app.handlers.persistent
def _on_change(*_: object) -> None:
    # What is being looked at now may be of another file, or of before an undo.
    _known.look, _known.again = None, 0.0


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    _on_change()
    _known.lost = ()
    if not bpy.app.background:
        lost_files()  # so that it is seen without anybody's touching the window


ADDS = Adds(
    handlers=(
        ("load_post", _on_load),
        ("save_post", _on_change),
        ("undo_post", _on_change),
        ("redo_post", _on_change),
    ),
    timers=(_tick,),
)
