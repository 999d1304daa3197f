"""One shot while its queue runs: which frames are left, what has gone wrong, what comes next."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

from .journal import Journal
from .names import CANCELLED, DONE, FAILED, RENDERING, WAITING
from .shot_list import Shot

_TRIES = 2
_FAILURES = 3
"""Frames that may fail before the others of the shot are not tried any more."""
OPEN, MOVIE = "open", "movie"
"""Beside frame numbers, what a Blender may be busy with."""


@dataclass
class ShotWork:
    """A shot and how far it is.

    fingerprint: what its pictures are made of (`snapshot.shot_fingerprint`).
    blend: the file to open, as it was when the queue began.
    state: one of `names`.
    frames: all of them, None until a Blender has looked.
    todo: those not yet given to a Blender.
    finished: those whose files are whole, from now or before.
    rendered: seconds of those rendered now.
    failed: why a frame could not be rendered, one sentence.
    low: frames of low confidence.
    notes: sentences for the report.
    problem: why the shot was given up, one sentence.
    movie_seconds, movie_made: how long the movie took, and whether it is there.
    busy: what Blenders do now: frame numbers, OPEN or MOVIE.
    tries: how often each of these has failed.
    """

    shot: Shot
    journal: Journal
    fingerprint: dict
    blend: Path
    state: str = WAITING
    frames: range | None = None
    todo: deque[int] = field(default_factory=deque)
    finished: set[int] = field(default_factory=set)
    rendered: dict[int, float] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    low: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: str = ""
    movie_seconds: float = 0.0
    movie_made: bool = False
    busy: set[int | str] = field(default_factory=set)
    tries: Counter = field(default_factory=Counter)

    def plan(self, frames: range) -> None:
        """Learn which frames there are; those that lie there finished are not rendered again."""
        self.frames = frames
        self.finished = self.journal.finished(frames)
        self.todo = deque(frame for frame in frames if frame not in self.finished)
        self.movie_made = not self.todo and self.journal.has_movie(frames)
        self._settle()

    @property
    def over(self) -> bool:
        """Whether nothing more will be done for it."""
        return self.state in (DONE, FAILED, CANCELLED)

    @property
    def movie_left(self) -> bool:
        """Whether the movie is still to be made, and can be."""
        return self.shot.movie and not self.failed and not self.movie_made

    def useful(self, blenders: int) -> bool:
        """Whether one more Blender, beside so many that work on it, has something to do."""
        if self.over:
            return False
        if self.frames is None:
            return blenders == 0
        waiting = len(self.todo)
        if blenders == 0:
            return waiting > 0 or (self.movie_left and not self.busy)
        # Its start takes as long as a quick frame or two.
        return waiting >= 2 * blenders + 2

    def next(self) -> int | str | None:
        """What an idle Blender of this shot does next: a frame's number, MOVIE, or nothing."""
        if self.over or self.frames is None:
            return None
        if self.todo:
            return self.begin(self.todo.popleft())
        if self.movie_left and not self.busy:
            return self.begin(MOVIE)
        return None

    def begin(self, what: int | str) -> int | str:
        """Somebody does this now."""
        self.busy.add(what)
        self.state = RENDERING
        return what

    def did(self, what: int | str, seconds: float, stretched: bool = False) -> None:
        """A Blender has opened the file, rendered a frame (of low confidence when `stretched`) or made the movie."""
        self.busy.discard(what)
        if what == MOVIE:
            self.movie_seconds, self.movie_made = seconds, True
        elif what == OPEN:
            del self.tries[OPEN]
        elif isinstance(what, int):
            self.finished.add(what)
            self.rendered[what] = seconds
            if stretched:
                self.low.append(what)
        self._settle()

    def missed(self, what: int | str, reason: str, hopeless: bool = False) -> None:
        """A Blender could not do it, or died of it. It is tried once more unless that is hopeless."""
        self.busy.discard(what)
        if self.over:
            return
        if isinstance(what, int) and self.journal.finished([what]):
            self.did(what, self.journal.seconds(what))  # it died between finishing the frame and saying so
            return
        self.tries[what] += 1
        if self.tries[what] < _TRIES and not hopeless:
            if isinstance(what, int):
                self.todo.appendleft(what)
            self._settle()
            return
        if isinstance(what, int):
            self.failed[what] = reason
            if len(self.failed) >= _FAILURES or hopeless:
                self.fail(reason)
            else:
                self._settle()
        else:
            self.fail(reason)

    def fail(self, reason: str) -> None:
        """Give the shot up; what is rendered stays."""
        self.state, self.problem = FAILED, reason
        self.todo.clear()

    def cancel(self) -> None:
        """The animator has had enough."""
        if not self.over:
            self.state = CANCELLED

    def note(self, sentence: str) -> None:
        """Keep a sentence for the report, once."""
        if sentence and sentence not in self.notes:
            self.notes.append(sentence)

    def _settle(self) -> None:
        if self.over or self.frames is None or self.todo or self.busy:
            return
        if self.failed:
            self.fail(next(iter(self.failed.values())))
        elif not self.movie_left:
            self.state = DONE


def shot_status(work: ShotWork) -> dict:
    """How far a shot is, for people who watch and for the report."""
    shot, times = work.shot, work.rendered.values()
    return {
        "name": shot.name,
        "state": work.state,
        "done": len(work.finished),
        "total": len(work.frames) if work.frames is not None else None,
        "rendered": len(times),
        "seconds": round(sum(times) + work.movie_seconds, 2),
        "failed": {str(frame): reason for frame, reason in sorted(work.failed.items())},
        "low": sorted(work.low),
        "notes": work.notes,
        "problem": work.problem,
        "folder": str(shot.folder),
        "movie": str(shot.movie_path) if shot.movie else "",
        "log": str(work.journal.log),
    }
