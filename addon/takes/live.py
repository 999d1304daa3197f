"""Live: after an edit the current frame is shown again first, the take is made again behind, while she keeps working.

`step` looks at what every head is asked for. Where that is no longer what its take was made from, a preview of the
current frame is asked for at once, never more than one at a time, and once the edits have rested, a take. Nothing here
holds on to Blender's data between two steps: undo replaces it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass

import bpy
from bpy.types import Context, Depsgraph, Object, Scene

from emodifftalk.core.errors import UserError

from ..backend import connection
from ..backend.client import DEAD, STARTING
from ..backend.connection import Listener
from ..blender import animation
from ..blender.redraw import is_playing
from ..blender.registering import Adds
from ..blender.state import State
from ..playback import gaussians
from ..scene.heads import absolute, active_take, heads, settings
from . import generate, live_takes, memory, performance, staleness
from .settings import LIVE_SWITCHED, live_settings

REST = 1.0
"""Seconds without an edit after which the take is made again."""
_TICK, _QUICK, _UNASKED = 0.2, 0.02, 0.5
"""Seconds between two steps, while a preview is awaited, and between looks at what nothing seems to have changed."""
_SHARE = 10.0
"""A look that took a while is not repeated before this many times as long: it must not eat up the interface."""
_KEPT = 16
"""Previews of a head that are kept, so that going back and forth shows them at once."""


@dataclass
class LiveState(State):
    """problem: why Live has paused, one sentence.
    changed: whether something may have changed since the last look.
    """

    problem: str = ""
    changed: bool = True


state = memory.keep(LiveState())


@dataclass
class Watched:
    """What is known of a head. asked, made_from: fingerprints of what is asked of it now, and of what its take was made
    from; take: that take's file; obstacle: why it cannot be made again as things are, one sentence.

    edited, looked, cost: seconds, of the last edit, of the last look and of what it took. previewed: what the previews
    that are shown were made from. declined: what she did not want a take of. sent: the number of the preview that is
    awaited and what it is made from. job: the take that Live makes or made last; given_up: it was Live that cancelled.
    """

    take: str = ""
    asked: str = ""
    made_from: str = ""
    request: performance.Request | None = None
    obstacle: str = ""
    edited: float = 0.0
    looked: float = 0.0
    cost: float = 0.0
    declined: str = ""
    previewed: str = ""
    sent: tuple[int, str] | None = None
    job: generate.Job | None = None
    given_up: bool = False

    @property
    def stale(self) -> bool:
        """Whether the take is not what is asked for."""
        return self.asked != self.made_from


_watched: dict[int, Watched] = memory.keep({})
_made: dict[str, str] = memory.keep({})
"""What takes were made from, by file, of those that played in this session."""


def fingerprint(request: performance.Request) -> str:
    """Differs between two requests whose takes look different."""
    data = staleness.rounded(staleness.asked_for(request))
    for prompt in data["prompts"]:
        prompt.pop("id")
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def watched(head: Object) -> Watched | None:
    """What is known of a head; None before the first look and without a take."""
    return _watched.get(head.session_uid)


def awaiting() -> bool:
    """Whether a preview has been asked for."""
    return any(known.sent is not None for known in _watched.values())


def step() -> None:
    """Look, ask, show. Does nothing while the scene plays or is rendered."""
    if awaiting():
        connection.pump()
    if not live_settings().on or state.problem or is_playing() or bpy.app.is_job_running("RENDER"):
        return
    context, changed, now, seen = bpy.context, state.changed, time.monotonic(), set()
    for head in list(heads(context.scene)):
        if active_take(head) is None or head.library is not None:
            continue
        seen.add(head.session_uid)
        known = _watched.setdefault(head.session_uid, Watched())
        _settle(known)
        due = now - known.looked > (_SHARE * known.cost if changed else _UNASKED)
        if due or _file(head) != known.take:
            state.changed = False
            _look(known, head, context.scene)
        if not state.problem:
            _act(known, head, context)
    for uid in set(_watched) - seen:
        _rest(uid, _watched.pop(uid))


def _look(known: Watched, head: Object, scene: Scene) -> None:
    """Find out what is asked of a head, and what its take was made from."""
    began, worked = time.monotonic(), time.thread_time()
    try:
        known.request, known.obstacle = performance.build_performance(head, scene, looking=True), ""
        asked = fingerprint(known.request)
    except UserError as error:
        known.request, known.obstacle, known.looked = None, str(error), began
        return
    edited = bool(known.asked) and asked != known.asked
    take = _file(head)
    if take != known.take:
        known.take, known.made_from = take, _origin(head, take, asked, edited)
        _give_up(known)
    if known.asked != asked:
        known.asked, known.edited = asked, began
        _give_up(known)
    known.looked, known.cost = time.monotonic(), time.thread_time() - worked


def _file(head: Object) -> str:
    return str(absolute(active_take(head).path, head))


def _origin(head: Object, take: str, asked: str, edited: bool) -> str:
    """What the take that plays from now on was made from.

    One that was just made says so. One that undo brings back, together with its prompts, is remembered. One that she
    chose to look at is left alone until the next edit, and so is one that was there when the file was opened.
    """
    job = generate.job_of(head)
    if job is not None and not job.running and str(job.path) == take:
        _made[take] = fingerprint(job.request)
        return _made[take]
    if settings(head).takes[settings(head).active_take].live and not os.path.isfile(take):
        return ""  # undo brought back one that has been replaced
    return _made.get(take, asked) if edited else asked


def _settle(known: Watched) -> None:
    """Take over what was made, or notice that it was not."""
    job = known.job
    if job is None or job.running:
        return
    known.job = None
    if job.result and not known.given_up:
        generate.land(job)
        live_takes.finished(job.path, fingerprint(job.request))
    elif not job.problem and not known.given_up:
        known.declined = known.asked  # she pressed Cancel
    if job.problem:
        pause(job.problem)


def _act(known: Watched, head: Object, context: Context) -> None:
    """Ask for what is missing, or rest."""
    if known.stale and known.request is not None:
        known.obstacle = connection.unavailable_reason()
        if connection.client.state == DEAD and not known.obstacle:
            pause(f"{connection.client.problem} Press Resume Live to start it again.")
            return
    if not known.stale or known.obstacle:
        _rest(head.session_uid, known)
        return
    _made.setdefault(known.take, known.made_from)
    try:
        frame = round(context.scene.frame_current_final, 3)
        shown = known.previewed == known.asked and frame in gaussians.previews.get(head.session_uid, {})
        if known.sent is None and not shown:
            _ask(known, head, context.scene, frame)
        elif known.sent is not None and known.sent[1] != known.asked:
            connection.cancel(known.sent[0])
        _catch_up(known, head, context)
    except UserError as error:
        pause(str(error))


def _ask(known: Watched, head: Object, scene: Scene, frame: float) -> None:
    """Ask for a preview of a frame. Raises UserError when the backend cannot be started."""
    from emodifftalk.core.performance import to_json

    uid, asked, request = head.session_uid, known.asked, performance.build_performance(head, scene)
    params = {
        "subject": str(absolute(settings(head).subject_path, head)),
        "performance": to_json(request.performance),
        "seconds": request.clock.seconds(frame),
        "previous": known.take,
    }

    def done(result: dict) -> None:
        known.sent = None
        if (
            _watched.get(uid) is known
            and known.asked == asked
            and known.stale
            and live_settings().on
            and not state.problem
        ):
            _show(uid, known, frame, result)

    def ended(sentence: str = "") -> None:
        known.sent = None
        if sentence:
            pause(sentence)

    listener = Listener(done=done, failed=ended, cancelled=ended)
    known.sent = connection.request("preview", params, listener), asked
    soon()


def _show(uid: int, known: Watched, frame: float, result: dict) -> None:
    from emodifftalk.core.take import TakeFrame

    if known.previewed != known.asked:
        gaussians.previews.pop(uid, None)
        known.previewed = known.asked
    kept = gaussians.previews.setdefault(uid, {})
    kept[frame] = TakeFrame(**result["arrays"])
    while len(kept) > _KEPT:
        kept.pop(next(iter(kept)))
    _refresh()


def _catch_up(known: Watched, head: Object, context: Context) -> None:
    """Make the take again behind her back once the edits rest. Raises UserError when that cannot begin."""
    again = live_takes.at_hand(known.asked)
    if again is not None:  # undo and redo come by here
        generate.add_take(head, again, known.request, live=True)
        return
    other = generate.job_of(head)
    idle = known.sent is None and (other is None or not other.running)
    if idle and known.declined != known.asked and time.monotonic() - known.edited > REST:
        known.job, known.given_up = generate.start_job(head, context, live=True), False
        live_takes.begun(known.job.path)


def _give_up(known: Watched) -> None:
    """Let go of the take in the making: it is no longer what is asked for."""
    if known.job is not None and known.job.running and not known.given_up:
        known.given_up = True
        connection.cancel(known.job.number)


def _rest(uid: int, known: Watched) -> None:
    """Show the take."""
    _give_up(known)
    if known.sent is not None:
        connection.cancel(known.sent[0])
    known.previewed, known.declined = "", ""
    if gaussians.previews.pop(uid, None) is not None:
        _refresh()


def pause(sentence: str) -> None:
    """Stop until she asks to go on, and say why. The takes are shown as they are, nothing is lost."""
    state.problem = sentence
    stop()


def resume() -> None:
    """Go on after a pause, or after having been switched on."""
    state.problem, state.changed = "", True
    for known in _watched.values():
        known.declined = ""
    if connection.client.state == DEAD:
        try:
            connection.start()
        except UserError as error:
            state.problem = str(error)
    soon()


def stop() -> None:
    """Let go of everything that is being made, and show the takes."""
    for uid, known in _watched.items():
        _rest(uid, known)
    _refresh()


def status(head: Object) -> tuple[str, str]:
    """What Live is doing about a head, in a few words, and an icon."""
    known, shown = watched(head), gaussians.preview_of(head, bpy.context.scene) is not None
    if known is None or not live_settings().on:
        return "", "NONE"
    if known.obstacle:
        return known.obstacle, "INFO"
    if not known.stale:
        if staleness.status(head, bpy.context.scene).state == staleness.STALE:  # opened or chosen as it is
            return "This take stays as it is until the next edit", "INFO"
        return "The take is up to date", "CHECKMARK"
    if connection.client.state == STARTING:
        return "Starting the backend", "SORTTIME"
    if known.job is not None and known.job.running:
        return f"Preview; the take follows, {known.job.fraction:.0%}", "SORTTIME"
    if known.declined == known.asked:
        return "Preview; the take is out of date", "INFO"
    return ("Preview of this frame" if shown else "Looking at this frame"), "SORTTIME"


def soon() -> None:
    """Step as soon as Blender has a moment."""
    if not bpy.app.background and not bpy.app.timers.is_registered(_at_once):
        bpy.app.timers.register(_at_once, first_interval=0.0)


def _at_once() -> float | None:
    step()
    return _QUICK if awaiting() else None


def _tick() -> float:
    step()
    return _TICK


def _refresh() -> None:
    gaussians.refresh(bpy.context.scene)
    connection.redraw_panels()


@bpy.app.handlers.persistent
def _on_change(scene: Scene, depsgraph: Depsgraph | None = None) -> None:
    if not animation.is_stepping():
        state.changed = True
        if live_settings().on and not state.problem and not is_playing():
            soon()


@bpy.app.handlers.persistent
def _on_frame(scene: Scene, depsgraph: Depsgraph | None = None) -> None:
    if is_playing():
        gaussians.previews.clear()  # a frame that is right among many that are not yet would flash
    elif any(known.stale for known in _watched.values()):
        soon()


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    _watched.clear()
    _made.clear()
    state.problem, state.changed = "", True


def _switched(on: bool) -> None:
    if on:
        resume()
    else:
        stop()


def _begin() -> None:
    if not bpy.app.background:
        bpy.app.timers.register(_tick, first_interval=_TICK, persistent=True)


ADDS = Adds(
    handlers=(
        ("depsgraph_update_post", _on_change),
        ("undo_post", _on_change),
        ("redo_post", _on_change),
        ("frame_change_post", _on_frame),
        ("load_pre", _on_load),
    ),
    listens=((LIVE_SWITCHED, _switched),),
    timers=(_tick, _at_once),
    begin=_begin,
)
