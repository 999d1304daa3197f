"""Generate: the timeline goes to the backend, a take comes back. Blender stays responsive; background mode waits."""

from __future__ import annotations

import time
from pathlib import Path

import bpy
from bpy.types import Context, Object, Operator, PropertyGroup

from emodifftalk.core import voice_time
from emodifftalk.core.errors import UserError

from ..backend import connection
from ..backend.client import STARTING
from ..backend.connection import Listener
from ..blender.operators import Explained
from ..blender.registering import Adds
from ..blender.status_bar import show_status
from ..blender.undo import push_undo
from ..playback import sources
from ..scene.heads import (
    absolute,
    active_head,
    active_take,
    new_take_path,
    no_head_reason,
    portable,
    present_head,
    settings,
)
from ..scene.strips import prompt_strips, strip_settings
from ..timeline.reading import read_prompt
from . import memory, pace, performance, staleness, waiting
from .job import Job

jobs: dict[int, Job] = memory.keep({})
"""The last job of every head, by session uid."""


def job_of(head: Object) -> Job | None:
    """The last job of a head in this session."""
    return jobs.get(head.session_uid)


def start_job(head: Object, context: Context, live: bool = False) -> Job:
    """Build the Performance and send it off; what Live was making of this head meanwhile is given up.

    live: the take replaces the last one Live made. Raises UserError when it is not possible; nothing has changed then.
    """
    from emodifftalk.core.performance import to_json

    head_settings, before = settings(head), job_of(head)
    sources.subject_of(head)  # a missing or damaged subject is said now, not after the voice has been heard
    job = Job(head.session_uid, performance.build_performance(head, context.scene), new_take_path(head, live), live)
    if before is not None and before.running:
        connection.cancel(before.number)
    _read_prompts(head, context, by_itself=live)
    params = {
        "subject": str(absolute(head_settings.subject_path, head)),
        "performance": to_json(job.request.performance),
        "out": str(job.path),
        "compact": not head_settings.whole_takes,
    }
    if (previous := active_take(head)) is not None:
        params["previous"] = str(absolute(previous.path, head))
    listener = Listener(
        done=lambda result: _finished(job, result),
        failed=lambda sentence: _failed(job, sentence),
        cancelled=lambda: _failed(job, ""),
        progress=lambda fraction, text: _progressed(job, fraction, text),
    )
    job.number = connection.request("drive", params, listener, by_itself=live)
    jobs[job.head_uid] = job
    connection.redraw_panels()
    return job


def job_text(job: Job) -> str:
    """What a running job is doing, in a few words."""
    if connection.client.state == STARTING:
        return "Starting the backend"
    return job.text or "Waiting"


def _progressed(job: Job, fraction: float, text: str) -> None:
    job.fraction, job.text = fraction, text or job.text
    job.heard_of = job.heard_of or time.monotonic()
    if bpy.app.background:
        line = f"{job.text} {int(fraction * 10) * 10} %"
        if line != job.reported:
            job.reported = line
            print(f"EmoDiffTalk: {line}", flush=True)
    else:
        if not job.live:
            show_status(f"EmoDiffTalk: {job.text} {fraction:.0%}")
        connection.redraw_panels()


def _finished(job: Job, result: dict) -> None:
    job.running, job.fraction, job.result, job.ended = False, 1.0, result, time.monotonic()
    show_status(None)
    if not job.live:  # Live takes over what it wanted when the moment is right
        land(job)
    connection.redraw_panels()


def land(job: Job) -> None:
    """List what a job has made on its head, as a step to undo unless Live made it; a problem is the job's.

    A head that was deleted meanwhile is left alone: a step in which nothing visible changes would stand between the
    animator and the head. Its take waits for it, unless Live made it, who makes another.
    """
    head = present_head(job.head_uid)
    if head is None:
        if not job.live:
            waiting.keep(job)
        return
    try:
        list_take(head, job)
    except UserError as error:
        job.problem = str(error)
        return
    # Live's takes are no steps of their own: undo goes from edit to edit.
    if not job.live:
        push_undo("EmoDiffTalk Take")


def list_take(head: Object, job: Job) -> None:
    """List what a job has made on a head, with what it took. Raises UserError when the take cannot be read."""
    entry = add_take(head, job.path, job.request, _note(job.result, job.seconds), job.live)
    # Without the start of the backend: the next take does not wait for it.
    pace.write(entry, pace.learn(job.result, job.ended - (job.heard_of or job.started)))


def _failed(job: Job, sentence: str) -> None:
    job.running, job.problem = False, sentence
    show_status(None)
    connection.redraw_panels()


