"""Where everything on the pad of valence and arousal lies: its frame in the viewport, its words beside one another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from emodifftalk.core.labels import affect_ring, affect_word

from ..blender.regions import Box

Point = tuple[float, float]
Measure = Callable[[str, float], float]
"""Letters of a size, pixels, to the length of some words."""

SNAP = 0.1
_SIDE = 210.0
"""Of the field at a resolution scale of 1, where there is room; so are all the lengths below."""
_LEFT, _RIGHT, _BELOW, _ABOVE = 26.0, 18.0, 32.0, 26.0
"""From the field to the frame."""
_GAP = 8.0
"""From the frame to what lies around it."""
_WIDE, _HIGH = _LEFT + _SIDE + _RIGHT, _BELOW + _SIDE + _ABOVE
_MOST_WIDE, _MOST_HIGH = 0.55, 0.6
"""Of what can be seen of the viewport, for the pad."""
_LEAST = 0.4
"""Of its size; a viewport without room for that shows no pad."""
_LEGIBLE = 0.8
"""Of the size of letters; those that have no room are left out rather than made smaller."""

NAME, NUMBERS, FEELING, AXIS = "name", "numbers", "feeling", "axis"


@dataclass(frozen=True)
class Square:
    """The field of the pad.

    x, y: its lower left corner, pixels of the region.
    side: pixels.
    scale: by which lines, marks and margins are larger than at their natural size.
    letters: by which letters are.
    """

    x: float
    y: float
    side: float
    scale: float
    letters: float

    def pixel(self, valence: float, arousal: float) -> Point:
        """Where a point of the plane lies."""
        return self.x + (valence + 1) / 2 * self.side, self.y + (arousal + 1) / 2 * self.side

    def affect(self, x: float, y: float, snap: bool = False) -> Point:
        """Valence and arousal, -1..1 each, under a pixel; outside the field the nearest. `snap`: in tenths."""
        valence, arousal = 2 * (x - self.x) / self.side - 1, 2 * (y - self.y) / self.side - 1
        return _held(valence, snap), _held(arousal, snap)

    @property
    def frame(self) -> Box:
        """Everything that belongs to the pad."""
        s = self.scale
        right, top = self.x + self.side + _RIGHT * s, self.y + self.side + _ABOVE * s
        return Box(self.x - _LEFT * s, self.y - _BELOW * s, right, top)

    @property
    def title(self) -> Box:
        """Its upper edge, by which it is dragged."""
        frame = self.frame
        return Box(frame.left, self.y + self.side + 2 * self.scale, frame.right, frame.top)

    def holds(self, x: float, y: float) -> bool:
        """Whether a pixel lies in the field or so near that it is meant."""
        room = 6 * self.scale
        return -room <= x - self.x <= self.side + room and -room <= y - self.y < self.side + 2 * self.scale

    @property
    def cross(self) -> Point:
        """The middle of the mark that closes the pad."""
        return self.x + self.side + 6 * self.scale, self.y + self.side + 14 * self.scale

    def closes(self, x: float, y: float) -> bool:
        """Whether a pixel lies on that mark."""
        return max(abs(x - self.cross[0]), abs(y - self.cross[1])) <= 10 * self.scale


def _held(value: float, snap: bool) -> float:
    """Within -1..1; rounded once more in tenths, so that 0.3 is not 0.30000000000000004."""
    value = min(max(value, -1.0), 1.0)
    return round(round(value / SNAP) * SNAP, 6) if snap else value


def placed(free: Box, interface: float, dragged: Point | None = None, taken: Sequence[Box] = ()) -> Square | None:
    """The pad within the part of a viewport that can be seen; None when there is no room for one.

    free: that part, pixels of the region.
    interface: Blender's resolution scale.
    dragged: how far its lower right corner was dragged from that of the free part, pixels at a resolution scale of 1;
        None: it lies there still.
    taken: what lies along the right side, to which it then gives way.
    """
    scale = min(interface, _MOST_WIDE * free.width / _WIDE, _MOST_HIGH * free.height / _HIGH)
    if scale < _LEAST * interface:
        return None
    width, height = _WIDE * scale, _HIGH * scale
    across, up = dragged if dragged is not None else (-_GAP, _GAP)
    left, bottom = free.right + across * interface - width, free.bottom + up * interface
    if dragged is None:
        left = min([left, *(box.left - _GAP * interface - width for box in taken if bottom + height > box.bottom)])
    left = min(max(left, free.left), free.right - width)
    bottom = min(max(bottom, free.bottom), free.top - height)
    return Square(left + _LEFT * scale, bottom + _BELOW * scale, _SIDE * scale, scale, max(scale, _LEGIBLE * interface))


def dragged_to(square: Square, free: Box, interface: float) -> Point:
    """What `placed` needs to put the pad there again, in this viewport or in another."""
    return (square.frame.right - free.right) / interface, (square.frame.bottom - free.bottom) / interface


@dataclass(frozen=True)
class Word:
    """Words on the pad.

    x, y: where they begin on their base line, pixels.
    length, size: of the words and of their letters, pixels.
    kind: NAME of the head, NUMBERS, a FEELING or a word on an AXIS.
    upright: read from below.
    """

    text: str
    x: float
    y: float
    length: float
    size: float
    kind: str
    upright: bool = False

    @property
    def box(self) -> Box:
        """What they cover: from below their tails to above their capitals."""
        below, above = 0.24 * self.size, 0.8 * self.size
        if self.upright:
            return Box(self.x - above, self.y, self.x + below, self.y + self.length)
        return Box(self.x, self.y - below, self.x + self.length, self.y + above)


_MIDDLE = 0.27
"""From the base line of letters to the middle of the small ones, of their size."""


def words(square: Square, now: Point, name: str, measure: Measure) -> list[Word]:
    """The words on the pad, none over another and none beyond its frame: what has no room is left out, the least
    important first. The feeling that the mood `now`, (valence, arousal), lies towards comes before the others."""
    near = affect_word(*now)
    found: list[Word] = []
    for word in (*_head(square, now, name, measure), *_axes(square, measure)):
        _add(found, word, square)
    ring = sorted(affect_ring(), key=lambda named: named[0] != near) if square.scale < square.letters else affect_ring()
    for feeling, angle in ring:
        _add(found, _on_ring(square, feeling, angle, measure), square)
    return found


def _add(found: list[Word], word: Word, square: Square) -> None:
    box, frame = word.box, square.frame
    within = frame.holds(box.left, box.bottom) and frame.holds(box.right, box.top)
    if word.text and within and not any(box.meets(other.box) for other in found):
        found.append(word)


def _head(square: Square, now: Point, name: str, measure: Measure) -> Iterator[Word]:
    """The head's name, shortened to the room it has, and the two numbers."""
    s, size = square.scale, 11 * square.letters
    y = square.cross[1] - _MIDDLE * size
    numbers = f"{now[0]:+.2f}  {now[1]:+.2f}"
    length = measure(numbers, size)
    right = square.cross[0] - 12 * s
    yield Word(numbers, right - length, y, length, size, NUMBERS)
    left = square.frame.left + 22 * s  # beside the dots by which the pad is dragged
    shown = shortened(name, right - length - 6 * s - left, lambda text: measure(text, size))
    yield Word(shown, left, y, measure(shown, size), size, NAME)


