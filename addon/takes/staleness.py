"""Whether a head's take still shows what the timeline asks for, and what making it again would cost.

Looked at while nothing plays, at most twice a second, and never inside a drawing: panels and lines show the last
answer.
"""

from __future__ import annotations

import base64
import json
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import bpy
from bpy.types import Depsgraph, Object, Scene

from emodifftalk.core.clock import Clock, clock_text
from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import parse_json

from ..blender import animation
from ..blender.guarding import start_timer
from ..blender.redraw import TIME_EDITORS, VIEWS, is_playing, redraw
from ..blender.registering import Adds
from ..blender.state import State
from ..curves import confidence
from ..playback import sources, take_time
from ..scene.heads import absolute, active_take, present_head, settings
from ..scene.strips import scene_clock
from . import memory, pace, performance

if TYPE_CHECKING:
    from emodifftalk.core.changes import TakeChanges
    from emodifftalk.core.ranges import Range

BAKED, STALE, MISSING, STRETCHED = "baked", "stale", "missing", "stretched"
_PAUSE = 0.5
"""Seconds between two looks."""
_AGAIN = 2.0
"""Seconds after which an answer is looked at again even if Blender knows of no change."""
_RESTRAINT = 8
"""After a look that took long, this many times as long nobody looks: Blender belongs to the animator."""
_NAMED = 4
"""Changes named in a sentence."""
_MOST_TEXT = 16 << 20
"""Letters of what a take is made from; an hour with every unit drawn is half of that."""
_REMEMBERED = 16
_past: dict[str, dict | None] = memory.keep({})
"""What takes say they were made from, unpacked, the latest looks last."""


Part = tuple[float, float, str]
"""Of the timeline: first frame, frame after the last, and what it is."""


@dataclass(frozen=True)
class Status:
    """How a head's take stands to what the timeline asks for.

    state: BAKED (up to date), STALE, MISSING (no take) or "" (nothing is asked for, or it cannot be told).
    line: a few words for the panel.
    sentence: what changed, why it cannot be told, or which recording is missing.
    parts: (first frame, frame after the last, BAKED | STALE | MISSING | STRETCHED) of the timeline, the topmost last.
    """

    state: str = ""
    line: str = ""
    sentence: str = ""
    parts: tuple[Part, ...] = ()


