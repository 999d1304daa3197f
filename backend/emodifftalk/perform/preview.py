"""One frame of a take that is not made yet, at once: what changes while the animator types.

The road is that of `perform`, with the same models, noise and guards. Only the motion is told less: it is made from
the frames around the wanted one, so the frame lies a hair beside the one the take will have (see
`motion.generate.REACH`).
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass

import numpy as np

from ..core.errors import UserError
from ..core.performance import Performance
from ..core.take import TakeFrame, between, moment, unpacked
from ..core.watch import UNWATCHED, Watch
from ..emotion.track import redrawn
from ..motion.guard import confidence
from ..motion.retarget import motion_for
from .hearing import hear
from .pipeline import PerformSettings, felt_track
from .ready_subject import ready_subject
from .reuse import Earlier


@dataclass(frozen=True)
class Preview:
    """A frame seen before its take is made.

    frame: as `Take.at` will give it.
    confidence: 0..1, the lower one of the frames around it.
    unread: a sentence for each prompt whose words were not understood.
    milliseconds: of wall time.
    """

    frame: TakeFrame
    confidence: float
    unread: tuple[str, ...]
    milliseconds: float


def preview_frame(
    subject_path: str | os.PathLike,
    performance: Performance,
    seconds: float,
    previous: str | os.PathLike | None = None,
    settings: PerformSettings | None = None,
    watch: Watch = UNWATCHED,
) -> Preview:
    """The take's frame at a time in seconds, held before its first and after its last.

    previous: an earlier take of this shot; with the same voice it is not listened to again, nor is a voice that was
    heard lately. Raises UserError for anything a person can mend, Cancelled.
    """
    if not math.isfinite(seconds):
        raise UserError("A preview needs a time in seconds.")
    began, settings = time.perf_counter(), settings or PerformSettings()
    ready = ready_subject(subject_path)
    heard = hear(performance, ready, settings.front_end, Earlier(previous), watch.part(0.0, 1.0, "speech"))
    felt, _, unread = felt_track(heard, performance, settings.text_encoder)
    codes, beyond = ready.guard.codes(redrawn(felt, performance))
    low, part = moment(seconds, len(codes))
    # The frame, or the two around the moment, mixed by `part` below: a take is played between its frames in that way.
    wanted = slice(low, low + (2 if part else 1))
    motion, neutral = motion_for(ready.subject, settings.motion), ready.subject.template.neutral
    coefficients = motion.glimpse(
        neutral, codes, heard.features, performance.seed, (wanted.start, wanted.stop), settings.steps, watch
    )
    # Offsets (1 or 2, V, 3): coefficients of the wanted frames alone, so codes are taken from the same rows.
    moved = np.concatenate([offsets for _, offsets in motion.blocks(coefficients, neutral)])
    offsets, stray = ready.offsets(moved, codes[wanted], motion.told_codes)
    frames = [
        unpacked({"offsets": offset, **ready.look(aus, offset)}, aus)
        for offset, aus in zip(offsets, codes[wanted], strict=True)
    ]
    frame = between(frames[0], frames[1], part) if part else frames[0]
    sure = float(confidence(beyond[wanted], stray).min())
    return Preview(frame, sure, unread, 1e3 * (time.perf_counter() - began))
