"""One Blender that renders frames of one shot, one after the other, as it is told over its standard input.

Told: {"do": "open" | "frame" | "movie" | "end", …}, a line of JSON each. It answers in lines that begin with SAY:
{"event": "opened" | "did" | "missed" | "refused", …}. Everything it prints is kept in the shot's log.
"""

from __future__ import annotations

import json
import queue
from collections import deque
from pathlib import Path

from ..core.blender_process import Blender, BlenderChild
from ..core.child_process import SOURCES, how_it_ended
from .work import MOVIE, OPEN, ShotWork

SAY = "@shots "
_OURS = "EmoDiffTalk: "
"""Begins the sentences that the add-on prints for people: a fallback announces itself so."""
_FULL = ("No space left", "disk full", "Disk full")


class RenderBlender:
    """A child process, the shot it works on, what it is busy with (None when idle), and whether it was told to go."""

    def __init__(
        self, number: int, work: ShotWork, blender: Blender, script: Path, lock: Path, heard: queue.Queue
    ) -> None:
        """number: its place among those at work. lock: a file it holds locked while it lives. heard: gets (self, line).

        Raises UserError when it cannot be started.
        """
        self.number, self.work = number, work
        self.doing: int | str | None = work.begin(OPEN)
        self.leaving = False
        self._last: deque[str] = deque(maxlen=20)
        work.journal.log.parent.mkdir(parents=True, exist_ok=True)
        self._log = open(work.journal.log, "a", encoding="utf-8")
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
        self.doing, shot = what, self.work.shot
        if what == MOVIE:
            frames = self.work.frames or range(0)  # known long before the movie is made
            pictures = [str(shot.picture(frame)) for frame in frames]
            self._tell(do="movie", first=frames[0], pictures=pictures, path=str(shot.movie_path))
        elif isinstance(what, int):
            self._tell(do="frame", frame=what, path=str(shot.picture(what)))

    def take(self, line: str) -> dict | None:
        """Keep a line in the log; what it says to us, if anything."""
        if line.startswith(SAY):
            try:
                return json.loads(line.removeprefix(SAY))
            except ValueError:
                return None
        self._log.write(line + "\n")
        self._log.flush()
        self._last.append(line)
        if line.startswith(_OURS):
            self.work.note(line.removeprefix(_OURS))
        return None

    def why_it_died(self) -> tuple[str, bool]:
        """One sentence, and whether it is hopeless to try again."""
        code = self._child.wait()
        last = next((line.strip() for line in reversed(self._last) if line.strip()), "")
        if any(sign in line for line in self._last for sign in _FULL):
            return f"The disk of {self.work.shot.folder} is full: make room and run the list again.", True
        if isinstance(self.doing, int):
            while_ = f"rendering frame {self.doing}"
        else:
            while_ = "making the movie" if self.doing == MOVIE else f"opening {self.work.shot.blend.name}"
        said = f"; its last words were “{last[:160]}”" if last else ""
        killed = " (killed from outside, or out of memory)" if code == -9 else ""
        how = "crashed" if code < 0 or code == 11 else "ended"
        return f"Blender {how} while {while_} ({how_it_ended(code)}{killed}){said}.", False

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
        self._log.close()

    def _tell(self, **message: object) -> None:
        self._child.say(json.dumps(message))
