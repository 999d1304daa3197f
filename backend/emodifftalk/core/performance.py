"""A Performance: what the animator asks for, as pure data in one JSON."""

from __future__ import annotations

import math
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from .arrays import Floats, Mask
from .errors import UserError
from .facs import AU_NAMES, FPS
from .fields import listed, mapped, number, only_known, text, whole
from .limits import FARTHEST_SECOND, LONGEST_SHOT, LOUDEST, SPEEDS, STRONGEST
from .opening import read_json, resolve_inside

T = TypeVar("T")
SCHEMA = 3
"""Version 2 has intensities up to STRONGEST and `voice_feeling`, version 3 `au_curves`, `au_gains` and the speed of
voices; older ones are read as well."""
MODES = ("additive", "paper")
GAPS = ("neutral", "hold")
Json = dict[str, Any]
"""A Performance, or a part of one, as `to_json` writes it."""
Curve = tuple[tuple[float, float], ...]
"""Keys (seconds, value), read as straight lines between keys and held outside them."""


@dataclass(frozen=True)
class VoiceStrip:
    """A recording on the time axis.

    start: seconds of the Performance at which its first used sample is heard.
    offset: seconds cut off the beginning of the file.
    duration: seconds for which it is heard, None to the end of the file.
    gain: linear.
    speed: seconds of the file that pass in one second.
    """

    path: Path
    start: float = 0.0
    offset: float = 0.0
    duration: float | None = None
    gain: float = 1.0
    speed: float = 1.0


@dataclass(frozen=True)
class Prompt:
    """A feeling in plain words.

    start, end: seconds of the Performance; end None: until the next prompt or the end.
    ease_in, ease_out: seconds of smooth rise and fall inside the strip.
    intensity: curve over Performance seconds, 0..STRONGEST; beyond 1 the feeling is exaggerated, as far as the
        subject's range goes.
    aus: the AU intensities it means, when the animator has edited them; otherwise the words are resolved.
    id: what it is known by when two Performances are compared.
    """

    text: str
    start: float = 0.0
    end: float | None = None
    ease_in: float = 0.3
    ease_out: float = 0.3
    intensity: Curve = ((0.0, 1.0),)
    aus: dict[str, float] | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True)
class Style:
    """How feelings are added to speech.

    mode: `additive` or `paper` (Equation 7).
    alpha, beta: the coefficients of Equation 7.
    expressiveness: multiplies what prompts add.
    lip_sync: 0..1, how strongly speech is protected from emotion.
    gap: `neutral` or `hold` between prompts.
    liveliness: scales the gestures of brows and lids that the seed draws, 0 for none.
    voice_feeling: 0..1, how much of the valence and arousal that the speech model hears in the voice is added to the
        curves, 0 for none.
    """

    mode: str = "additive"
    alpha: float = 1.0
    beta: float = 0.5
    expressiveness: float = 1.0
    lip_sync: float = 1.0
    gap: str = "neutral"
    liveliness: float = 1.0
    voice_feeling: float = 0.0


