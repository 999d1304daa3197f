"""Subject + Performance → Take: the whole road of the paper, one stage after the other.

voice → speech features and AU codes (3.2) → emotion edit (3.3, Equation 7) → facial point offsets by diffusion
(Equation 4) → rotation and opacity per Gaussian (Equations 5, 6) → one take file.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import __version__
from ..core.performance import Performance
from ..core.watch import UNWATCHED, Watch
from ..emotion.track import emotional_track, redrawn
from ..motion.retarget import motion_for
from ..speech.one_thread import one_thread
from .hearing import Heard, hear
from .ready_subject import ready_subject
from .reuse import Earlier, inputs_hash, motion_hash
from .take_frames import Frames, write_frames

_SHARES = {"speech": 0.15, "emotion": 0.1, "motion": 0.25, "appearance": 0.5}


@dataclass(frozen=True)
class PerformSettings:
    """Which models perform.

    front_end: `auto|embedded|hubert`.
    text_encoder: `auto|embedded|openclip`.
    motion: `diffusion|gru|no_codes`, the last two are ablations.
    steps: of DDIM sampling.
    """

    front_end: str = "auto"
    text_encoder: str = "auto"
    motion: str = "diffusion"
    steps: int = 10


@dataclass(frozen=True)
class TakeReport:
    """What was done.

    take: where the take lies.
    frames: how many it has.
    stages: seconds of wall time of each.
    models: the models' own names.
    recomputed: frames whose motion was made anew; the others are those of the earlier take, byte by byte.
    note: why nothing was taken over from it, empty when something was or there was none.
    confidence: the take's, (T,).
    unread: a sentence for each prompt whose words were not understood.
    """

    take: Path
    frames: int
    stages: dict[str, float]
    models: dict[str, str]
    recomputed: int
    note: str
    confidence: np.ndarray = field(repr=False)
    unread: tuple[str, ...] = ()


class _Stages:
    """Times the stages, one after the other, and gives each its part of the watch. seconds: of wall time, by stage."""

    def __init__(self, watch: Watch) -> None:
        self._watch, self._done = watch, 0.0
        self.seconds: dict[str, float] = {}
        self._stage, self._since = "", time.perf_counter()

    def begin(self, stage: str, text: str) -> Watch:
        self.close()
        self._stage, self._since = stage, time.perf_counter()
        before, self._done = self._done, self._done + _SHARES[stage]
        watch = self._watch.part(before, self._done, stage)
        watch.check()
        watch.say(0.0, text)
        return watch

    def close(self) -> None:
        if self._stage:
            self.seconds[self._stage] = time.perf_counter() - self._since


def perform(
    subject_path: str | os.PathLike,
    performance: Performance,
    out: str | os.PathLike,
    settings: PerformSettings = PerformSettings(),
    watch: Watch = UNWATCHED,
    previous: str | os.PathLike | None = None,
    compact: bool = False,
) -> TakeReport:
    """Perform and write the take to `out` (nothing is written when cancelled or failed).

    previous: an earlier take of this shot. What did not change since is copied from it; one that is missing, damaged or
    of another shot costs time and nothing else. A whole take is to the bit what it would be without it. A compact one
    holds the frames that did not change to the bit as the earlier compact take did, and all others as near to those of
    the whole take as without it.
    compact: whether the take is made compact (see `core.compact_take`).
    Raises UserError for anything a person can mend, Cancelled.
    """
    stages = _Stages(watch)
    watch = stages.begin("speech", "Listening to the voice")
    ready, earlier = ready_subject(subject_path), Earlier(previous)
    heard = hear(performance, ready, settings.front_end, earlier, watch)

    stages.begin("emotion", "Reading the prompts")
    emotional, text_encoder, unread = felt_track(heard, performance, settings.text_encoder)
    asked = redrawn(emotional, performance)
    aus, beyond = ready.guard.codes(asked)

    watch = stages.begin("motion", "Moving the face")
    motion, neutral = motion_for(ready.subject, settings.motion), ready.subject.template.neutral
    motion_key = motion_hash(heard.key, ready.hash, motion, settings.steps, performance.seed)
    changed = earlier.changed(motion_key, asked, compact)
    coefficients = motion.coefficients(neutral, aus, heard.features, performance.seed, settings.steps, watch, changed)

    watch = stages.begin("appearance", "Turning and shading the Gaussians")
    models = {
        "front_end": heard.by,
        "text_encoder": text_encoder,
        "motion": f"{settings.motion}, {settings.steps} steps" if settings.motion == "diffusion" else settings.motion,
    }
    metadata = {
        "seed": str(performance.seed),
        "subject": ready.subject.name,
        "subject_hash": ready.hash,
        "inputs_hash": inputs_hash(ready.hash, performance, heard.wave, models),
        "voice_hash": heard.key,
        "motion_hash": motion_key,
        "models": json.dumps(models),
        "version": __version__,
    }
    made, tracks = Frames(ready, motion, coefficients, aus, beyond, changed), (heard.aus, emotional, asked)
    confidence, recomputed = write_frames(out, made, tracks, heard.features, metadata, earlier, watch, compact)
    watch.check()
    watch.say(1.0, "Done")
    stages.close()
    return TakeReport(Path(out), len(aus), stages.seconds, models, recomputed, earlier.note, confidence, unread)


def felt_track(
    heard: Heard, performance: Performance, text_encoder: str = "auto"
) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """`emotional_track` of a voice that was heard, with as much of its own feeling as is asked for."""
    share = performance.style.voice_feeling
    with one_thread():
        return emotional_track(heard.aus, performance, text_encoder, share * heard.feeling if share else None)
