"""What an animator keyed on a head belongs to the voice's time: it goes where the words go that it lies over.

The head remembers where the voice played when its curves were last laid. Where it plays elsewhere now, the keys move
(`core.relaying`); keys over words that are not played any more and have no room wait in the file until they are played
again. Curves that only show a take, and the confidence, are ours and are written anew elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from bpy.types import Action, Depsgraph, FCurve, Object, Scene

from emodifftalk.core.opening import parse_json
from emodifftalk.core.voice_time import Stretch, from_rows, to_rows

from ..blender import animation, compat
from ..blender.registering import Adds
from ..scene.heads import heads, settings
from ..scene.strips import prompt_strips, strip_scene
from ..timeline.timeline import playing
from . import au_curves, confidence, memory

if TYPE_CHECKING:
    from emodifftalk.core.keyframes import Keys
    from emodifftalk.core.relaying import Layout

_OURS = "emodifftalk."
_MOST_TEXT = 16 << 20
_FLOATS = ("co", "handle_left", "handle_right", "amplitude", "back", "period")
_CODES = ("interpolation", "easing", "handle_left_type", "handle_right_type", "type")
_TRAITS = dict(zip(("co", "handle_left", "handle_right"), (2, 2, 2), strict=True))
"""How many numbers a trait of a key has; one where nothing is said."""


@dataclass
class _Laid:
    """Where the voice played when a head's curves were laid.

    rate: frames per second of the timeline then.
    layout: what lay where, seconds of the timeline.
    digests: of each curve as it was then, by data path.
    hidden: keys that have no room on the timeline, by data path, in seconds from `relaying.OUT_OF_SIGHT` on.
    """

    rate: float
    layout: Layout
    digests: dict[str, str] = field(default_factory=dict)
    hidden: dict[str, Keys] = field(default_factory=dict)


_drawn: dict[int, tuple[_Laid, dict[str, Keys], dict[str, str]]] = memory.keep({})
"""Of heads (by session uid) what was last drawn, all keys in seconds, and the digests of what was made of it since: a
strip that is dragged about and back leaves everything as it was."""


def followed(head: Object) -> Iterator[tuple[FCurve, str]]:
    """The curves of a head that are the animator's own, each with its digest."""
    shown = au_curves.shown(head)
    for curve in compat.fcurves(head):
        path = curve.data_path
        if path.startswith(_OURS) and path != confidence.PATH:
            digest = au_curves.digest(curve)
            if shown.get(path) != digest:
                yield curve, digest


def lay(head: Object, scene: Scene) -> bool:
    """Bring the animator's curves to where the words are now; returns whether they had to move."""
    if not compat.can_animate(head) or not settings(head).hand_follows:
        return False
    found = list(followed(head))
    curves = {curve.data_path: curve for curve, _ in found}
    laid, now = _read(head), _now(head, scene)
    if not curves and (laid is None or not laid.hidden):
        if settings(head).hand_laid:
            settings(head).hand_laid = ""
        return False
    digests = {curve.data_path: digest for curve, digest in found}
    if laid is None:
        _write(head, replace(now, digests=digests))
        return False
    if _same(laid, now):
        if digests != laid.digests:  # somebody has drawn: what counts from now on
            _write(head, replace(laid, digests=digests))
        return False
    _move(head, scene, curves, laid, now, digests)
    return True


def _now(head: Object, scene: Scene) -> _Laid:
    from emodifftalk.core.relaying import Layout

    render = strip_scene(head, scene).render
    return _Laid(render.fps / render.fps_base, Layout(_settled(playing(head, scene))))


def _settled(stretches: tuple[Stretch, ...]) -> tuple[Stretch, ...]:
    """Stretches as they matter here: mute or not is the same, and one that was cut and not moved is in one piece."""
    ordered = sorted((replace(each, heard=True) for each in stretches), key=lambda each: each.start)
    whole = ordered[:1]
    for before, each in pairwise(ordered):
        along = each.recording == before.recording and each.speed == before.speed
        if along and abs(each.start - before.end) < 1e-4 and abs(each.offset - before.used) < 1e-4:
            whole[-1] = replace(whole[-1], duration=each.end - whole[-1].start)
        else:
            whole.append(each)
    return from_rows(to_rows(whole))  # rounded as it is kept, so that equal ones are equal


def _same(laid: _Laid, now: _Laid) -> bool:
    return abs(laid.rate - now.rate) < 1e-6 and laid.layout.playing == now.layout.playing


def _move(
    head: Object, scene: Scene, curves: dict[str, FCurve], laid: _Laid, now: _Laid, digests: dict[str, str]
) -> None:
    from emodifftalk.core.keyframes import between, joined, rearranged
    from emodifftalk.core.relaying import OUT_OF_SIGHT, relaid

    drawn = _drawn.get(head.session_uid)
    if drawn is None or drawn[2] != digests:
        before, drawn_keys = laid, {path: keys_of(curve, laid.rate) for path, curve in curves.items()}
        for path, out_of_sight in laid.hidden.items():
            drawn_keys[path] = joined(drawn_keys[path], out_of_sight) if path in drawn_keys else out_of_sight
    else:
        before, drawn_keys, _ = drawn
    pieces, layout = relaid(before.layout, now.layout.playing, _otherwise(head, scene, before.rate, now.rate))
    hidden: dict[str, Keys] = {}
    written: dict[str, str] = {}
    for path, keys in drawn_keys.items():
        arranged = rearranged(keys, pieces)
        out_of_sight = between(arranged, OUT_OF_SIGHT, np.inf)
        if len(out_of_sight["co"]):
            hidden[path] = out_of_sight
        seen = between(arranged, -np.inf, OUT_OF_SIGHT)
        if len(seen["co"]) or path in curves:
            curve = curves.get(path) or compat.ensure_fcurve(head, path, "EmoDiffTalk")
            set_keys(curve, seen, now.rate)
            written[path] = au_curves.digest(curve)
    _write(head, replace(now, layout=layout, digests=written, hidden=hidden))
    _drawn[head.session_uid] = before, drawn_keys, written


