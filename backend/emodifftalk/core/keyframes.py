"""The keys of an animation curve as plain arrays, cut and moved in pieces that keep their shape. No Blender.

A curve of K keys is a dictionary of arrays by Blender's names of what a key has: `co`, `handle_left` and `handle_right`
(K, 2) in seconds and values, all others (K,). Keys lie in the order of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .relaying import OUT_OF_SIGHT, Piece

if TYPE_CHECKING:
    from .arrays import Floats

Keys = dict[str, np.ndarray[Any, Any]]

POINTS = ("co", "handle_left", "handle_right")
CONSTANT, BEZIER = 0, 2
FREE, AUTO, VECTOR, ALIGNED, AUTO_CLAMPED = 0, 1, 2, 3, 4
_SAME = 1e-4
_JUMP = 6e-4
"""Seconds in which a curve jumps where two pieces meet that do not belong together."""
_HALVINGS = 50


def rearranged(keys: Keys, pieces: Sequence[Piece]) -> Keys:
    """The keys after each piece has gone where it goes, in the order of time.

    Where a piece was torn off, a key holds the value there.
    Only between keys that ease in another way than Bézier curves do, the shape may change where it is torn.
    """
    whole = {name: values[:0] for name, values in keys.items()}
    in_sight, out_of_sight = between(keys, -np.inf, OUT_OF_SIGHT), between(keys, OUT_OF_SIGHT, np.inf)
    for piece in pieces:
        part = _moved(_part(in_sight if piece.first < OUT_OF_SIGHT else out_of_sight, piece), piece)
        if len(part["co"]):
            whole = _followed(whole, part) if len(whole["co"]) else part
    return whole


def joined(keys: Keys, more: Keys) -> Keys:
    """Both, in the order of time."""
    if not len(more["co"]):
        return keys
    both = {name: np.concatenate([values, more[name]]) for name, values in keys.items()}
    order = np.argsort(both["co"][:, 0], kind="stable")
    return {name: values[order] for name, values in both.items()}


def between(keys: Keys, first: float, last: float) -> Keys:
    """The keys from a second to before another."""
    inside = (keys["co"][:, 0] >= first) & (keys["co"][:, 0] < last)
    return {name: values[inside] for name, values in keys.items()}


def _part(keys: Keys, piece: Piece) -> Keys:
    """The keys of one piece, with keys at the edges at which it was torn off."""
    for second in (piece.first, piece.last):
        keys = _split(keys, second)
    seconds = keys["co"][:, 0]
    inside = (seconds >= piece.first - _SAME) & (seconds <= piece.last + _SAME)
    part = {name: values[inside] for name, values in keys.items()}
    seconds = part["co"][:, 0]
    if len(seconds) > 1 and seconds[-1] > piece.last - _SAME and np.diff(seconds[-2:]) < 2 * _JUMP:
        # A jump lies there: the last key is the next piece's, and the one before it belongs where that is.
        part = {name: values[:-1].copy() for name, values in part.items()}
        part["co"][-1, 0] = piece.last
    return part


def _split(keys: Keys, second: float) -> Keys:
    """The same curve with a key at a second between two of its keys; the handles around it keep its shape."""
    seconds = keys["co"][:, 0]
    after = int(np.searchsorted(seconds, second))
    nearest = np.abs(seconds - second).min(initial=np.inf)
    if nearest < _SAME or not 0 < after < len(seconds) or _rests(keys, after):
        return keys
    keys = {name: np.insert(values, after, values[after - 1], axis=0) for name, values in keys.items()}
    before, new, following = after - 1, after, after + 1
    if keys["interpolation"][before] != BEZIER:
        (start, low), (end, high) = keys["co"][before], keys["co"][following]
        share = 0.0 if keys["interpolation"][before] == CONSTANT else (second - start) / (end - start)
        keys["co"][new] = second, low + share * (high - low)
        keys["handle_left"][new] = keys["handle_right"][new] = keys["co"][new]
        return keys
    corners = _corners(keys, before, following)
    left, right = _halves(corners, _where(corners[:, 0], second))
    keys["co"][new] = left[3]
    keys["handle_right"][before], keys["handle_left"][new] = left[1], left[2]
    keys["handle_right"][new], keys["handle_left"][following] = right[1], right[2]
    _freeze(keys, before, following)
    return keys


def _rests(keys: Keys, after: int) -> bool:
    """Whether the curve holds one value between a key and the one before it."""
    heights = keys["co"][after - 1, 1], keys["handle_right"][after - 1, 1], keys["handle_left"][after, 1]
    return bool(np.abs(np.array(heights) - keys["co"][after, 1]).max() < _SAME)


def _freeze(keys: Keys, before: int, following: int) -> None:
    """Keys whose neighbours become others keep the handles that Blender would make anew."""
    keys["handle_left_type"][before + 1] = keys["handle_right_type"][before + 1] = ALIGNED
    for at in (before, following):
        types = keys["handle_left_type"][at], keys["handle_right_type"][at]
        frozen = tuple(ALIGNED if kind in (AUTO, AUTO_CLAMPED) else kind for kind in types)
        keys["handle_left_type"][at], keys["handle_right_type"][at] = frozen
        name = "handle_right_type" if at == before else "handle_left_type"
        if keys[name][at] == VECTOR:
            keys[name][at] = FREE


def _corners(keys: Keys, before: int, following: int) -> Floats:
    """The four corners (4, 2) of a Bézier segment as Blender draws it: handles reach no farther than the segment."""
    start, end = keys["co"][before], keys["co"][following]
    length = end[0] - start[0]
    arms = keys["handle_right"][before] - start, keys["handle_left"][following] - end
    reach = [min(1.0, length / max(abs(arm[0]), 1e-12)) for arm in arms]
    return np.stack([start, start + arms[0] * reach[0], end + arms[1] * reach[1], end])


def _where(times: Floats, second: float) -> float:
    """Where on a segment with corners at times (4,) a second is reached, 0..1."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        weights = (1 - middle) ** 3, 3 * middle * (1 - middle) ** 2, 3 * middle**2 * (1 - middle), middle**3
        low, high = (middle, high) if float(np.dot(weights, times)) < second else (low, middle)
    return (low + high) / 2