def _axes(square: Square, measure: Measure) -> Iterator[Word]:
    """What the sides of the field mean: the ends first, then the names of the axes."""
    s, side = square.scale, square.side
    for text, align, size in (
        ("unpleasant", 0.0, 10), ("pleasant", 1.0, 10), ("sleepy", 0.0, 10), ("excited", 1.0, 10),
        ("Valence", 0.5, 11), ("Arousal", 0.5, 11),
    ):  # fmt: skip
        letters = size * square.letters
        length = measure(text, letters)
        along, away = align * (side - length), 14 * s
        if text in ("sleepy", "excited", "Arousal"):
            yield Word(text, square.x - away + _MIDDLE * letters, square.y + along, length, letters, AXIS, upright=True)
        else:
            yield Word(text, square.x + along, square.y - away - _MIDDLE * letters, length, letters, AXIS)


def _on_ring(square: Square, feeling: str, angle: float, measure: Measure) -> Word:
    """Inside the circle, towards the middle, so that the sides of the square do not cut the words."""
    c, n, size = math.cos(angle), math.sin(angle), 9.5 * square.letters
    length = measure(feeling, size)
    x, y = square.pixel(0.93 * c, 0.93 * n)
    upon_axis = abs(c) < 0.1  # beside the axis then, not on it
    align = 1.0 if upon_axis else (1 + c) / 2
    x -= align * length + 4 * square.scale * upon_axis
    y += 5 * square.scale * ((n < -0.8) - (n > 0.8)) - _MIDDLE * size
    return Word(feeling, x, y, length, size, FEELING)


def shortened(text: str, room: float, length: Callable[[str], float]) -> str:
    """Words cut off where they do not fit into `room` pixels; empty when not even a letter does."""
    if length(text) <= room:
        return text
    fitting = next((n for n in range(len(text) - 1, 0, -1) if length(text[:n].rstrip() + "…") <= room), 0)
    return text[:fitting].rstrip() + "…" if fitting else ""
