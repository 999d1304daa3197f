"""The queue at work: so many Blenders at a time, each frame rendered once, whatever dies in between.

A frame counts when its file has its own name, and a Blender gives it that name only when it is whole; so a queue killed
at any moment goes on where it was. A lock that dies with its holder keeps two runners of one output folder apart, and a
new runner waits until the Blenders of a killed one are gone.
"""

from __future__ import annotations

import os
import platform
import queue
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..core.blender_process import Blender
from ..core.errors import UserError
from .names import CANCEL, CANCELLED, DONE, FAILED, PAUSE, PAUSED, PAUSING, REFUSE, RENDERING, RESUME
from .planning import Planner
from .queue_folder import QueueFolder
from .render_blender import RenderBlender, open_log
from .report import clock
from .shot_list import ShotList
from .snapshot import Snapshots
from .time_left import seconds_left
from .work import MOVIE, OPEN, ShotWork, shot_status

_LOOK = 0.1  # seconds between two looks at what was asked
_TELL, _TELL_STILL = 0.3, 3.0
"""Seconds between two statuses, when something happens and when nothing does."""
_LEAST_PATIENCE, _FIRST_PATIENCE = 300.0, 1800.0
_LINES_AT_ONCE = 10_000
"""Lines heard before the queue looks up again: one Blender that prints without end must not make it deaf."""
_ORPHANS = 60.0
"""Seconds that the Blenders of a killed runner are waited for."""


@dataclass(frozen=True)
class RunnerSettings:
    """How to render.

    script: the add-on's that a Blender runs.
    jobs: Blenders at a time.
    changed: one of `names.CHANGED`.
    patience: seconds without a sign of life after which a Blender is ended and its frame given to another; 0: three
        times the slowest frame so far and at least `_LEAST_PATIENCE`, `_FIRST_PATIENCE` until a frame is done.
    patience_to_open: seconds without a sign that the opening of a file, which says little, is given at least; the
        movie too.
    """

    blender: Blender
    script: Path
    jobs: int = 1
    changed: str = REFUSE
    patience: float = 0.0
    patience_to_open: float = _LEAST_PATIENCE