def add_take(
    head: Object, path: Path, request: performance.Request, note: str = "", live: bool = False
) -> PropertyGroup:
    """List a take on its head, make it the one that plays, and show it; returns its entry. Raises UserError when it
    cannot be read.

    live: in the place of the last take that Live made.
    """
    from emodifftalk.core.take import load_take

    take, head_settings = load_take(path), settings(head)
    entry = next((entry for entry in head_settings.takes if live and entry.live), None) or head_settings.takes.add()
    entry.name, entry.live = path.stem, live
    entry.frames, entry.seed, entry.note = take.frames, request.performance.seed, note
    anchor = request.anchor
    entry.anchor_uid, entry.anchor_offset, entry.zero_frame = anchor.uid, anchor.offset, anchor.zero_frame
    entry.spoken, entry.made_from = voice_time.to_text(request.spoken), staleness.made_from(request)
    entry.path = portable(path)
    head_settings.active_take = next(i for i, other in enumerate(head_settings.takes) if other == entry)
    return entry


def _note(result: dict, seconds: float) -> str:
    models = result.get("models", {})
    named = [str(models[role]) for role in ("motion", "front_end", "text_encoder") if role in models]
    reused = result.get("frames", 0) - result.get("recomputed", result.get("frames", 0))
    if reused:
        named.append(f"{reused} of {result['frames']} frames as they were")
    sentences = [", ".join([f"made in {seconds:.1f} s", *named])]
    if why := result.get("note"):
        sentences[0] += "."
        sentences.append(f"{why[0].upper()}{why[1:].rstrip('.')}.")
    return " ".join([*sentences, *result.get("unread", [])])


def _read_prompts(head: Object, context: Context, by_itself: bool) -> None:
    for strip in prompt_strips(head, context.scene):
        if not strip_settings(strip).by_hand:
            read_prompt(strip, by_itself)


class EMODIFFTALK_OT_generate(Explained, Operator):
    """Perform the voice and the emotion prompts with this head and keep the result as a new take"""

    bl_idname = "emodifftalk.generate"
    bl_label = "Generate"
    bl_options = {"REGISTER"}

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a head that has something to do, a backend, and no job of this head running."""
        return why_not(context)

    def execute(self, context: Context) -> set[str]:
        """Send the job off; in background mode wait for it."""
        head = active_head(context)
        try:
            job = start_job(head, context)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not bpy.app.background:
            return {"FINISHED"}
        connection.wait(job.number)
        if job.problem:
            self.report({"ERROR"}, job.problem)
        return {"FINISHED"} if job.fraction == 1.0 and not job.problem and not job.running else {"CANCELLED"}


def why_not(context: Context) -> str:
    """Why Generate is greyed out; empty when it is not."""
    head = active_head(context)
    if head is None:
        return no_head_reason(context)
    job = job_of(head)
    if job is not None and job.running and not job.live:
        return "This head is being generated: wait or cancel"
    if head.library is not None:
        return "This head is linked from another file: make a library override or generate there"
    head_settings = settings(head)
    if not head_settings.voice_uid and not prompt_strips(head, context.scene):
        return "Choose a voice or add an emotion prompt first"
    return connection.unavailable_reason()


class EMODIFFTALK_OT_cancel(Explained, Operator):
    """Stop making this take; nothing is kept of it"""

    bl_idname = "emodifftalk.cancel"
    bl_label = "Cancel"

    @classmethod
    def why_not(cls, context: Context) -> str:
        """While this head is being generated."""
        head = active_head(context)
        job = job_of(head) if head is not None else None
        return "" if job is not None and job.running else "Nothing is being generated"

    def execute(self, context: Context) -> set[str]:
        """Ask the backend to let go."""
        job = job_of(active_head(context))
        job.text = "Cancelling"
        connection.cancel(job.number)
        return {"FINISHED"}


class EMODIFFTALK_OT_restart_backend(Explained, Operator):
    """Start the backend, or end it and start it afresh"""

    bl_idname = "emodifftalk.restart_backend"
    bl_label = "Restart"

    @classmethod
    def why_not(cls, context: Context) -> str:
        """When its Python is known."""
        return connection.unavailable_reason()

    def execute(self, context: Context) -> set[str]:
        """Restart it."""
        try:
            connection.restart()
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    # Another file was opened: its heads are others, and nobody waits for these takes any more.
    for job in jobs.values():
        if job.running:
            connection.cancel(job.number)
    jobs.clear()
    waiting.forget()


_CLASSES = (
    EMODIFFTALK_OT_generate,
    EMODIFFTALK_OT_cancel,
    EMODIFFTALK_OT_restart_backend,
)

ADDS = Adds(classes=_CLASSES, handlers=(("load_pre", _on_load),))
