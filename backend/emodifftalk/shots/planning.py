"""What of a shot is left to do when its queue begins, and whether what lies there belongs to it."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import UserError
from ..core.opening import is_plain_file
from .journal import Journal
from .names import REFUSE, RENDER
from .shot_list import Shot
from .snapshot import Snapshots, content_hash, shot_fingerprint
from .work import ShotWork


class Planner:
    """Plans the shots of one queue."""

    def __init__(self, snapshots: Snapshots, changed: str) -> None:
        """changed: one of CHANGED."""
        self._snapshots, self._changed = snapshots, changed
        self._hashes: dict[Path, str] = {}

    def plan(self, shot: Shot) -> ShotWork:
        """What is left of a shot; a shot that cannot be begun has failed, in one sentence."""
        work = ShotWork(shot, Journal(shot), {}, shot.blend)
        try:
            self._begin(work)
        except OSError as error:
            at = error.filename or shot.folder
            work.fail(f"{at} cannot be read or written: {error.strerror or error}.")
        except UserError as error:
            work.fail(str(error))
        return work

    def _begin(self, work: ShotWork) -> None:
        shot, journal = work.shot, work.journal
        if not is_plain_file(shot.blend):
            what = "is no plain file" if shot.blend.exists() else "does not exist"
            work.fail(f"The file {shot.blend} {what}.")
            return
        work.blend = self._snapshots.take(shot.blend)
        if shot.blend not in self._hashes:
            self._hashes[shot.blend] = content_hash(work.blend)
        work.fingerprint = shot_fingerprint(shot, self._hashes)
        journal.sweep()
        begun = journal.begun()
        same = begun.get("fingerprint") == work.fingerprint
        if begun and not same and journal.has_pictures():
            if self._changed == REFUSE:
                work.fail(_what_changed(shot, begun.get("fingerprint", {}), work.fingerprint))
                return
            if self._changed == RENDER:
                journal.forget()
            else:
                work.note("Frames of an earlier version of this shot were kept among the new ones.")
        if not same:
            journal.append(event="begun", fingerprint=work.fingerprint, frames=shot.frames)
        first_last = shot.frames or (begun.get("frames") if same else None)
        if first_last is not None:
            work.plan(range(first_last[0], first_last[1] + 1, shot.step))


def _what_changed(shot: Shot, before: dict, now: dict) -> str:
    names = {"blend": shot.blend.name, "takes": "its takes"}
    changed = [names.get(key, f"its {key}") for key in now if before.get(key) != now[key]]
    return (
        f"{', '.join(changed) or 'It'} changed since frames of this shot were rendered: have them rendered again or "
        "kept (“Changed Shots” in the panel, --changed on the command line)."
    )
