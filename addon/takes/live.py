"""Live: after an edit the current frame is shown again at once, and the take is made again behind while work goes on.

`step` has a look at every head (`live_heads`). Where what is asked of it is no longer what its take was made from, a
preview of the current frame is asked for at once, never more than one at a time, and a take once the edits pause.
Nothing here holds on to Blender's data between two steps: undo replaces it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import bpy
from bpy.types import Context, Depsgraph, Object, Scene

from emodifftalk.core.errors import UserError

from ..backend import connection, trust
from ..backend.client import DEAD, STARTING
from ..backend.connection import Listener
from ..blender import animation
from ..blender.guarding import start_timer
from ..blender.redraw import is_playing
from ..blender.registering import Adds
from ..blender.state import State
from ..playback import gaussians
from ..scene.heads import absolute, active_take, heads, settings
from . import generate, live_heads, live_takes, memory, performance, staleness
from .live_heads import LiveHead, fingerprint, known_heads
from .settings import LIVE_SWITCHED, live_settings

UNTOUCHED = 1.0
"""Seconds without an edit after which the take is made again."""
_TICK, _QUICK, _UNASKED = 0.2, 0.02, 0.5
"""Seconds between two steps, while a preview is awaited, and between looks at what nothing seems to have changed."""
_SHARE = 10.0
"""A look that took a while is not repeated before this many times as long: it must not eat up the interface."""
_PREVIEWS = 16
"""So many of a head stay, so that going back and forth shows them at once."""
OPENED = "This take stays as it is until the next edit"
CURRENT = "The take is up to date"
STARTS = "Starting the backend"
DECLINED = "Preview; the take is out of date"
SHOWN = "Preview of this frame"
LOOKING = "Looking at this frame"
"""What Live says about a head, beside obstacles and how far a take is."""


@dataclass
class LiveState(State):
    """What Live is up to.

    problem: why Live has paused, one sentence.
    changed: whether something may have changed since the last look.
    """

    problem: str = ""
    changed: bool = True


state = memory.keep(LiveState())


def awaiting() -> bool:
    """Whether a preview has been asked for."""
    return any(known.sent is not None for known in known_heads.values())


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
        known = known_heads.setdefault(head.session_uid, LiveHead())
        _settle(known)
        due = now - known.looked > (_SHARE * known.cost if changed else _UNASKED)
        if due or live_heads.take_file(head) != known.take:
            state.changed = False
            if live_heads.look(known, head, context.scene):
                _give_up(known)
        if not state.problem:
            _act(known, head, context)
    for uid in set(known_heads) - seen:
        _show_take(uid, known_heads.pop(uid))


def _settle(known: LiveHead) -> None:
    """Take over what was made, or notice that it was not."""
    job = known.job
    if job is None or job.running:
        return
    known.job = None
    if job.result and not known.given_up:
        generate.land(job)
        live_takes.finished(job.path, fingerprint(job.request))
    elif not job.problem and not known.given_up:
        known.declined = known.asked  # the animator pressed Cancel
    if job.problem:
        pause(job.problem)


def _act(known: LiveHead, head: Object, context: Context) -> None:
    """Ask for what is missing, or show the take."""
    if known.stale and known.request is not None:
        known.obstacle = connection.why_not_by_itself()
        if connection.client.state == DEAD and not known.obstacle:
            pause(f"{connection.client.problem} Press Resume Live to start it again.")
            return
    if not known.stale or known.obstacle:
        _show_take(head.session_uid, known)
        return
    live_heads.remember(known)
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


def _ask(known: LiveHead, head: Object, scene: Scene, frame: float) -> None:
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
            known_heads.get(uid) is known
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
    known.sent = connection.request("preview", params, listener, by_itself=True), asked
    soon()


def _show(uid: int, known: LiveHead, frame: float, result: dict) -> None:
    from emodifftalk.core.take import TakeFrame

    if known.previewed != known.asked:
        gaussians.previews.pop(uid, None)
        known.previewed = known.asked
    previews = gaussians.previews.setdefault(uid, {})
    previews[frame] = TakeFrame(**result["arrays"])
    while len(previews) > _PREVIEWS:
        previews.pop(next(iter(previews)))
    _refresh()


def _catch_up(known: LiveHead, head: Object, context: Context) -> None:
    """Make the take again once the edits pause. Raises UserError when that cannot begin."""
    again = live_takes.at_hand(known.asked)
    if again is not None:  # undo and redo come by here
        generate.add_take(head, again, known.request, live=True)
        return
    other = generate.job_of(head)
    idle = known.sent is None and (other is None or not other.running)
    if idle and known.declined != known.asked and time.monotonic() - known.edited > UNTOUCHED:
        known.job, known.given_up = generate.start_job(head, context, live=True), False
        live_takes.begun(known.job.path)


def _give_up(known: LiveHead) -> None:
    """Let go of the take in the making: it is no longer what is asked for."""
    if known.job is not None and known.job.running and not known.given_up:
        known.given_up = True
        connection.cancel(known.job.number)


def _show_take(uid: int, known: LiveHead) -> None:
    """Show the take, and await nothing else."""
    _give_up(known)
    if known.sent is not None:
        connection.cancel(known.sent[0])
    known.previewed, known.declined = "", ""
    if gaussians.previews.pop(uid, None) is not None:
        _refresh()


def pause(sentence: str) -> None:
    """Stop until the animator asks to go on, and say why. The takes are shown as they are, nothing is lost."""
    state.problem = sentence
    stop()


def resume() -> None:
    """Go on after a pause, or after having been switched on: a press."""
    trust.give()
    state.problem, state.changed = "", True
    for known in known_heads.values():
        known.declined = ""
    if connection.client.state == DEAD:
        try:
            connection.start()
        except UserError as error:
            state.problem = str(error)
    soon()


def stop() -> None:
    """Let go of everything that is being made, and show the takes."""
    for uid, known in known_heads.items():
        _show_take(uid, known)
    _refresh()


def status(head: Object) -> tuple[str, str]:
    """What Live is doing about a head, in a few words, and an icon."""
    known, shown = live_heads.of(head), gaussians.preview_of(head, bpy.context.scene) is not None
    if known is None or not live_settings().on:
        return "", "NONE"
    if known.obstacle:
        return known.obstacle, "INFO"
    if not known.stale:
        if staleness.status(head, bpy.context.scene).state == staleness.STALE:  # opened or chosen as it is
            return OPENED, "INFO"
        return CURRENT, "CHECKMARK"
    if connection.client.state == STARTING:
        return STARTS, "SORTTIME"
    if known.job is not None and known.job.running:
        return f"Preview; the take follows, {known.job.fraction:.0%}", "SORTTIME"
    if known.declined == known.asked:
        return DECLINED, "INFO"
    return (SHOWN if shown else LOOKING), "SORTTIME"


def soon() -> None:
    """Step as soon as Blender has a moment."""
    start_timer(_at_once, 0.0, persistent=False)


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
    elif any(known.stale for known in known_heads.values()):
        soon()


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    live_heads.forget()
    state.problem, state.changed = "", True


def _switched(on: bool) -> None:
    if on:
        resume()
    else:
        stop()


def _begin() -> None:
    start_timer(_tick, _TICK)


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