class Runner:
    """Renders a list of shots."""

    def __init__(
        self,
        shots: ShotList,
        settings: RunnerSettings,
        tell: Callable[[dict], None] = lambda status: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """tell: gets every status, as written to the queue's folder. cancelled: asked often."""
        self._list, self._settings, self._say, self._cancelled = shots, settings, tell, cancelled
        self._folder = QueueFolder(shots.folder)
        self._snapshots = Snapshots(shots.folder)
        self._heard: queue.Queue[tuple[RenderBlender, str | None]] = queue.Queue()
        self._blenders: list[RenderBlender] = []
        self._paused = self._stopping = False
        self._last_status, self._news = 0.0, True
        self._began = time.time()
        self.works: list[ShotWork] = []

    def run(self) -> dict:
        """Render until all is done, has failed or is cancelled; returns the last status.

        Raises UserError when nothing can be begun: another runner is at work, Blender cannot be started …
        """
        self._lock()
        try:
            self._folder.asked()  # what was asked of an earlier run
            with suppress(OSError):  # what cannot be taken away is said when the new one is written
                self._folder.report.unlink(missing_ok=True)
            self._wait_for_orphans()
            self._plan()
            while not self._over():
                self._obey()
                self._assign()
                self._tell()
                self._hear()
                self._end_frozen()
        finally:
            for blender in self._blenders:
                blender.abandon()
            for blender in self._blenders:
                blender.end()
            for work in self.works:
                work.cancel()
            self._snapshots.remove()
            self._tell(over=True)
            self._folder.lock.release()
        return self._status(over=True)

    def _lock(self) -> None:
        if not self._folder.lock.acquire():
            raise UserError(
                f"These shots are being rendered already, by {self._folder.lock.holder}: wait for it, or cancel it "
                "with “emodifftalk shots cancel”."
            )

    def _wait_for_orphans(self) -> None:
        end = time.monotonic() + _ORPHANS
        while living := self._folder.living_workers():
            if time.monotonic() > end:
                raise UserError(f"A Blender of an earlier run, {living[0]}, does not end: end it, then start again.")
            time.sleep(_LOOK)

    def _plan(self) -> None:
        planner = Planner(self._snapshots, self._settings.changed)
        self.works = [planner.plan(shot) for shot in self._list.shots]
        self._news = True

    def _over(self) -> bool:
        if self._stopping:
            return True
        return not self._blenders and all(work.over for work in self.works)

    def _obey(self) -> None:
        asked = self._folder.asked()
        if asked == CANCEL or self._cancelled():
            self._stopping = True
        elif asked in (PAUSE, RESUME):
            self._paused, self._news = asked == PAUSE, True

    def _assign(self) -> None:
        """Give every idle Blender its next frame or its leave, and start new ones where they are of use."""
        for blender in self._blenders:
            if blender.doing is not None or blender.leaving:
                continue
            what = None if self._paused else blender.work.next()
            if what is not None:
                blender.give(what)
            else:
                # Also while paused: an idle Blender would keep the memory that the animator may have paused for.
                blender.dismiss()
        while not self._paused and not self._stopping and len(self._blenders) < self._settings.jobs:
            work = self._most_useful()
            if work is None:
                break
            self._start(work)

    def _most_useful(self) -> ShotWork | None:
        """The first shot that nobody works on, else the one where there is most left for each Blender."""
        crews = [(work, self._crew(work)) for work in self.works]
        useful = [(work, crew) for work, crew in crews if work.useful(crew)]
        alone = next((work for work, crew in useful if crew == 0), None)
        if alone is not None or not useful:
            return alone
        return max(useful, key=lambda pair: len(pair[0].todo) / (pair[1] + 1))[0]

    def _crew(self, work: ShotWork) -> int:
        return sum(blender.work is work and not blender.leaving for blender in self._blenders)

    def _start(self, work: ShotWork) -> None:
        taken = {blender.number for blender in self._blenders}
        number = next(i for i in range(self._settings.jobs) if i not in taken)
        lock = self._folder.worker_lock(number)
        self._news = True
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            log = open_log(work.journal.log)
        except OSError as error:
            work.fail(f"{error.filename or work.journal.log} cannot be written: {error.strerror or error}.")
            return
        settings = self._settings
        self._blenders.append(RenderBlender(number, work, settings.blender, settings.script, lock, log, self._heard))

    def _hear(self) -> None:
        try:
            blender, line = self._heard.get(timeout=_LOOK)
        except queue.Empty:
            return
        for _ in range(_LINES_AT_ONCE):
            self._take(blender, line)
            try:
                blender, line = self._heard.get_nowait()
            except queue.Empty:
                return
        self._take(blender, line)

    def _end_frozen(self) -> None:
        """End Blenders that have given no sign for too long: a file that hangs must not hold up the others."""
        for blender in self._blenders:
            patience = self._patience(blender)
            if blender.silent_for() > patience:
                blender.kill(f"gave no sign for {clock(patience)}")

    def _patience(self, blender: RenderBlender) -> float:
        patience = self._settings.patience
        if not patience:
            slowest = max((seconds for work in self.works for seconds in work.rendered.values()), default=0.0)
            patience = max(_LEAST_PATIENCE, 3 * slowest) if slowest else _FIRST_PATIENCE
        return patience if isinstance(blender.doing, int) else max(patience, self._settings.patience_to_open)

    def _take(self, blender: RenderBlender, line: str | None) -> None:
        self._news = True
        if line is None:
            self._bury(blender)
            return
        try:
            event = blender.take(line)
        except ValueError as error:
            blender.kill(f"talked nonsense ({error})")
            return
        if event is None:
            return
        work = blender.work
        for sentence in event.get("notes", ()):
            work.note(sentence)
        doing, blender.doing = blender.doing, None
        if doing is None:  # it speaks of nothing that it was asked for
            return
        if event["event"] == "missed":
            work.missed(doing, event["text"], bool(event.get("hopeless")))
            self._journal(work, event="missed", what=doing, reason=event["text"])
        elif event["event"] == "did":
            work.did(doing, event["seconds"], bool(event.get("stretched")))
            if doing == OPEN and work.frames is None:
                self._learn(work, event["frames"])
            elif doing == MOVIE and work.frames is not None:
                self._made_movie(work, work.frames)

    def _made_movie(self, work: ShotWork, frames: range) -> None:
        try:
            size = work.shot.movie_path.stat().st_size
        except OSError:
            return  # it is made again by the next run
        self._journal(work, event="movie", frames=[frames[0], frames[-1]], bytes=size)

    def _learn(self, work: ShotWork, frames: list[int]) -> None:
        first, last = frames
        work.plan(range(first, last + 1, work.shot.step))
        self._journal(work, event="begun", fingerprint=work.fingerprint, frames=[first, last])

    def _bury(self, blender: RenderBlender) -> None:
        if blender not in self._blenders:
            return
        if blender.doing is not None:
            why, hopeless = blender.why_it_died()
            self._journal(blender.work, event="missed", what=blender.doing, reason=why)
            blender.work.missed(blender.doing, why, hopeless)
            if blender.killed_for and not blender.work.over and blender.doing not in blender.work.failed:
                blender.work.note(f"{why.removesuffix('.')}; another Blender took its place.")
        blender.end()
        self._blenders.remove(blender)

    def _journal(self, work: ShotWork, **entry: object) -> None:
        try:
            work.journal.append(**entry)
        except OSError:
            pass  # a full disk is noticed, and said, where frames are written

    def _tell(self, over: bool = False) -> None:
        now = time.monotonic()
        if not over and now - self._last_status < (_TELL if self._news else _TELL_STILL):
            return
        self._last_status, self._news = now, False
        status = self._status(over)
        try:
            self._folder.write_status(status)
        except UserError:
            pass  # the queue does not depend on being watched
        self._say(status)

    def _status(self, over: bool = False) -> dict:
        return {
            "state": self._state(over),
            "pid": os.getpid(),
            "host": platform.node(),
            "began": self._began,
            "seconds": round(time.time() - self._began, 1),
            "left": None if over else seconds_left(self.works, self._settings.jobs),
            "jobs": self._settings.jobs,
            "blenders": [blender.pid for blender in self._blenders],
            "shots": [shot_status(work) for work in self.works],
        }

    def _state(self, over: bool) -> str:
        if over:
            states = {work.state for work in self.works}
            return CANCELLED if CANCELLED in states else FAILED if FAILED in states else DONE
        if self._paused:
            return PAUSING if any(not blender.leaving for blender in self._blenders) else PAUSED
        return RENDERING
