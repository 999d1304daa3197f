"""What a timeline asks for now against what a take was made from: two Performances as JSON. No Blender."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from emodifftalk.core.facs import FPS
from emodifftalk.core.performance import Json, sample_curve
from emodifftalk.core.take import runs
from emodifftalk.core.windows import touched

from .arrays import Floats, Mask
from .ranges import Range

_Sound = tuple[str, float, float, float]
"""What is heard at a time: recording, second of the recording, speed, loudness."""
_NEAR = 1.5e-3
"""Seconds that do not count."""
_SAME = 1e-5
"""Of an action unit's intensity: less is no change."""
_KNOWN = ("format", "schema", "voice", "prompts", "style", "seed", "duration")
_WORDS = (("au_offsets", "offset"), ("au_curves", "curve"), ("au_gains", "gain"))
_HEARING = ("seed", "liveliness")
"""Settings that change what is made of the voice, and not only of the feelings."""


@dataclass(frozen=True)
class Change:
    """One thing that changed.

    what: voice, a prompt, a curve or a setting, in words.
    start, end: seconds of the present Performance, None for all of it.
    """

    what: str
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class TakeChanges:
    """What changed since a take was made.

    All ranges are in seconds of the present Performance, in order, without overlaps.

    changes: each of them.
    duration: seconds that are asked for now.
    stale: ranges in which the take shows something else than is asked for.
    missing: ranges in which it shows nothing.
    heard_anew: the voice has to be listened to again.
    frames: 25 a second.
    made_again: how many of them a re-generate would make; the others would be copied.
    asked: ranges in which anything is asked for.
    """

    changes: tuple[Change, ...]
    duration: float
    stale: tuple[Range, ...] = ()
    missing: tuple[Range, ...] = ()
    heard_anew: bool = False
    frames: int = 0
    made_again: int = 0
    asked: tuple[Range, ...] = field(default=(), repr=False)

    @property
    def seconds(self) -> float:
        """How much of what is asked for is stale or missing."""
        return sum(end - start for start, end in (*self.stale, *self.missing))


def compare_performances(before: Json, after: Json, everything: Iterable[str] = ()) -> TakeChanges:
    """Compare two Performances (`to_json`) whose voices' paths tell the same recordings by the same text.

    That everything lies earlier or later, together, is no change. everything: what else changed that touches all of it.
    """
    shift = _shift(before, after)
    length = float(after["duration"] or 0.0)
    covered = (shift, shift + float(before["duration"] or 0.0))
    voice = [Change("voice", *piece) for piece in _voice_changes(before, after, shift)]
    settings = [Change(name) for name in (*everything, *_settings(before, after))]
    changes = [*voice, *_prompt_changes(before, after, shift), *_curve_changes(before, after, shift, length), *settings]
    asked = merged([*((v["start"], v["start"] + v["duration"]) for v in after["voice"]), *map(_span, after["prompts"])])
    ranges = merged((0.0 if c.start is None else c.start, length if c.end is None else c.end) for c in changes)
    # As many frames as `perform` makes. Another length or place moves words against the 25 fps grid: all is heard anew.
    frames = max(1, math.ceil(round(length * FPS, 6))) if length else 0
    other_length = frames != max(1, math.ceil(round((covered[1] - shift) * FPS, 6)))
    heard = bool(voice) or other_length or abs(shift) > _NEAR or bool(everything)
    heard = heard or any(change.what in _HEARING for change in settings)
    # mask (frames,): what a range touches, even by a part of a frame. Windows of motion reach further than that, so
    # `touched` says how much would be made again.
    mask = np.zeros(frames, bool)
    for start, end in ranges:
        mask[max(0, math.floor(start * FPS)) : math.ceil(end * FPS)] = True
    return TakeChanges(
        changes=tuple(changes),
        duration=length,
        stale=tuple(_common(ranges, [(max(covered[0], 0.0), min(covered[1], length))])),
        missing=tuple(_common(asked, [(0.0, covered[0]), (covered[1], length)])),
        heard_anew=heard,
        frames=frames,
        made_again=frames if heard else int(touched(mask)[0].sum()) if mask.any() else 0,
        asked=tuple(asked),
    )


def merged(ranges: Iterable[Range]) -> list[Range]:
    """Ranges in order, those that touch as one."""
    joined: list[Range] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1] + _NEAR:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif end > start:
            joined.append((start, end))
    return joined


def _common(ranges: Iterable[Range], inside: Iterable[Range]) -> list[Range]:
    inside = list(inside)
    pieces = ((max(a, c), min(b, d)) for a, b in ranges for c, d in inside)
    return merged((start, end) for start, end in pieces if end - start > 1 / (2 * FPS))


def _shift(before: Json, after: Json) -> float:
    """By how many seconds most of it lies later than it did."""
    # Every prompt and voice piece that both have votes for its own shift, a vote a second: one that was moved by itself
    # is outvoted.
    votes: Counter[float] = Counter({0.0: 1e-6})
    old = {prompt["id"]: prompt for prompt in before["prompts"]}
    for prompt in after["prompts"]:
        if prompt["id"] in old:
            votes[round(prompt["start"] - old[prompt["id"]]["start"], 3)] += prompt["end"] - prompt["start"]
    for piece in after["voice"]:
        for past in before["voice"]:
            if piece["path"] == past["path"] and abs(piece["speed"] - past["speed"]) < 1e-6:
                votes[round(_origin(piece) - _origin(past), 3)] += min(piece["duration"], past["duration"])
    return max(votes, key=lambda shift: votes[shift])


def _origin(piece: Json) -> float:
    """Second at which the recording's beginning would be heard."""
    return float(piece["start"] - piece["offset"] / piece["speed"])


