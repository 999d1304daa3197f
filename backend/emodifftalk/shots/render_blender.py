"""One Blender that renders frames of one shot, one after the other, as it is told over its standard input.

Told: {"do": "open" | "frame" | "movie" | "end", …}, a line of JSON each. It answers in lines that begin with SAY:
{"event": "did" | "missed", …}. Everything it prints is kept in the shot's log.
"""

from __future__ import annotations

import errno
import json
import queue
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from ..core.blender_process import Blender, BlenderChild
from ..core.child_process import SOURCES, how_it_ended
from ..core.fields import listed, mapped, number, whole
from ..core.opening import is_plain_file, parse_json
from .shot_list import MOST_FRAMES
from .work import MOVIE, OPEN, ShotWork

SAY = "@shots "
_OURS = "EmoDiffTalk: "
"""Begins the sentences that the add-on prints for people: a fallback announces itself so."""
_LONGEST, _MOST_SAID, _MOST_NOTES = 1 << 20, 1000, 100
"""Letters of a message and of a sentence in it; sentences."""
_FULL = ("No space left", "disk full", "Disk full")


class RenderBlender:
    """A child process, the shot it works on, what it is busy with (None when idle), and whether it was told to go."""

    def __init__(
        self, number: int, work: ShotWork, blender: Blender, script: Path, lock: Path, log: TextIO, heard: queue.Queue
    ) -> None:
        """number: its place among those at work. lock: a file it holds locked while it lives. log: gets what it prints,
        and is closed in the end. heard: gets (self, line).

        Raises UserError when it cannot be started.
        """
        self.number, self.work = number, work
        self.doing: int | str | None = work.begin(OPEN)
        self.leaving = False
        self.killed_for = ""
        """Why the queue ended it, empty while it did not."""
        self._heard_of = time.monotonic()
        self._last: deque[str] = deque(maxlen=20)
        self._log = log
        words = ["--core", str(SOURCES), "--lock", str(lock)]
        try:
            self._child = BlenderChild(blender.command(script, words), lambda line: heard.put((self, line)))
        except BaseException:
            self._log.close()
            raise
        shot = work.shot
        self._tell(
            do="open", blend=str(work.blend), name=shot.name, scene=shot.scene, camera=shot.camera, format=shot.format,
            takes=dict(shot.takes), frames=shot.frames, journal=str(work.journal.path),
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def give(self, what: int | str) -> None:
        """Let it render a frame or make the movie."""
        self.doing, shot, self._heard_of = what, self.work.shot, time.monotonic()
        if what == MOVIE:
            frames = self.work.frames or range(0)  # known long before the movie is made
            pictures = [str(shot.picture(frame)) for frame in frames]
            self._tell(do="movie", first=frames[0], pictures=pictures, path=str(shot.movie_path))
        elif isinstance(what, int):
            self._tell(do="frame", frame=what, path=str(shot.picture(what)))

    def take(self, line: str) -> dict | None:
        """Keep a line in the log; what it says to us, if anything. Raises ValueError when that makes no sense."""
        self._heard_of = time.monotonic()
        if line.startswith(SAY):
            return message(line.removeprefix(SAY), self.doing == OPEN)
        with suppress(OSError):  # a full disk is noticed, and said, where frames are written
            self._log.write(line + "\n")
            self._log.flush()
        self._last.append(line)
        if line.startswith(_OURS):
            self.work.note(line.removeprefix(_OURS)[:_MOST_SAID])
        return None

    def why_it_died(self) -> tuple[str, bool]:
        """One sentence, and whether it is hopeless to try again."""
        code = self._child.wait()
        if self.killed_for:
            return f"Blender {self.killed_for} while {self._doing_in_words()} and was ended.", False
        last = next((line.strip() for line in reversed(self._last) if line.strip()), "")
        if any(sign in line for line in self._last for sign in _FULL):
            return f"The disk of {self.work.shot.folder} is full: make room and run the list again.", True
        said = f"; its last words were “{last[:160]}”" if last else ""
        killed = " (killed from outside, or out of memory)" if code == -9 else ""
        how = "crashed" if code < 0 or code == 11 else "ended"
        return f"Blender {how} while {self._doing_in_words()} ({how_it_ended(code)}{killed}){said}.", False

    def _doing_in_words(self) -> str:
        if isinstance(self.doing, int):
            return f"rendering frame {self.doing}"
        return "making the movie" if self.doing == MOVIE else f"opening {self.work.shot.blend.name}"

    def silent_for(self) -> float:
        """Seconds since it was given something to do and has said nothing, 0 when it has nothing to do."""
        return time.monotonic() - self._heard_of if self.doing is not None and not self.killed_for else 0.0

    def kill(self, why: str) -> None:
        """End it at once, also one that is stopped or deaf; `why` goes into `why_it_died`."""
        self.killed_for = why
        self._child.kill()

    def dismiss(self) -> None:
        """It has nothing more to do: it may leave in its own time."""
        self.doing, self.leaving = None, True
        self._tell(do="end")

    def abandon(self) -> None:
        """Have it leave at once, whatever it is doing."""
        self._child.dismiss()

    def end(self) -> None:
        """See that it is gone."""
        self._child.end()
        with suppress(OSError):
            self._log.close()

    def _tell(self, **message: object) -> None:
        self._child.say(json.dumps(message))


def message(text: str, opening: bool) -> dict[str, Any]:
    """What a Blender that is `opening` its file, or is not, says to us, its fields checked. Raises ValueError when it
    makes no sense."""
    event = mapped(parse_json(text, _LONGEST))
    if event.get("event") not in ("did", "missed"):
        raise ValueError("it says nothing we know")
    event["text"] = str(event.get("text", "It gave no reason."))[:_MOST_SAID]
    event["seconds"] = number(event.get("seconds", 0.0), 0, 1e9)
    event["notes"] = [str(note)[:_MOST_SAID] for note in listed(event.get("notes", []), _MOST_NOTES)]
    if "frames" in event or (opening and event["event"] == "did"):
        first, last = (whole(frame, -(2**31), 2**31) for frame in listed(event.get("frames"), 2))
        whole(last - first, 0, MOST_FRAMES)
    return event


def open_log(path: Path) -> TextIO:
    """A shot's log, to be written on. Raises OSError, also when something that is no plain file has its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not is_plain_file(path):  # a pipe would be waited for
        raise OSError(errno.EEXIST, "it is no plain file", str(path))
    return open(path, "a", encoding="utf-8")
