"""Takes beside the .blend: those that were made before it was saved, or beside the file it was, get a place there.

Nothing is taken from anybody. Where the disk can, the take gets a second name; else it is copied, larger ones in the
background while they go on playing from where they are. The old one stays for a week: undo, a recovered file or another
.blend may ask for it.
"""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import read_json
from emodifftalk.core.whole_file import whole_file

from ..blender.guarding import start_timer
from ..blender.redraw import SIDE_BARS, redraw
from ..blender.registering import Adds
from ..blender.state import State
from ..scene.content import same_content
from ..scene.heads import absolute, arriving, library_of, paths_rewritten, portable, user_folder
from . import copying, head_files, memory

FOLDER = "takes"
"""Where takes lie beside a .blend."""
_AT_ONCE = 24 << 20
"""Bytes that may be copied while a file is being saved."""
_TICK = 0.2
_WEEK = 7 * 24 * 3600.0
_LIST, _MOST_BYTES, _MOST_LISTED = "laid.json", 4 << 20, 5000


@dataclass
class _Copy:
    """A take on its way: from where, to where. ended: it is over. problem: why it failed, one sentence."""

    source: Path
    path: Path
    ended: bool = False
    problem: str = ""

    def work(self, go: copying.Go = lambda done: True) -> None:
        """Copy it. Of Blender it needs nothing."""
        try:
            copying.copy(self.source, self.path, go)
        except copying.Stopped:
            self.problem = f"The take {self.source.name} was not copied to the end: save again."
        except (OSError, UserError) as error:
            self.problem = (
                f"The take {self.source.name} could not be laid beside the file, and plays from {self.source.parent}: "
                f"{getattr(error, 'strerror', '') or error}."
            )
        self.ended = True


@dataclass
class _Laying(State):
    """What goes on, and what has.

    copies: on their way.
    thread: that makes them.
    problem: what failed last, one sentence.
    laid: where takes of this file have gone, from their old paths.
    first: those of them that no .blend has ever listed at their old path.
    """

    copies: list[_Copy] = field(default_factory=list)
    thread: threading.Thread | None = None
    problem: str = ""
    laid: dict[Path, Path] = field(default_factory=dict)
    first: set[Path] = field(default_factory=set)


_state = memory.keep(_Laying())


def problem() -> str:
    """Why takes could not be laid beside the file when it was last saved, one sentence; empty when they could."""
    return _state.problem


def now_at(source: Path) -> Path:
    """Where a take lies now that lay at `source` earlier in this session."""
    return _state.laid.get(source, source)


def begin() -> None:
    """A file is about to be saved: what failed before is tried again."""
    _state.problem = ""


def laid_beside(file: head_files.HeadFile, target: str) -> Path | None:
    """The place of a take beside `target`, a .blend about to be saved, where it lies now or will in a moment; None for
    files that stay where they are."""
    folder = Path(target).parent / FOLDER
    source = file.path
    if file.kind != "take" or not _moves_along(file, folder):
        return None
    if source in _state.laid and _state.laid[source].parent == folder and arriving.get(_state.laid[source]) == source:
        return _state.laid[source]
    try:
        path = copying.twin(source, folder)
        if path is None:
            path = copying.free_name(source, folder)
            if not copying.link(source, path):
                _bring(source, path)
    except (OSError, UserError) as error:
        _state.problem = str(error)
        return None
    if not path.is_file() and path not in arriving:
        return None
    _state.laid[source] = path
    if not bpy.data.filepath and source.parent == user_folder(FOLDER):
        _state.first.add(source)
    return path


def _moves_along(file: head_files.HeadFile, folder: Path) -> bool:
    """Whether a take lies where takes are made, and not in `folder` yet."""
    entry: Any = file.owner
    made_in = [user_folder(FOLDER)]
    if bpy.data.filepath:
        made_in.append(absolute(f"//{FOLDER}"))
    if file.path.parent == folder or file.path.parent not in made_in or file.missing:
        return False
    return library_of(entry.path, entry.id_data) is None