@dataclass(frozen=True)
class Performance:
    """What a head is asked to do. All times are seconds.

    au_offsets: AU name to curve, added at the end.
    valence, arousal: curves, -1..1.
    seed: draws gestures, blinks and the noise of motion.
    duration: seconds, None: until the voice ends.
    au_curves: AU name to curve (0..1), drawn over what voice and feelings give for that unit.
    au_gains: AU name to 0..LOUDEST, which multiplies the unit, drawn over or not. Like the curves it comes before the
        offsets.
    """

    voice: tuple[VoiceStrip, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    au_offsets: dict[str, Curve] = field(default_factory=dict)
    valence: Curve = ()
    arousal: Curve = ()
    seed: int = 0
    duration: float | None = None
    style: Style = field(default_factory=Style)
    au_curves: dict[str, Curve] = field(default_factory=dict)
    au_gains: dict[str, float] = field(default_factory=dict)


_FIELDS = ("format", "schema", *(field.name for field in fields(Performance)))
_VOICE_FIELDS, _PROMPT_FIELDS, _STYLE_FIELDS = (
    tuple(field.name for field in fields(kind)) for kind in (VoiceStrip, Prompt, Style)
)
_MOST_STRIPS = 100_000


def sample_curve(curve: Curve, times: Floats, default: float = 0.0) -> Floats:
    """Values (T,) float32 of a curve at times (T,) in seconds."""
    if not curve:
        return np.full(len(times), default, np.float32)
    # `interp` holds the first and the last value outside the keys, as a curve is to be read.
    keys = np.asarray(sorted(curve), np.float64)
    return np.interp(times, keys[:, 0], keys[:, 1]).astype(np.float32)


def frame_times(frames: int) -> Floats:
    """Seconds (frames,) of a 25 fps track."""
    return np.arange(frames) / FPS


def prompt_weights(performance: Performance, times: Floats) -> Floats:
    """Weight (P, T) float32 in 0..STRONGEST of every prompt at times (T,) seconds.

    Eased in and out, times its intensity curve; where strips overlap they crossfade (weights add up to at most 1, but
    for exaggeration); with gap `hold` a prompt lasts until the next one rises.
    """
    spans = _spans(performance.prompts, float(times[-1]) + 1 / FPS if len(times) else 0.0)
    hold = performance.style.gap == "hold"
    weights = np.zeros((len(performance.prompts), len(times)), np.float32)
    exaggeration = np.ones_like(weights)
    for row, (prompt, (start, end)) in enumerate(zip(performance.prompts, spans, strict=True)):
        # With `hold` a feeling stays until the next has risen: its fall lies over that one's rise.
        following = min((s for s, _ in spans if s > start), default=math.inf)
        last = max(end, following + prompt.ease_out) if hold else end
        rise = _ease((times - start) / max(prompt.ease_in, 1e-6), times >= start)
        fall = _ease((last - times) / max(prompt.ease_out, 1e-6), times < last)
        intensity = sample_curve(prompt.intensity, times, 1.0).clip(0, STRONGEST)
        # (T,): how much of the face is this prompt's, at most 1, and how far beyond 1 it is exaggerated, kept apart.
        weights[row] = rise * fall * intensity.clip(0, 1)
        exaggeration[row] = intensity.clip(1, None)
    # Weights (P, T) over their sum, where that is above 1: a crossfade never adds up to more than one
    # feeling. Exaggeration comes after it, or it would be divided away.
    share: Floats = exaggeration * weights / np.maximum(weights.sum(axis=0), 1.0)
    return share


def _spans(prompts: tuple[Prompt, ...], until: float) -> list[tuple[float, float]]:
    starts = [p.start for p in prompts]
    spans = []
    for prompt in prompts:
        following = min((s for s in starts if s > prompt.start), default=None)
        # An open end crossfades with the next prompt: it fades while the next one rises.
        open_end = until + prompt.ease_out if following is None else following + prompt.ease_out
        spans.append((prompt.start, open_end if prompt.end is None else prompt.end))
    return spans


def _ease(x: Floats, inside: Mask) -> Floats:
    # 3 x^2 - 2 x^3: level at both ends, so that nothing starts or stops with a jerk.
    x = np.clip(x, 0, 1)
    eased: Floats = np.where(inside, x * x * (3 - 2 * x), 0)
    return eased


def to_json(performance: Performance, folder: str | os.PathLike[str] | None = None) -> Json:
    """The Performance as JSON data. With `folder`, voice paths are written relative to it.

    Raises UserError when a voice file lies outside that folder.
    """
    data: Json = {"format": "emodifftalk.performance", "schema": SCHEMA}
    data["voice"] = [{**vars(strip), "path": _portable(strip.path, folder)} for strip in performance.voice]
    data["prompts"] = [{**vars(p), "intensity": _keys(p.intensity)} for p in performance.prompts]
    for field_name in ("au_offsets", "au_curves"):
        data[field_name] = {name: _keys(curve) for name, curve in getattr(performance, field_name).items()}
    data["au_gains"] = {name: float(gain) for name, gain in performance.au_gains.items()}
    data["valence"], data["arousal"] = _keys(performance.valence), _keys(performance.arousal)
    data["seed"], data["duration"] = performance.seed, performance.duration
    data["style"] = dict(vars(performance.style))
    return data


def from_json(data: object, folder: str | os.PathLike[str] | None = None) -> Performance:
    """Read a Performance from JSON data.

    With `folder` (a file somebody sent), voice paths must be relative and stay inside it; without it (a request of our
    own add-on) they are taken as they are. Raises UserError naming the part that is wrong.
    """
    if not isinstance(data, dict) or data.get("format") != "emodifftalk.performance":
        raise UserError("This is not an EmoDiffTalk performance.")
    if data.get("schema") not in range(1, SCHEMA + 1):
        raise UserError(f"This performance has schema {data.get('schema')}, this version reads up to {SCHEMA}.")
    part = "fields"
    try:
        only_known(data, _FIELDS)
        part = "voice"
        voice = tuple(_voice(item, folder) for item in listed(data.get("voice", []), _MOST_STRIPS))
        part = "prompts"
        prompts = tuple(_prompt(item) for item in listed(data.get("prompts", []), _MOST_STRIPS))
        part = "au_offsets"
        offsets = _by_unit(data.get("au_offsets", {}), _curve)
        part = "au_curves"
        drawn = _by_unit(data.get("au_curves", {}), _curve)
        part = "au_gains"
        gains = _by_unit(data.get("au_gains", {}), partial(number, low=0.0, high=LOUDEST))
        part = "style"
        style = _style(data.get("style", {}))
        part = "seed"
        seed = whole(data.get("seed", 0), 0, 2**63 - 1)
        part = "duration"
        duration = data.get("duration")
        duration = None if duration is None else number(duration, 0.0, LONGEST_SHOT)
        part = "curves"
        valence, arousal = _curve(data.get("valence", [])), _curve(data.get("arousal", []))
    except (ValueError, KeyError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise UserError(f"The performance's {part} cannot be understood: {reason}.") from error
    return Performance(voice, prompts, offsets, valence, arousal, seed, duration, style, drawn, gains)


def load_performance(path: str | os.PathLike[str]) -> Performance:
    """Read a performance file. Raises UserError when it is missing, damaged or reaches outside its folder."""
    path = Path(path)
    data = read_json(path, what="The performance")
    return from_json(data, path.parent)


def _portable(path: Path, folder: str | os.PathLike[str] | None) -> str:
    if folder is None:
        return str(path)
    try:
        return Path(path).resolve().relative_to(Path(folder).resolve()).as_posix()
    except ValueError as error:
        raise UserError(f"Copy {Path(path).name} into the folder of the performance first.") from error


def _voice(item: Any, folder: str | os.PathLike[str] | None) -> VoiceStrip:
    only_known(mapped(item), _VOICE_FIELDS)
    path = text(item["path"])
    duration = item.get("duration")
    return VoiceStrip(
        path=Path(path) if folder is None else resolve_inside(folder, path),
        start=_seconds(item.get("start", 0.0)),
        offset=number(item.get("offset", 0.0), 0.0, FARTHEST_SECOND),
        duration=None if duration is None else number(duration, 0.0, LONGEST_SHOT),
        gain=number(item.get("gain", 1.0), 0.0, 1e6),
        speed=number(item.get("speed", 1.0), *SPEEDS),
    )


def _prompt(item: Any) -> Prompt:
    only_known(mapped(item), _PROMPT_FIELDS)
    end, aus = item.get("end"), item.get("aus")
    return Prompt(
        text=text(item["text"]),
        start=_seconds(item.get("start", 0.0)),
        end=None if end is None else _seconds(end),
        ease_in=number(item.get("ease_in", 0.3), 0.0, FARTHEST_SECOND),
        ease_out=number(item.get("ease_out", 0.3), 0.0, FARTHEST_SECOND),
        intensity=_curve(item.get("intensity", [[0.0, 1.0]])),
        aus=None if aus is None else _by_unit(aus, partial(number, low=0.0, high=1.0)),
        id=text(item.get("id") or uuid.uuid4().hex),
    )


def _style(data: Any) -> Style:
    only_known(mapped(data), _STYLE_FIELDS)
    style = Style(**data)
    if style.mode not in MODES or style.gap not in GAPS:
        raise ValueError(f"mode is one of {', '.join(MODES)}, gap one of {', '.join(GAPS)}")
    for name in ("alpha", "beta", "expressiveness", "lip_sync", "liveliness"):
        number(getattr(style, name), 0.0, 10.0)
    number(style.voice_feeling, 0.0, 1.0)
    return style


def _by_unit(data: Any, read: Callable[[Any], T]) -> dict[str, T]:
    only_known(mapped(data), AU_NAMES)
    return {name: read(value) for name, value in data.items()}


def _curve(keys: Any) -> Curve:
    if any(type(key) is not list or len(key) != 2 for key in listed(keys)):
        raise ValueError("a curve is a list of [second, value]")
    return tuple((_seconds(t), number(v, -1e6, 1e6)) for t, v in keys)


def _seconds(value: Any) -> float:
    return number(value, -FARTHEST_SECOND, FARTHEST_SECOND)


def _keys(curve: Curve) -> list[list[float]]:
    return [[float(t), float(v)] for t, v in curve]
