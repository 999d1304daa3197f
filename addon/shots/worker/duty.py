"""What a background Blender does for the shot queue, one thing after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from emodifftalk.core.errors import UserError
from emodifftalk.core.take import STRETCHED
from emodifftalk.shots.journal import append

from .movie import make_movie
from .opened import OpenShot, open_shot
from .pictures import DiskFull, render_picture

Say = Callable[..., None]


def serve(hear: Callable[[], dict], say: Say) -> None:
    """Do what `hear` returns until it says "end"; `say(event, …)` answers each with "did" or "missed"."""
    shot: OpenShot | None = None
    while (message := hear())["do"] != "end":
        began = time.monotonic()
        try:
            if message["do"] == "open":
                shot = open_shot(message)
                answer = {"frames": [shot.scene.frame_start, shot.scene.frame_end], "notes": shot.notes}
            elif message["do"] == "frame":
                answer = _frame(shot, message)
            else:
                notes = make_movie(shot.scene, message["first"], message["pictures"], Path(message["path"]))
                answer = {"notes": notes}
        except (UserError, OSError, RuntimeError) as error:
            # What a file lacks it lacks the next time too.
            hopeless = isinstance(error, DiskFull) or (message["do"] == "open" and isinstance(error, UserError))
            say("missed", text=_sentence(error), hopeless=hopeless)
            continue
        say("did", seconds=round(time.monotonic() - began, 3), **answer)


def _frame(shot: OpenShot, message: dict) -> dict:
    frame, journal, began = message["frame"], shot.journal, time.monotonic()
    append(journal, {"event": "began frame", "frame": frame})
    render_picture(shot.scene, frame, Path(message["path"]))
    seconds, confidence = round(time.monotonic() - began, 3), shot.confidence()
    append(journal, {"event": "frame", "frame": frame, "seconds": seconds, "confidence": confidence})
    return {"stretched": confidence is not None and confidence < STRETCHED}


def _sentence(error: Exception) -> str:
    return " ".join(str(error).strip().removeprefix("Error: ").split())