def _otherwise(head: Object, scene: Scene, before: float, now: float) -> float:
    """Without a voice the first prompt stays on its frame, and the curves with it."""
    strips = prompt_strips(head, scene)
    zero = min((compat.left_handle(strip) for strip in strips), default=0.0)
    return zero / now - zero / before


def keys_of(curve: FCurve, rate: float) -> Keys:
    """All there is to the keys of a curve, times in seconds."""
    points, keys = curve.keyframe_points, {}
    for name in (*_FLOATS, *_CODES):
        values = np.empty(len(points) * _TRAITS.get(name, 1), np.float32 if name in _FLOATS else np.int32)
        points.foreach_get(name, values)
        keys[name] = values.astype(np.float64 if name in _FLOATS else np.int64).reshape(len(points), -1)
        if name not in _TRAITS:
            keys[name] = keys[name][:, 0]
    for name in _TRAITS:
        keys[name][:, 0] = keys[name][:, 0] / rate
    return keys


def set_keys(curve: FCurve, keys: Keys, rate: float) -> None:
    """Give a curve these keys and no others."""
    points = curve.keyframe_points
    points.clear()
    points.add(len(keys["co"]))
    for name in (*_CODES, *_FLOATS):
        values = keys[name] * (rate, 1.0) if name in _TRAITS else keys[name]
        points.foreach_set(name, values.ravel().astype(np.float32 if name in _FLOATS else np.int32))
    curve.update()


def _read(head: Object) -> _Laid | None:
    """What the head remembers; None when it remembers nothing that makes sense."""
    from emodifftalk.core.relaying import Layout

    try:
        data: Any = parse_json(settings(head).hand_laid or "null", _MOST_TEXT)
        if data is None:
            return None
        layout = Layout(from_rows(data["playing"]), from_rows(data["unplayed"]))
        hidden = {str(path): _unpacked(keys) for path, keys in data["hidden"].items()}
        digests = {str(path): str(known) for path, known in data["curves"].items()}
        rate = float(data["rate"])
        return _Laid(rate, layout, digests, hidden) if 0 < rate < 1e6 else None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None


def _unpacked(keys: dict[str, list]) -> Keys:
    arrays = {name: np.array(keys[name], np.float64 if name in _FLOATS else np.int64) for name in (*_FLOATS, *_CODES)}
    count = len(arrays["co"])
    shapes = {name: (count, 2) if name in _TRAITS else (count,) for name in arrays}
    if any(arrays[name].shape != shapes[name] or not np.isfinite(arrays[name]).all() for name in arrays):
        raise ValueError("no keys")
    return arrays


def _write(head: Object, laid: _Laid) -> None:
    data = {
        "rate": laid.rate,
        "playing": to_rows(laid.layout.playing),
        "unplayed": to_rows(laid.layout.unplayed),
        "curves": laid.digests,
        "hidden": {
            path: {name: values.tolist() for name, values in keys.items()} for path, keys in laid.hidden.items()
        },
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    if settings(head).hand_laid != text:
        settings(head).hand_laid = text


def lay_all(scene: Scene) -> None:
    """Those of every head of a scene. Curves that heads share, as linked duplicates do, move once: with the first."""
    first: dict[tuple[int, int], Object] = {}
    for head in list(heads(scene)):
        data = head.animation_data
        if head.library is not None or not (settings(head).hand_laid or data is not None):
            continue
        shared = data is not None and data.action is not None and data.action_slot is not None
        mine = (data.action.session_uid, data.action_slot.handle) if shared else (0, head.session_uid)
        other = first.setdefault(mine, head)
        if other == head:
            lay(head, scene)
        elif settings(head).hand_laid != settings(other).hand_laid:
            settings(head).hand_laid = settings(other).hand_laid


@bpy.app.handlers.persistent
def _on_update(scene: Scene, depsgraph: Depsgraph) -> None:
    if animation.is_stepping() or scene.library is not None or bpy.app.is_job_running("RENDER"):
        return
    if any(isinstance(update.id, (Scene, Action)) for update in depsgraph.updates):
        lay_all(scene)


@bpy.app.handlers.persistent
def _on_step(scene: Scene, depsgraph: Depsgraph | None = None) -> None:
    # Undo may have brought back a moment between an edit of the strips and what followed from it.
    lay_all(scene)


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    _drawn.clear()


ADDS = Adds(
    handlers=(
        ("depsgraph_update_post", _on_update),
        ("undo_post", _on_step),
        ("redo_post", _on_step),
        ("load_post", _on_load),
    ),
)
