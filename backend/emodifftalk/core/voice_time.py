"""Which moment of a take belongs to a moment of the timeline, whatever was done to the voice since. No Blender.

A take knows which stretches of which recordings were performed when. The timeline plays stretches of the same
recordings now. What is heard now and was performed then says where the take has to be.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .limits import FARTHEST_SECOND, SPEEDS
from .opening import parse_json
from .ranges import without

if TYPE_CHECKING:
    from .arrays import Floats

EASE = 0.15
"""Seconds in which a mouth that is not heard comes to rest, and in which it gets ready to speak again."""
_MOST_TEXT = 4 << 20
_SHORT = 0.15
"""Seconds of silence in which a mouth does not close of itself."""
_SAME = 1e-4
_ROUNDED = 1e-7
"""Seconds by which a frame at which something begins may seem to lie before it."""


@dataclass(frozen=True)
class Stretch:
    """From `start` on, for `duration` seconds, the seconds `offset` … `offset + duration * speed` of a recording.

    recording: its name.
    start, duration: seconds, of a take or of the timeline.
    offset: second of the recording at which it begins.
    speed: seconds of the recording that pass in one second.
    heard: false while it is muted.
    """

    recording: str
    start: float
    offset: float
    duration: float
    speed: float = 1.0
    heard: bool = True

    @property
    def end(self) -> float:
        """Second at which it is over."""
        return self.start + self.duration

    @property
    def used(self) -> float:
        """Second of the recording at which it is over."""
        return self.offset + self.duration * self.speed


@dataclass(frozen=True)
class TakeTime:
    """Where a take has to be, seconds, and how far its mouth rests there instead of speaking, 0..1."""

    seconds: float
    mouth_rest: float = 0.0


@dataclass(frozen=True)
class Run:
    """From `first` to `last` seconds of the timeline the take runs from second `take` on at `pace`.

    heard: false where what the timeline plays there is muted.
    """

    first: float
    last: float
    take: float
    pace: float
    heard: bool

    def at(self, seconds: float) -> float:
        """Second of the take at one of the timeline."""
        return self.take + (seconds - self.first) * self.pace

    @property
    def end(self) -> float:
        """Second of the take at which it is over."""
        return self.at(self.last)


class VoiceMap:
    """From seconds of the timeline to seconds of a take.

    performed: the take's stretches, in its own seconds.
    playing: what the timeline plays now, in its seconds.
    began: second of the timeline at which the take began when it was made; it decides where the same words occur twice.
    """

    def __init__(self, performed: Iterable[Stretch], playing: Iterable[Stretch], began: float = 0.0) -> None:
        self._performed = sorted(performed, key=lambda stretch: stretch.start)
        self.runs = runs_of(self._performed, playing, -began)
        self._starts: list[float] = []
        self._lines: list[tuple[float, float, float]] = []
        self._mouth_rests = [(run.first, run.last) for run in _joined(run for run in self.runs if not run.heard)]
        if self.runs:
            self._lay_out()

    def __bool__(self) -> bool:
        """Whether anything of the take is on the timeline."""
        return bool(self.runs)

    def at(self, seconds: float) -> TakeTime:
        """Where the take has to be at a second of the timeline; before and after its voice it may lie outside it.

        Only with a map that is true.
        """
        since, take, pace = self._lines[max(bisect_right(self._starts, seconds + _ROUNDED) - 1, 0)]
        return TakeTime(take + (seconds - since) * pace, self._mouth_rest(seconds))

    def many(self, seconds: Floats) -> Floats:
        """Seconds (N,) of the take at seconds (N,) of the timeline."""
        import numpy as np

        # For every time the last line that begins before it, (since, take, pace): the take is at
        # take + (seconds - since) * pace, as in `at`, but for all times at once.
        lines = np.array(self._lines)[np.maximum(np.searchsorted(self._starts, seconds + _ROUNDED, "right") - 1, 0)]
        places: Floats = lines[:, 1] + (seconds - lines[:, 0]) * lines[:, 2]
        return places

    def reach(self, duration: float) -> tuple[float, float]:
        """First and last second of the timeline at which a take of `duration` seconds moves."""
        first, last = self.runs[0], self.runs[-1]
        lead = min(self._before(first.take, math.inf)[0], 2 * first.take) / 2
        tail = min(self._after(last.end, math.inf)[0] / 2, max(duration - last.end, 0.0))
        return first.first - lead, last.last + tail

    @property
    def shift(self) -> float | None:
        """Seconds to add to the timeline's to get the take's, when that is all there is to do."""
        shift = self.runs[0].take - self.runs[0].first
        straight = all(run.pace == 1 and abs(run.take - run.first - shift) < _SAME for run in self.runs)
        return shift if straight and not self._mouth_rests and self._whole() else None

    def _whole(self) -> bool:
        """Whether everything that was performed is played."""
        return abs(sum(r.end - r.take for r in self.runs) - sum(s.duration for s in self._performed)) < _SAME

    def _mouth_rest(self, seconds: float) -> float:
        # How deep within a rest, seconds to its nearer end, eased as 3 x^2 - 2 x^3 over the first and last EASE of it.
        depth = max((min(seconds - start, end - seconds) for start, end in self._mouth_rests), default=0.0)
        part = min(max(depth / EASE, 0.0), 1.0)
        return part * part * (3 - 2 * part)

    def _line(self, since: float, take: float, pace: float) -> None:
        self._starts.append(since)
        self._lines.append((since, take, pace))

    def _lay_out(self) -> None:
        # A line (since, take, pace) holds until the next: before the voice half of the silence in front of it runs, the
        # voice itself at its pace, bridges where it was cut, and half of the silence behind.
        first, last = self.runs[0], self.runs[-1]
        lead, torn = self._before(first.take, math.inf)
        lead = first.take if math.isinf(lead) else lead / 2
        self._line(first.first - max(lead, 0.0), first.take - max(lead, 0.0), 0.0)
        self._line(first.first - max(lead, 0.0), first.take - max(lead, 0.0), 1.0)
        if torn:
            self._mouth_rests.append((-math.inf, first.first))
        for run, after in pairwise(self.runs):
            self._line(run.first, run.take, run.pace)
            if after.first - run.last > _SAME:
                self._bridge(run, after)
        self._line(last.first, last.take, last.pace)
        tail, torn = self._after(last.end, math.inf)
        self._line(last.last, last.end, 1.0)
        if not math.isinf(tail):
            self._line(last.last + tail / 2, last.end + tail / 2, 0.0)
        if torn:
            self._mouth_rests.append((last.last, math.inf))

    def _bridge(self, run: Run, after: Run) -> None:
        """Between two stretches the silence that followed the first goes on, waits, and leads into the second."""
        # Half of each silence, at most half of the gap: the take runs on from `run`, stands still, jumps, stands still
        # and runs into `after`. The jump is from silence to silence, so little of it is seen.
        width = after.first - run.last
        going, torn = self._after(run.end, width)
        coming, torn_off = self._before(after.take, width)
        going, coming = min(going / 2, width / 2), min(coming / 2, width / 2)
        self._line(run.last, run.end, 1.0)
        self._line(run.last + going, run.end + going, 0.0)
        self._line(run.last + width / 2, after.take - coming, 0.0)
        self._line(after.first - coming, after.take - coming, 1.0)
        if torn or torn_off:
            self._mouth_rests.append((run.last, after.first))

    def _after(self, take: float, width: float) -> tuple[float, bool]:
        """Seconds of the take without words from `take` on, and whether the mouth would stay open for `width`."""
        if any(s.start < take - _SAME and take + _SAME < s.end for s in self._performed):
            return 0.0, True
        silence = min((s.start - take for s in self._performed if s.start >= take - _SAME), default=math.inf)
        return max(silence, 0.0), silence < min(_SHORT, width - _SAME)

    def _before(self, take: float, width: float) -> tuple[float, bool]:
        """The same before `take`."""
        if any(s.start < take - _SAME and take + _SAME < s.end for s in self._performed):
            return 0.0, True
        silence = min((take - s.end for s in self._performed if s.end <= take + _SAME), default=math.inf)
        return max(silence, 0.0), silence < min(_SHORT, width - _SAME)


def runs_of(performed: Sequence[Stretch], playing: Iterable[Stretch], shift: float = 0.0) -> list[Run]:
    """What is played now and was performed, one run at a time, in the order of the timeline.

    shift: seconds to add to the timeline's to get the take's, where there is a choice.
    """
    return _disjoint(_matches(list(performed), list(playing), shift))


def _matches(performed: list[Stretch], playing: list[Stretch], shift: float) -> list[Run]:
    """What is played now and was performed; where it was performed more than once, the one that fits the others."""
    matches = [(piece, run) for piece in playing for past in performed if (run := _match(piece, past)) is not None]
    # Every match has as many votes as seconds for its own shift; the usual shift is that of most of the voice. Nearest
    # to it first, and of one piece no second is taken twice.
    agreed: dict[float, float] = defaultdict(float)
    for _, run in matches:
        agreed[round(run.take - run.first, 3)] += run.last - run.first
    usual = max(agreed, key=lambda s: (round(agreed[s], 3), -abs(s - shift)), default=0.0)
    chosen: list[tuple[Stretch, Run]] = []
    for piece, run in sorted(matches, key=lambda each: abs(each[1].take - each[1].first - usual)):
        rivals = [other for owner, other in chosen if owner is piece]
        chosen += [(piece, part) for part in _without(run, rivals)]
    return [run for _, run in chosen]


def _without(run: Run, others: list[Run]) -> list[Run]:
    """The parts of a run in which none of the others plays."""
    free = without([(run.first, run.last)], [(other.first, other.last) for other in others], _SAME)
    return [Run(first, last, run.at(first), run.pace, run.heard) for first, last in free]


def _match(piece: Stretch, past: Stretch) -> Run | None:
    if piece.recording != past.recording:
        return None
    begin, end = max(piece.offset, past.offset), min(piece.used, past.used)
    if end - begin <= _SAME:
        return None
    first = piece.start + (begin - piece.offset) / piece.speed
    take = past.start + (begin - past.offset) / past.speed
    pace = piece.speed / past.speed
    return Run(first, first + (end - begin) / piece.speed, take, pace, piece.heard)


def _disjoint(runs: list[Run]) -> list[Run]:
    """One run at a time: what is heard before what is muted, what began later before what began earlier."""
    # Between neighbouring edges no run begins or ends, so one of them holds all of a part.
    edges = sorted({edge for run in runs for edge in (run.first, run.last)})
    parts = []
    for first, last in pairwise(edges):
        here = [run for run in runs if run.first <= first and run.last >= last]
        if here and last - first > _SAME / 10:
            run = max(here, key=lambda run: (run.heard, run.first))
            parts.append(Run(first, last, run.at(first), run.pace, run.heard))
    return parts


def _joined(runs: Iterable[Run]) -> list[Run]:
    """Runs that touch as one; what the take does in them is lost."""
    joined: list[Run] = []
    for run in runs:
        if joined and run.first - joined[-1].last < _SAME:
            run = Run(joined[-1].first, run.last, 0.0, 1.0, run.heard)
            joined.pop()
        joined.append(run)
    return joined


def to_text(stretches: Sequence[Stretch]) -> str:
    """Stretches as a line of JSON, to be kept with a take."""
    return json.dumps(to_rows(stretches), ensure_ascii=False)


def to_rows(stretches: Iterable[Stretch]) -> list[list[Any]]:
    """Stretches as plain data, rounded."""
    return [[s.recording, *(round(v, 7) for v in (s.start, s.offset, s.duration, s.speed))] for s in stretches]


def from_text(text: str) -> tuple[Stretch, ...]:
    """What `to_text` wrote; nothing from an empty or damaged line."""
    try:
        return from_rows(parse_json(text or "[]", _MOST_TEXT))
    except ValueError:
        return ()


def from_rows(rows: Any) -> tuple[Stretch, ...]:
    """What `to_rows` gave; nothing from damaged ones."""
    try:
        return tuple(_stretch(row) for row in rows)
    except (ValueError, TypeError, IndexError, OverflowError):
        return ()


def _stretch(row: list[Any]) -> Stretch:
    start, offset, duration, *speed = map(float, row[1:5])
    stretch = Stretch(str(row[0]), start, offset, duration, speed[0] if speed else 1.0)
    if not all(abs(number) < FARTHEST_SECOND for number in (start, offset)) or not 0 <= duration < FARTHEST_SECOND:
        raise ValueError("no time of a recording")
    if not SPEEDS[0] <= stretch.speed <= SPEEDS[1]:
        raise ValueError("no speed of a recording")
    return stretch
