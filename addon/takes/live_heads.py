"""What Live knows of every head: what is asked of it now, and what its take was made from.

Nothing here holds on to Blender's data between two looks: undo replaces it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import dataclass

from bpy.types import Object, Scene

from emodifftalk.core.errors import UserError

from ..scene.heads import absolute, active_take
from . import generate, memory, performance, staleness
from .job import Job


@dataclass
class LiveHead:
    """A head as Live knows it.

    take: the file of its take.
    asked, made_from: fingerprints of what is asked of it now, and of what that take was made from.
    request: what is asked of it now; None when that cannot be performed.
    obstacle: why the take cannot be made again as things are, one sentence.
    edited, looked: seconds, when it was last edited and last looked at.
    cost: seconds that the last look took.
    declined: fingerprint of what the animator did not want a take of.
    previewed: fingerprint of what the previews that are shown were made from.
    sent: number of the preview that is awaited, and the fingerprint of what it is made from.
    job: the take that Live makes or made last.
    given_up: it was Live that cancelled it.
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
    job: Job | None = None
    given_up: bool = False

    @property
    def stale(self) -> bool:
        """Whether the take is not what is asked for."""
        return self.asked != self.made_from


known_heads: dict[int, LiveHead] = memory.keep({})
"""By session uid, those with a take that have been looked at."""
_made: dict[str, str] = memory.keep({})
"""What takes were made from, by file, of those that played in this session."""


def of(head: Object) -> LiveHead | None:
    """What is known of a head; None before the first look and without a take."""
    return known_heads.get(head.session_uid)


def fingerprint(request: performance.Request) -> str:
    """Differs between two requests whose takes look different."""
    data = staleness.rounded(staleness.asked_for(request))
    for prompt in data["prompts"]:
        prompt.pop("id")
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def look(known: LiveHead, head: Object, scene: Scene) -> bool:
    """Find out what is asked of a head, and what its take was made from; returns whether one of them is new."""
    began, worked = time.monotonic(), time.thread_time()
    try:
        known.request, known.obstacle = performance.build_performance(head, scene, looking=True), ""
        asked = fingerprint(known.request)
        if known.request.lacking:
            raise UserError(known.request.lacking)
    except UserError as error:
        known.request, known.obstacle, known.looked = None, str(error), began
        return False
    edited = bool(known.asked) and asked != known.asked
    take = take_file(head)
    another = take != known.take
    if another:
        known.take, known.made_from = take, _origin(head, take, asked, edited)
    anew = known.asked != asked
    if anew:
        known.asked, known.edited = asked, began
    known.looked, known.cost = time.monotonic(), time.thread_time() - worked
    return another or anew


def take_file(head: Object) -> str:
    """The file of the take that a head plays."""
    return str(absolute(active_take(head).path, head))


def _origin(head: Object, take: str, asked: str, edited: bool) -> str:
    """What the take that plays from now on was made from.

    One that was just made says so. One that undo brings back, together with its prompts, is remembered. One that the
    animator chose to look at is left alone until the next edit, and so is one that was there when the file was opened.
    """
    job = generate.job_of(head)
    if job is not None and not job.running and str(job.path) == take:
        _made[take] = fingerprint(job.request)
        return _made[take]
    if active_take(head).live and not os.path.isfile(take):
        return ""  # undo brought back one that has been replaced
    return _made.get(take, asked) if edited else asked


def remember(known: LiveHead) -> None:
    """Remember what the take of a head was made from, should undo bring it back."""
    _made.setdefault(known.take, known.made_from)


def forget() -> None:
    """Know nothing: another file is opened."""
    known_heads.clear()
    _made.clear()
