"""Where hand work goes that was laid over a voice, when the voice is cut, moved, swapped, trimmed or played faster.

Hand work belongs to the voice's time. What lies over a stretch of a recording goes where that stretch goes; half of the
silence beside it goes along. Stretches that are not played any more are kept: in their place while there is room, else
out of sight, so that they are there again when they are played again. No Blender.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from .ranges import Range, without
from .voice_time import Run, Stretch, runs_of

OUT_OF_SIGHT = 1e6
"""Seconds from which on there lies what has no room on the timeline."""
_APART = 10.0
_SAME = 1e-4
_MOST = 512
"""Stretches that are remembered without being played."""


@dataclass(frozen=True)
class Layout:
    """What lies where, in seconds of a timeline.

    playing: what the voice plays, muted pieces included.
    unplayed: what it played when something was laid over it; from `OUT_OF_SIGHT` on what has no room.
    """

    playing: tuple[Stretch, ...] = ()
    unplayed: tuple[Stretch, ...] = ()


@dataclass(frozen=True)
class Piece:
    """What lay at seconds `first` to `last` goes to `to + (seconds - since) / pace`.

    first, last: may be infinite; a piece that begins before `OUT_OF_SIGHT` has nothing of what lies beyond.
    """

    first: float
    last: float
    since: float
    to: float
    pace: float = 1.0

    def at(self, seconds: float) -> float:
        """Where a second of it goes."""
        return self.to + (seconds - self.since) / self.pace

    def continues(self, other: Piece) -> bool:
        """Whether it goes on where `other` ends, before and after."""
        along = abs(other.last - self.first) < _SAME and abs(other.pace - self.pace) < 1e-6
        return along and abs(other.at(self.first) - self.at(self.first)) < _SAME

    @property
    def stays(self) -> bool:
        """Whether it goes nowhere."""
        return abs(self.to - self.since) < _SAME / 10 and abs(self.pace - 1) < 1e-9


def relaid(laid: Layout, playing: Sequence[Stretch], otherwise: float = 0.0) -> tuple[list[Piece], Layout]:
    """How what was laid over `laid` goes to where the voice plays now; the pieces, and what lies where then.

    otherwise: seconds by which everything goes when nothing of what was played is played now.
    The pieces are in the order of the new timeline; two may show the same seconds of the old one, as two strips may.
    """
    old = _disjoint(laid.playing)
    # Where another voice plays now, the hand work is that voice's.
    old += _outside(_disjoint(laid.unplayed), [(stretch.start, stretch.end) for stretch in old])
    old.sort(key=lambda stretch: stretch.start)
    runs = [run for run in runs_of(old, playing) if run.last - run.first > _SAME]
    rest = _outside(old, [(run.take, run.end) for run in runs])
    if not runs:
        kept = tuple(replace(part, start=part.start + (otherwise if part.start < OUT_OF_SIGHT else 0)) for part in rest)
        return [Piece(-math.inf, math.inf, 0.0, otherwise), Piece(OUT_OF_SIGHT, math.inf, 0.0, 0.0)], Layout(
            tuple(playing), kept[:_MOST]
        )
    placed = _placed(rest, runs)
    moved = [Run(new.start, new.end, part.start, 1.0, False) for part, new in zip(rest, placed, strict=True)]
    seen = sorted((*runs, *(run for run in moved if run.first < OUT_OF_SIGHT)), key=lambda run: run.first)
    pieces = _joined(_pieces(seen, [stretch for stretch in old if stretch.start < OUT_OF_SIGHT]))
    hidden = [Piece(run.take, run.end, run.take, run.first) for run in moved if run not in seen]
    return pieces + sorted(hidden, key=lambda piece: piece.to), Layout(tuple(playing), tuple(placed[:_MOST]))


def _disjoint(stretches: Iterable[Stretch]) -> list[Stretch]:
    """One at a time, earliest first: what begins while another plays is heard from where that ends."""
    clear: list[Stretch] = []
    for stretch in sorted(stretches, key=lambda each: each.start):
        begun = max(clear[-1].end - stretch.start, 0.0) if clear else 0.0
        if stretch.duration - begun > _SAME:
            clear.append(_part(stretch, begun, stretch.duration))
    return clear


def _outside(stretches: Iterable[Stretch], holes: Sequence[Range]) -> list[Stretch]:
    """The parts of stretches that lie in none of the holes."""
    return [
        _part(stretch, first - stretch.start, last - stretch.start)
        for stretch in stretches
        for first, last in without([(stretch.start, stretch.end)], holes, _SAME)
    ]


def _part(stretch: Stretch, first: float, last: float) -> Stretch:
    """Of a stretch the seconds `first` to `last` after its beginning."""
    offset = stretch.offset + first * stretch.speed
    return replace(stretch, start=stretch.start + first, offset=offset, duration=last - first)


def _placed(parts: list[Stretch], runs: list[Run]) -> list[Stretch]:
    """Parts that are not played, beside the run they lay beside, where there is room; else out of sight."""
    taken = [(run.first, run.last) for run in runs]
    far = max([OUT_OF_SIGHT, *(part.end + _APART for part in parts if part.start >= OUT_OF_SIGHT)])
    placed = []
    for part in parts:
        if part.start < OUT_OF_SIGHT:
            place = next((start for start in _beside(part, runs) if _is_free(start, part.duration, taken)), None)
            if place is None:
                place, far = far, far + part.duration + _APART
            part = replace(part, start=place)
        taken.append((part.start, part.end))
        placed.append(part)
    return placed


def _beside(part: Stretch, runs: list[Run]) -> Iterable[float]:
    """Where a part would begin if it stayed with a run before it, the nearest first, and with one after it."""
    before = [run for run in runs if run.end <= part.start + _SAME]
    after = [run for run in runs if part.end - _SAME <= run.take < OUT_OF_SIGHT]
    if not before and not after:
        yield part.start
    yield from (run.last + (part.start - run.end) for run in sorted(before, key=lambda run: -run.end))
    yield from (run.first - (run.take - part.start) for run in sorted(after, key=lambda run: run.take))


def _is_free(start: float, duration: float, taken: list[tuple[float, float]]) -> bool:
    return all(start + duration <= first + _SAME or last <= start + _SAME for first, last in taken)


def _pieces(runs: list[Run], old: list[Stretch]) -> list[Piece]:
    """Each run with its halves of the silences beside it, as far as there is room."""
    pieces = []
    gaps = [math.inf, *(max(after.first - run.last, 0.0) for run, after in pairwise(runs)), math.inf]
    for run, before, after in zip(runs, gaps, gaps[1:], strict=False):
        # In seconds of the old timeline: a silence with nobody beyond it is endless, and only halved where it is not.
        quiet_before = quiet_after = 0.0
        if run.take < OUT_OF_SIGHT:
            quiet_before, quiet_after = _silence_before(run.take, old), _silence_after(run.end, old)
        lead, trail = min(quiet_before / 2, before / 2 * run.pace), min(quiet_after / 2, after / 2 * run.pace)
        pieces.append(Piece(run.take - lead, run.end + trail, run.take, run.first, run.pace))
    return pieces


def _silence_before(second: float, old: list[Stretch]) -> float:
    """Seconds without a voice before one; 0 in its midst."""
    ends = [stretch.end for stretch in old if stretch.start < second - _SAME]
    silence = second - max(ends) if ends else math.inf
    return silence if silence > _SAME else 0.0


def _silence_after(second: float, old: list[Stretch]) -> float:
    starts = [stretch.start for stretch in old if stretch.end > second + _SAME]
    silence = min(starts) - second if starts else math.inf
    return silence if silence > _SAME else 0.0


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Pieces that go on from each other as one."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and piece.continues(joined[-1]):
            joined[-1] = replace(joined[-1], last=piece.last)
        else:
            joined.append(piece)
    return joined
