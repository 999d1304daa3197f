"""How the pad of valence and arousal looks, drawn in the pixels of its viewport."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import blf
import gpu
from gpu_extras.batch import batch_for_shader

from emodifftalk.core.labels import affect_ring, affect_word

from ..blender.regions import Box
from .affect_layout import FEELING, NAME, NUMBERS, Point, Square, Word, words

Colour = tuple[float, float, float, float]

_FONT = 0
_FRAME: Colour = (0.09, 0.09, 0.10, 0.88)
_BAR: Colour = (1.0, 1.0, 1.0, 0.07)
_BAR_UNDER_POINTER: Colour = (1.0, 1.0, 1.0, 0.15)
_FIELD: Colour = (0.17, 0.17, 0.19, 0.95)
_LINE: Colour = (1.0, 1.0, 1.0, 0.16)
_TEXT: Colour = (1.0, 1.0, 1.0, 0.55)
_NEAR: Colour = (1.0, 0.82, 0.45, 1.0)
_PATH: Colour = (0.45, 0.72, 1.0, 0.75)
_POINT: Colour = (1.0, 0.78, 0.35, 1.0)
_WHITE: Colour = (1.0, 1.0, 1.0, 0.95)
_COLOURS = {NAME: _WHITE, NUMBERS: _WHITE}


def draw_pad(
    square: Square, now: Point, path: Sequence[Point], keys: Sequence[Point], name: str, movable: bool = False
) -> None:
    """Draw it.

    now: where the mood is, (valence, arousal) like all points here.
    path, keys: how the keyed curves go over the shot, and their keys.
    name: of the head.
    movable: the pointer is where the pad is dragged by.
    """
    before = gpu.state.blend_get()  # type: ignore[func-returns-value]  # it does, the stub errs
    gpu.state.blend_set("ALPHA")
    s = square.scale
    _box(square.frame, _FRAME)
    _box(square.title, _BAR_UNDER_POINTER if movable else _BAR)
    _draw_grip(square)
    _box(Box(square.x, square.y, square.x + square.side, square.y + square.side), _FIELD)
    _lines([square.pixel(-1, 0), square.pixel(1, 0)], _LINE, s)
    _lines([square.pixel(0, -1), square.pixel(0, 1)], _LINE, s)
    _lines([square.pixel(math.cos(a), math.sin(a)) for a in _turn()], _LINE, s)
    for _, angle in affect_ring():
        _disc(square.pixel(math.cos(angle), math.sin(angle)), 1.8 * s, _TEXT)
    if len(path) > 1:
        _lines([square.pixel(*point) for point in path], _PATH, 1.6 * s)
    for key in keys:
        _disc(square.pixel(*key), 2.6 * s, _PATH)
    _lines([square.pixel(0, 0), square.pixel(*now)], (*_POINT[:3], 0.35), s)
    _disc(square.pixel(*now), 6.5 * s, (0, 0, 0, 0.7))
    _disc(square.pixel(*now), 5 * s, _POINT)
    near = affect_word(*now)
    for word in words(square, now, name, length):
        lit = word.kind == FEELING and word.text == near
        _draw_word(word, _NEAR if lit else _COLOURS.get(word.kind, _TEXT), shadow=lit)
    _draw_cross(square)
    gpu.state.blend_set(before)


def _draw_grip(square: Square) -> None:
    """The dots that Blender has where something can be dragged."""
    s = square.scale
    for column in range(2):
        for row in range(3):
            place = square.frame.left + (8 + 4 * column) * s, square.cross[1] + 4 * (row - 1) * s
            _disc(place, 1.1 * s, _TEXT)


def _draw_cross(square: Square) -> None:
    (x, y), arm = square.cross, 3.5 * square.scale
    for ends in ([(x - arm, y - arm), (x + arm, y + arm)], [(x - arm, y + arm), (x + arm, y - arm)]):
        _lines(ends, _TEXT, 1.2 * square.scale)


def _turn(steps: int = 64) -> list[float]:
    return [i * math.tau / steps for i in range(steps + 1)]


def _box(box: Box, colour: Colour) -> None:
    corners = [(box.left, box.bottom), (box.right, box.bottom), (box.right, box.top), (box.left, box.top)]
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


def length(text: str, size: float) -> float:
    """How long words are in letters of a size, both in pixels."""
    blf.size(_FONT, size)
    return float(blf.dimensions(_FONT, text)[0])


def _draw_word(word: Word, colour: Colour, shadow: bool = False) -> None:
    """Draw it; with a shadow it can be read over the point and its lines."""
    blf.size(_FONT, word.size)
    if shadow:
        blf.enable(_FONT, blf.SHADOW)
        blf.shadow(_FONT, 5, 0.0, 0.0, 0.0, 1.0)
    blf.color(_FONT, *colour)
    if word.upright:
        blf.enable(_FONT, blf.ROTATION)
        blf.rotation(_FONT, math.pi / 2)
    blf.position(_FONT, word.x, word.y, 0)
    blf.draw(_FONT, word.text)
    if shadow:
        blf.disable(_FONT, blf.SHADOW)
    if word.upright:
        blf.rotation(_FONT, 0.0)
        blf.disable(_FONT, blf.ROTATION)