def _bring(source: Path, path: Path) -> None:
    """Copy a take to where nothing is: at once, or, when there is much of it, soon."""
    new = _Copy(source, path)
    waiting = sum(copy.source.stat().st_size for copy in _state.copies if not copy.ended)
    if bpy.app.background or waiting + source.stat().st_size <= _AT_ONCE:
        new.work()
        _state.problem = new.problem or _state.problem
        return
    arriving[path] = source
    _state.copies.append(new)
    if _state.thread is None or not _state.thread.is_alive():
        _state.thread = threading.Thread(target=_work, name="EmoDiffTalk takes", daemon=False)
        _state.thread.start()
    start_timer(_tick, _TICK)


def _work() -> None:
    while (copy := next((copy for copy in list(_state.copies) if not copy.ended), None)) is not None:
        copy.work()


def _tick() -> float | None:
    if any(not copy.ended for copy in _state.copies):
        if _state.thread is None or not _state.thread.is_alive():  # it ended just before another came
            _state.thread = threading.Thread(target=_work, name="EmoDiffTalk takes", daemon=False)
            _state.thread.start()
        return _TICK
    settle()
    return None


def settle() -> None:
    """Wait for the copies that are on their way and let takes play from where they lie now; those that could not be
    copied from where they were."""
    if _state.thread is not None:
        _state.thread.join()
    copies, _state.copies, _state.thread = _state.copies, [], None
    for copy in copies:
        if copy.problem and not copy.path.is_file():
            _state.problem = copy.problem
            _state.laid.pop(copy.source, None)
            for file in list(head_files.head_files()):
                if file.kind == "take" and file.path == copy.source:
                    with paths_rewritten():
                        file.refer_to(portable(copy.source))
        arriving.pop(copy.path, None)
    if copies:
        redraw(SIDE_BARS)


def saved() -> None:
    """A file was saved: note which takes have a place beside it now, and forget the old ones that nobody needs."""
    folder = user_folder(FOLDER)
    laid = {source.name: path for source, path in _state.laid.items() if source in _state.first}
    entries, now = _listed(), time.time()
    news = {name: [os.fspath(path), now] for name, path in laid.items() if entries.get(name, [""])[0] != str(path)}
    entries.update(news)
    gone = [name for name, (path, when) in entries.items() if now - when > _WEEK and _forgotten(folder / name, path)]
    for name in gone:
        del entries[name]
    if news or gone:
        with suppress(OSError), whole_file(folder / _LIST) as stream:  # else they stay
            stream.write(json.dumps(dict(list(entries.items())[-_MOST_LISTED:])).encode())


def _forgotten(old: Path, path: str) -> bool:
    """Delete a take's old name; only when the take itself is still where it was laid. Returns whether it is gone."""
    if not old.is_file():
        return True
    try:
        if not (os.path.samefile(old, path) or copying.twin(old, Path(path).parent) is not None):
            return False
        old.unlink()
    except (OSError, UserError):
        return False
    return True


def _listed() -> dict[str, list]:
    """Takes of the add-on's own folder that were laid beside a .blend: where, and when (seconds)."""
    try:
        data = read_json(user_folder(FOLDER) / _LIST, _MOST_BYTES)
    except (UserError, OSError):
        return {}
    return {name: entry for name, entry in data.items() if _is_entry(name, entry)} if isinstance(data, dict) else {}


def _is_entry(name: Any, entry: Any) -> bool:
    plain = isinstance(name, str) and name == Path(name).name
    return plain and isinstance(entry, list) and [type(part) for part in entry] == [str, float]


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    """A file whose takes were still on their way when Blender was killed finds them where they were."""
    _state.laid.clear()
    _state.first.clear()
    _state.problem = ""
    for file in list(head_files.head_files()):
        if file.kind == "take" and file.known_by and file.missing:
            old = user_folder(FOLDER) / file.path.name
            if same_content(old, file.known_by):
                file.refer_to(os.fspath(old))


@bpy.app.handlers.persistent
def _on_leave(*_: object) -> None:
    settle()


ADDS = Adds(
    handlers=(("load_pre", _on_leave), ("load_post", _on_load)),
    timers=(_tick,),
    end=_on_leave,
    at_exit=_on_leave,
)