def _voice_changes(before: Json, after: Json, shift: float) -> list[Range]:
    # Between two neighbouring edges of old and new pieces nothing begins or ends: the middle speaks for all of it.
    past = [{**piece, "start": piece["start"] + shift} for piece in before["voice"]]
    edges = sorted({edge for piece in (*past, *after["voice"]) for edge in _heard(piece)})
    changed = []
    for start, end in pairwise(edges):
        middle = (start + end) / 2
        if end - start > _NEAR and not _sound_alike(_sounding(past, middle), _sounding(after["voice"], middle)):
            changed.append((start, end))
    return merged(changed)


def _heard(piece: Json) -> Range:
    return piece["start"], piece["start"] + piece["duration"]


def _sounding(pieces: list[Json], at: float) -> list[_Sound]:
    """All that is heard at a time."""
    here = (piece for piece in pieces if _heard(piece)[0] <= at < _heard(piece)[1])
    return sorted((p["path"], (at - _origin(p)) * p["speed"], p["speed"], p["gain"]) for p in here)


def _sound_alike(old: list[_Sound], new: list[_Sound]) -> bool:
    return len(old) == len(new) and all(
        a[0] == b[0] and max(abs(x - y) for x, y in zip(a[1:], b[1:], strict=True)) < _NEAR
        for a, b in zip(old, new, strict=True)
    )


def _prompt_changes(before: Json, after: Json, shift: float) -> Iterator[Change]:
    holds = after["style"].get("gap") == "hold"
    old = {prompt["id"]: prompt for prompt in before["prompts"]}
    ids = {prompt["id"] for prompt in after["prompts"]}
    for prompt in after["prompts"]:
        past = old.pop(prompt["id"], None)
        if past is None:  # of a copied head or a pasted strip: the same under another id
            twins = (twin for twin in old if twin not in ids and _same_prompt(old[twin], prompt, shift))
            past = old.pop(next(twins, None), None)
        if past is None or not _same_prompt(past, prompt, shift):
            spans = [_span(prompt)] + ([_span(past, shift)] if past is not None else [])
            end = math.inf if holds else max(end for _, end in spans)
            yield Change(_called(prompt), min(start for start, _ in spans), end if end < math.inf else None)
    for past in old.values():
        start, end = _span(past, shift)
        yield Change(f"{_called(past)}, gone,", max(start, 0.0), None if holds else end)


def _called(prompt: Json) -> str:
    words = prompt["text"].strip()
    return f"prompt “{words if len(words) <= 24 else words[:23].rstrip() + '…'}”"


def _span(prompt: Json, shift: float = 0.0) -> Range:
    return prompt["start"] + shift, prompt["end"] + shift


def _same_prompt(past: Json, prompt: Json, shift: float) -> bool:
    near = all(abs(a - b) < _NEAR for a, b in zip(_span(past, shift), _span(prompt), strict=True))
    eases = all(abs(past[name] - prompt[name]) < _NEAR for name in ("ease_in", "ease_out"))
    times = np.arange(prompt["start"], prompt["end"], 1 / FPS)
    return (
        near
        and eases
        and past["text"] == prompt["text"]
        and _same_aus(past["aus"], prompt["aus"])
        and not _differs(past["intensity"], prompt["intensity"], times, shift).any()
    )


def _same_aus(old: Mapping[str, float] | None, new: Mapping[str, float] | None) -> bool:
    """Whether two prompts have the same bars, as far as what was written tells: in six places."""
    if old is None or new is None:
        return old is new
    return old.keys() == new.keys() and all(abs(old[name] - new[name]) < _SAME for name in old)


def _curve_changes(before: Json, after: Json, shift: float, length: float) -> Iterator[Change]:
    """Of curves, and of whatever else a Performance holds by name."""
    # Both curves are sampled at the frames of the present Performance, the past one shifted; where they differ, runs of
    # frames become seconds. What is neither a curve nor named is only equal or not.
    times = np.arange(math.ceil(length * FPS)) / FPS
    for name in {**before, **after}:
        if name in _KNOWN:
            continue
        old, new = (data.get(name) or {} for data in (before, after))
        pairs = {f"{key} {name}": (old.get(key), new.get(key)) for key in {**old, **new}} if _named(old, new) else {}
        for called, (past, present) in (pairs or {name: (old, new)}).items():
            for field_name, word in _WORDS:
                called = called.replace(field_name, word)
            drawn = name == "au_curves"  # a curve that is not there is not one at 0
            if (drawn and (past is None) != (present is None)) or not (_is_curve(past) and _is_curve(present)):
                if past != present:
                    yield Change(called)
                continue
            for start, end in runs(_differs(past or [], present or [], times, shift)):
                yield Change(called, start / FPS, end / FPS)


def _named(*parts: object) -> bool:
    return all(isinstance(part, dict) for part in parts)


def _is_curve(keys: object) -> bool:
    return not keys or (isinstance(keys, list) and isinstance(keys[0], list) and len(keys[0]) == 2)


def _differs(past: list[list[float]], present: list[list[float]], times: Floats, shift: float) -> Mask:
    now = sample_curve(tuple((t, v) for t, v in present), times)
    then = sample_curve(tuple((t, v) for t, v in past), times - shift)
    differs: Mask = np.abs(now - then) > 1e-4
    return differs


def _settings(before: Json, after: Json) -> Iterator[str]:
    if before["seed"] != after["seed"]:
        yield "seed"
    for name in {**before["style"], **after["style"]}:
        if before["style"].get(name) != after["style"].get(name):
            yield name.replace("_", " ")