def _halves(corners: Floats, share: float) -> tuple[Floats, Floats]:
    """Two segments (4, 2) each that together are one (de Casteljau)."""
    # Points between neighbours, again and again: (4, 2), (3, 2), (2, 2), (1, 2). The first of each are the corners of
    # the first half, the last of each those of the second.
    levels = [corners]
    while len(levels[-1]) > 1:
        levels.append(levels[-1][:-1] * (1 - share) + levels[-1][1:] * share)
    return np.stack([level[0] for level in levels]), np.stack([level[-1] for level in levels[::-1]])


def _moved(keys: Keys, piece: Piece) -> Keys:
    if piece.stays:
        return keys
    moved = dict(keys)
    for name in POINTS:
        points = keys[name].copy()
        points[:, 0] = piece.to + (points[:, 0] - piece.since) / piece.pace
        moved[name] = points
    return moved


def _followed(keys: Keys, more: Keys) -> Keys:
    """One piece's keys and the next's. Where they meet in one key it has the left half of the one and the right half
    of the other; where a gap was torn between equal values, the curve rests in it."""
    end, start = keys["co"][-1], more["co"][0]
    keys, more = ({name: values.copy() for name, values in part.items()} for part in (keys, more))
    if start[0] - end[0] < _SAME:
        keys = _meeting(keys, more)
    elif abs(start[1] - end[1]) < 1e-3 and keys["interpolation"][-1] == BEZIER:
        third = (start[0] - end[0]) / 3
        keys["handle_right"][-1], more["handle_left"][0] = (end[0] + third, end[1]), (start[0] - third, start[1])
        keys["handle_right_type"][-1] = more["handle_left_type"][0] = FREE
        for part, at, other in ((keys, -1, "handle_left_type"), (more, 0, "handle_right_type")):
            if part[other][at] in (AUTO, AUTO_CLAMPED, ALIGNED):
                part[other][at] = FREE
    return {name: np.concatenate([values, more[name]]) for name, values in keys.items()}


def _meeting(keys: Keys, more: Keys) -> Keys:
    """Keys without their last where that is one with the first of the next, which takes over its left half. Where the
    two differ, one comes just before the other: the curve jumps."""
    end, start = keys["co"][-1].copy(), more["co"][0]
    if abs(start[1] - end[1]) < 1e-3:
        more["handle_left"][0], more["handle_left_type"][0] = keys["handle_left"][-1], keys["handle_left_type"][-1]
        return between(keys, -np.inf, start[0] - _SAME)
    # The last key is shortly before where it was; what lay in between has no room. The handles of both that face the
    # jump are level and short.
    early = start[0] - _JUMP
    kept = keys["co"][:, 0] < early - _SAME
    kept[-1] = True
    keys = {name: values[kept] for name, values in keys.items()}
    keys["co"][-1, 0] = early
    keys["handle_left"][-1, 0] = min(keys["handle_left"][-1, 0], early)
    keys["handle_right"][-1], more["handle_left"][0] = (early + _JUMP / 3, end[1]), (start[0] - _JUMP / 3, start[1])
    for name in ("handle_left_type", "handle_right_type"):
        keys[name][-1] = more[name][0] = FREE
    return keys
