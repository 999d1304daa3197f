"""How long this machine takes to make a take, learned from the takes it has made."""

from __future__ import annotations

import json
from dataclasses import asdict, astuple, dataclass
from typing import TYPE_CHECKING, Any

from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import read_json
from emodifftalk.core.whole_file import whole_file

from ..blender.state import State
from ..scene.heads import user_folder
from . import memory

if TYPE_CHECKING:
    from emodifftalk.core.changes import TakeChanges

_FILE = "pace.json"
_MOST_BYTES = 10_000


@dataclass(frozen=True)
class Pace:
    """How long things take, in seconds.

    listening: to hear the voice of a frame.
    moving: to move and shade a frame.
    beside: what comes on top of each take.
    """

    listening: float
    moving: float
    beside: float

    def estimate(self, changes: TakeChanges) -> float:
        """Seconds for generating again after `changes`."""
        heard = changes.frames * self.listening if changes.heard_anew else 0.0
        return self.beside + heard + changes.made_again * self.moving


@dataclass
class _Learned(State):
    """What this machine has shown.

    pace: None before the first take.
    """

    pace: Pace | None = None


_learned = memory.keep(_Learned())


def learn(result: dict, seconds: float) -> Pace | None:
    """Learn from the backend's report of a take that it was busy with for `seconds`; None when it says too little."""
    stages, frames, made = result.get("stages", {}), result.get("frames", 0), result.get("recomputed", 0)
    if not stages or not frames:
        return None
    before = known()
    work = {name: float(stages.get(name, 0.0)) for name in ("speech", "motion", "appearance")}
    whole = made == frames  # only then was the voice surely listened to
    listening = work["speech"] / frames if whole or before is None else before.listening
    moving = (work["motion"] + work["appearance"]) / made if made else (before.moving if before else 0.0)
    beside = max(seconds - sum(work.values()), 0.0)
    # A first take also waits for models to be read: the next one does not.
    pace = Pace(listening, moving, beside if before is None else min(beside, before.beside))
    _keep(pace)
    return pace


def _keep(pace: Pace) -> None:
    _learned.pace = pace
    try:
        with whole_file(user_folder("pace") / _FILE) as stream:
            stream.write(json.dumps(asdict(pace)).encode())
    except OSError:
        pass  # then it is known until Blender ends


def known() -> Pace | None:
    """What has been learned on this machine; None before the first take."""
    if _learned.pace is None:
        try:
            _learned.pace = _checked(Pace(**read_json(user_folder("pace") / _FILE, _MOST_BYTES)))
        except (UserError, ValueError, TypeError):
            pass  # nothing learned yet, or the file is damaged
    return _learned.pace


def _checked(pace: Pace) -> Pace:
    """Raises ValueError when these are no times."""
    if not all(type(value) in (int, float) and 0 <= value < 1e6 for value in astuple(pace)):
        raise ValueError("no times")
    return pace


def of(entry: Any) -> Pace | None:
    """This machine's pace, else the one at which a take (a `properties.HeadTake`) was made elsewhere, if it says."""
    return known() or (Pace(*entry.pace) if any(entry.pace) else None)


def write(entry: Any, pace: Pace | None) -> None:
    """Note in a take (a `properties.HeadTake`) how fast it was made."""
    if pace is not None:
        entry.pace = astuple(pace)


def forget() -> None:
    """Forget it; the file stays."""
    _learned.clear()