def made_from(request: performance.Request) -> str:
    """What a take is made from, compressed, to be kept with it."""
    text = json.dumps(rounded(asked_for(request)), ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def asked_for(request: performance.Request, told: Iterable[str] = ()) -> dict:
    """What a take is made from, in plain data; recordings go by name and content, wherever they lie.

    told: how an earlier take tells its recordings. One that is the same as far as both are known is told the same way:
    takes of earlier versions know the size alone, and of a recording that went missing before the file was ever saved
    nothing is known.
    """
    from emodifftalk.core.performance import to_json

    data, told = to_json(request.performance), frozenset(told)
    for voice, stretch, content in zip(data["voice"], request.spoken, request.contents, strict=True):
        voice["path"] = _as_told(stretch.recording, content, told)
    return data


def _as_told(recording: str, content: str, told: frozenset[str]) -> str:
    whole = f"{recording} {content}"
    if whole in told:
        return whole
    if content:
        by_size = f"{recording} {content.split()[0]}"
        return by_size if by_size in told else whole
    return next((text for text in sorted(told) if text.startswith(whole)), whole)


def rounded(data: Any) -> Any:
    """The same plain data with numbers of six places: less is nothing that could be seen."""
    if isinstance(data, dict):
        return {name: rounded(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [rounded(value) for value in data]
    return round(data, 6) if isinstance(data, float) else data


def _unpacked(text: str) -> dict | None:
    """What `made_from` packed, as a Performance would be written now; None when it says nothing we understand.

    Unpacked once, since it is asked for at every look, and never to more than a Performance can be.
    """
    if text not in _past:
        _past[text] = _read(text)
        while len(_past) > _REMEMBERED:
            del _past[next(iter(_past))]
    return _past[text]


def _read(text: str) -> dict | None:
    from emodifftalk.core.performance import from_json, to_json

    try:
        unpacking = zlib.decompressobj()
        packed = base64.b64decode(text[:_MOST_TEXT], validate=True)
        data = parse_json(unpacking.decompress(packed, _MOST_TEXT))
        return to_json(from_json(data)) if unpacking.eof else None
    except (ValueError, zlib.error, UserError):
        return None


def _compared(before: dict, after: dict, everything: list[str]) -> TakeChanges | None:
    """None when what the take says of itself, in somebody's file, makes no sense."""
    from emodifftalk.core.changes import compare_performances

    try:
        return compare_performances(before, after, everything)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None


def check(head: Object, scene: Scene) -> Status:
    """Look now."""
    from emodifftalk.core.changes import compare_performances
    from emodifftalk.core.ranges import without

    entry = active_take(head)
    try:
        request = performance.build_performance(head, scene, looking=True)
    except UserError as error:
        return Status("", "", str(error) if entry is not None else "", _played(head, scene))
    clock = request.clock
    before = _unpacked(entry.made_from) if entry is not None else None
    after = asked_for(request, [voice["path"] for voice in before["voice"]] if before is not None else ())
    try:
        take = sources.take_of(head)
        other_subject = take is not None and _other_subject(head, take.metadata.get("subject_hash", ""))
    except UserError:
        take, other_subject = None, False  # the panel says so already
    if take is None:
        asked = compare_performances(after, after).asked
        return Status(MISSING, "", "", _on(clock, asked, MISSING))
    changes = _compared(before, after, ["subject"] if other_subject else []) if before is not None else None
    if changes is None:
        unknown = "This take does not say what it was made from: it is of an earlier version, or damaged."
        return Status("", "", unknown, _played(head, scene))
    baked = without([(0.0, changes.duration)], (*changes.missing, *changes.stale))
    kinds = _on(clock, baked, BAKED) + _on(clock, changes.missing, MISSING) + _on(clock, changes.stale, STALE)
    shown = kinds + _stretched(head, scene)
    if not changes.seconds and not changes.changes:
        return Status(BAKED, "Up to date", request.lacking, shown)
    shift = scene_clock(scene, scene.frame_start).seconds(request.anchor.zero_frame)
    sentence = f"{_sentence(changes, clock, shift)} {request.lacking}".strip()
    return Status(STALE, _line(changes, clock.rate, pace.of(entry)), sentence, shown)


def _on(clock: Clock, ranges: Iterable[Range], kind: str) -> tuple[Part, ...]:
    """Ranges, seconds of the Performance, on the timeline."""
    return tuple((clock.frame(start), clock.frame(end), kind) for start, end in ranges)


def _line(changes: TakeChanges, rate: float, known: pace.Pace | None) -> str:
    frames = round(changes.seconds * rate)
    text = f"Stale: {changes.seconds:.1f} s of {changes.duration:.1f} s, {frames} f"
    if known is None:
        return text
    cost = known.estimate(changes)
    return f"{text} · about {clock_text(cost) if cost >= 60 else f'{max(cost, 1):.0f} s'} to make again"


def _sentence(changes: TakeChanges, clock: Clock, shift: float) -> str:
    named = list(dict.fromkeys(_named(change.what, change.start, clock, shift) for change in changes.changes))
    named += [_named("nothing made yet", start, clock, shift) for start, _ in changes.missing]
    if len(named) > _NAMED:
        named = [*named[: _NAMED - 1], f"{len(named) - _NAMED + 1} more"]
    return f"Changed since this take: {', '.join(named)}."


def _named(what: str, start: float | None, clock: Clock, shift: float) -> str:
    return what if start is None else f"{what} at {clock_text(start + shift)} (frame {clock.frame(start):.0f})"


def _stretched(head: Object, scene: Scene) -> tuple[Part, ...]:
    from emodifftalk.core.take import stretches

    values = confidence.confidence_of(head)
    if values is None or not len(values):
        return ()
    frames, shown = take_time.by_frame(values, head, scene)
    return tuple((float(frames[a]), float(frames[b - 1]) + 1, STRETCHED) for a, b in stretches(shown))


def _played(head: Object, scene: Scene) -> tuple[Part, ...]:
    """What plays of a take of which nothing more is known."""
    try:
        take = sources.take_of(head)
    except UserError:
        return ()
    clock = take_time.take_clock(head, scene) if take is not None else None
    if clock is None:
        return ()
    return ((clock.frame(0.0), clock.frame(take.duration), BAKED), *_stretched(head, scene))


_hashes: dict[tuple[str, int, int], str] = memory.keep({})


def _other_subject(head: Object, made_with: str) -> bool:
    """Whether the head's subject file is another than the take was made with."""
    from emodifftalk.core.subject import file_hash

    path = str(absolute(settings(head).subject_path, head))
    key = sources.file_key(path)
    if key not in _hashes:
        _hashes[key] = file_hash(path)
    return bool(made_with) and _hashes[key] != made_with


@dataclass
class _Looking(State):
    """What is known of heads, and who wants to know.

    answers: of the last look, by head (session uid).
    asking: heads somebody wants to know about, and their scenes' names.
    looked, cost: seconds, when the last look was over and how long it took.
    changed: whether something may have changed since.
    """

    answers: dict[int, Status] = field(default_factory=dict)
    asking: dict[int, str] = field(default_factory=dict)
    looked: float = 0.0
    cost: float = 0.0
    changed: bool = True


_looking = memory.keep(_Looking())


def status(head: Object, scene: Scene) -> Status:
    """The answer of the last look; another look is planned when something may have changed since. Cheap."""
    if bpy.app.background:
        return check(head, scene)
    uid = head.session_uid
    if uid not in _looking.answers or _looking.changed or time.monotonic() - _looking.looked > _AGAIN:
        _looking.asking[uid] = scene.name
        pause = max(_PAUSE, _RESTRAINT * _looking.cost) - (time.monotonic() - _looking.looked)
        start_timer(_look, max(pause, 0.01), persistent=False)
    return _looking.answers.get(uid, Status())


def _look() -> float | None:
    if _playing():
        return _PAUSE
    began = time.monotonic()
    wanted, _looking.changed = dict(_looking.asking), False
    _looking.asking.clear()
    news = False
    for uid, name in wanted.items():
        head = present_head(uid)
        scene: Scene | None = bpy.data.scenes.get(name)
        if head is None or scene is None:
            _looking.answers.pop(uid, None)
            continue
        answer = check(head, scene)
        news |= answer != _looking.answers.get(uid)
        _looking.answers[uid] = answer
    _looking.looked = time.monotonic()
    _looking.cost = _looking.looked - began
    if news:
        redraw((*VIEWS, *TIME_EDITORS))
    return None


def _playing() -> bool:
    return bpy.app.is_job_running("RENDER") or is_playing()


@bpy.app.handlers.persistent
def _on_change(scene: Scene | None = None, depsgraph: Depsgraph | None = None) -> None:
    _looking.changed = _looking.changed or not animation.is_stepping()


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    _looking.answers.clear()
    _looking.asking.clear()
    _on_change()


ADDS = Adds(
    handlers=(
        ("depsgraph_update_post", _on_change),
        ("undo_post", _on_change),
        ("redo_post", _on_change),
        ("load_post", _on_load),
    ),
    timers=(_look,),
)
