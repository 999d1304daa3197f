"""How the pad of valence and arousal looks: a square in a corner of the viewport, drawn in its pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import blf
import gpu
from gpu_extras.batch import batch_for_shader

from emodifftalk.core.labels import affect_ring

Point = tuple[float, float]
Colour = tuple[float, float, float, float]

SNAP = 0.1
_FRAME: Colour = (0.09, 0.09, 0.10, 0.88)
_FIELD: Colour = (0.17, 0.17, 0.19, 0.95)
_LINE: Colour = (1.0, 1.0, 1.0, 0.16)
_TEXT: Colour = (1.0, 1.0, 1.0, 0.55)
_NEAR: Colour = (1.0, 0.82, 0.45, 1.0)
_PATH: Colour = (0.45, 0.72, 1.0, 0.75)
_POINT: Colour = (1.0, 0.78, 0.35, 1.0)
_WHITE: Colour = (1.0, 1.0, 1.0, 0.95)


@dataclass(frozen=True)
class Square:
    """The field of the pad.

    x, y: its lower left corner, pixels of the region.
    side: pixels.
    scale: of the interface; lines, letters and marks are drawn that much larger.
    """

    x: float
    y: float
    side: float
    scale: float

    def pixel(self, valence: float, arousal: float) -> Point:
        """Where a point of the plane lies."""
        return self.x + (valence + 1) / 2 * self.side, self.y + (arousal + 1) / 2 * self.side

    def affect(self, x: float, y: float, snap: bool = False) -> Point:
        """Valence and arousal, -1..1 each, under a pixel; outside the field the nearest. `snap`: in tenths."""
        valence, arousal = 2 * (x - self.x) / self.side - 1, 2 * (y - self.y) / self.side - 1
        return _held(valence, snap), _held(arousal, snap)

    def holds(self, x: float, y: float) -> bool:
        """Whether a pixel lies in the field or so near that it is meant."""
        room = 6 * self.scale
        return -room <= x - self.x <= self.side + room and -room <= y - self.y <= self.side + room

    @property
    def cross(self) -> Point:
        """The middle of the mark that closes the pad."""
        return self.x + self.side + 8 * self.scale, self.y + self.side + 12 * self.scale

    def closes(self, x: float, y: float) -> bool:
        """Whether a pixel lies on that mark."""
        return max(abs(x - self.cross[0]), abs(y - self.cross[1])) <= 9 * self.scale


def _held(value: float, snap: bool) -> float:
    """Within -1..1; rounded once more in tenths, so that 0.3 is not 0.30000000000000004."""
    value = min(max(value, -1.0), 1.0)
    return round(round(value / SNAP) * SNAP, 6) if snap else value


def corner_square(width: float, height: float, covered: float, scale: float) -> Square:
    """The pad in the lower right corner of a region (pixels), left of the `covered` width of its side bar."""
    side = min(210 * scale, 0.45 * min(width, height))
    return Square(width - covered - side - 34 * scale, 40 * scale, side, scale)


def nearest_feeling(valence: float, arousal: float) -> str | None:
    """The feeling of the ring in whose direction a point lies; None in the middle, where there is none."""
    if math.hypot(valence, arousal) < 0.15:
        return None
    angle = math.atan2(arousal, valence)
    return min(affect_ring(), key=lambda named: abs(math.remainder(named[1] - angle, math.tau)))[0]


def draw_pad(square: Square, now: Point, path: Sequence[Point], keys: Sequence[Point], title: str) -> None:
    """Draw it.

    now: where the mood is, (valence, arousal) like all points here.
    path, keys: how the keyed curves go over the shot, and their keys.
    title: above the field.
    """
    before = gpu.state.blend_get()  # type: ignore[func-returns-value]  # it does, the stub errs
    gpu.state.blend_set("ALPHA")
    s, near = square.scale, nearest_feeling(*now)
    x, y, side = square.x, square.y, square.side
    _box(x - 26 * s, y - 32 * s, side + 44 * s, side + 58 * s, _FRAME)
    _box(x, y, side, side, _FIELD)
    _lines([square.pixel(-1, 0), square.pixel(1, 0)], _LINE, s)
    _lines([square.pixel(0, -1), square.pixel(0, 1)], _LINE, s)
    _lines([square.pixel(math.cos(a), math.sin(a)) for a in _turn()], _LINE, s)
    _draw_ring(square, near)
    if len(path) > 1:
        _lines([square.pixel(*point) for point in path], _PATH, 1.6 * s)
    for key in keys:
        _disc(square.pixel(*key), 2.6 * s, _PATH)
    _lines([square.pixel(0, 0), square.pixel(*now)], (*_POINT[:3], 0.35), s)
    _disc(square.pixel(*now), 6.5 * s, (0, 0, 0, 0.7))
    _disc(square.pixel(*now), 5 * s, _POINT)
    _text("Valence", (x + side / 2, y - 14 * s), 11 * s, _TEXT)
    _text("unpleasant", (x, y - 14 * s), 10 * s, _TEXT, 0.0)
    _text("pleasant", (x + side, y - 14 * s), 10 * s, _TEXT, 1.0)
    _text("Arousal", (x - 12 * s, y + side / 2), 11 * s, _TEXT, 0.5, upright=True)
    _text("sleepy", (x - 12 * s, y), 10 * s, _TEXT, 0.0, upright=True)
    _text("excited", (x - 12 * s, y + side), 10 * s, _TEXT, 1.0, upright=True)
    _text(title, (x - 18 * s, y + side + 12 * s), 11 * s, _WHITE, 0.0)
    _text(f"{now[0]:+.2f}  {now[1]:+.2f}", (x + side - 10 * s, y + side + 12 * s), 11 * s, _WHITE, 1.0)
    _draw_cross(square)
    gpu.state.blend_set(before)


def _draw_ring(square: Square, near: str | None) -> None:
    s = square.scale
    for name, angle in affect_ring():
        c, n = math.cos(angle), math.sin(angle)
        _disc(square.pixel(c, n), 1.8 * s, _TEXT)
        # Inside the circle, towards the middle, so that the sides of the square do not cut the words.
        place = square.pixel(0.93 * c, 0.93 * n)
        drop = -5 * s * (n > 0.8) + 5 * s * (n < -0.8)
        upon_axis = abs(c) < 0.1  # beside the axis then, not on it
        words = place[0] - 4 * s * upon_axis, place[1] + drop
        _text(name, words, 9.5 * s, _NEAR if name == near else _TEXT, 1.0 if upon_axis else (1 + c) / 2)


def _draw_cross(square: Square) -> None:
    (x, y), arm = square.cross, 3.5 * square.scale
    for ends in ([(x - arm, y - arm), (x + arm, y + arm)], [(x - arm, y + arm), (x + arm, y - arm)]):
        _lines(ends, _TEXT, 1.2 * square.scale)


def _turn(steps: int = 64) -> list[float]:
    return [i * math.tau / steps for i in range(steps + 1)]


def _box(x: float, y: float, width: float, height: float, colour: Colour) -> None:
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    _fill(corners, [(0, 1, 2), (0, 2, 3)], colour)


def _disc(middle: Point, radius: float, colour: Colour) -> None:
    rim = [(middle[0] + radius * math.cos(a), middle[1] + radius * math.sin(a)) for a in _turn(20)]
    _fill([middle, *rim], [(0, i, i + 1) for i in range(1, len(rim))], colour)


def _fill(points: Sequence[Point], triangles: Sequence[tuple[int, int, int]], colour: Colour) -> None:
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", colour)
    batch_for_shader(shader, "TRIS", {"pos": [(*point, 0.0) for point in points]}, indices=triangles).draw(shader)


def _lines(points: Sequence[Point], colour: Colour, width: float) -> None:
    shader = gpu.shader.from_builtin("POLYLINE_UNIFORM_COLOR")
    viewport: Any = gpu.state.viewport_get()  # type: ignore[func-returns-value]  # it does, the stub errs
    shader.uniform_float("viewportSize", viewport[2:])
    shader.uniform_float("lineWidth", max(width, 1.0))
    shader.uniform_float("color", colour)
    batch_for_shader(shader, "LINE_STRIP", {"pos": [(*point, 0.0) for point in points]}).draw(shader)


def _text(words: str, place: Point, size: float, colour: Colour, align: float = 0.5, upright: bool = False) -> None:
    """Words at a place, `align` of their length before it; `upright` reads from below."""
    font = 0
    blf.size(font, size)
    blf.color(font, *colour)
    length, height = blf.dimensions(font, words)[0], blf.dimensions(font, "x")[1]
    if upright:
        blf.enable(font, blf.ROTATION)
        blf.rotation(font, math.pi / 2)
        blf.position(font, place[0] + height / 2, place[1] - align * length, 0)
    else:
        blf.position(font, place[0] - align * length, place[1] - height / 2, 0)
    blf.draw(font, words)
    if upright:
        blf.rotation(font, 0.0)
        blf.disable(font, blf.ROTATION)
