"""The frames of a take, written into its file as they are made: ten minutes of them do not have to fit in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ..core.compact_take import compact_take
from ..core.errors import UserError
from ..core.take import runs, take_writer
from ..core.watch import Watch
from ..core.whole_file import begin_part, drop_part
from ..core.windows import touched
from ..motion.generate import MotionModel
from ..motion.guard import confidence
from ..speech.one_thread import one_thread
from .ready_subject import ReadySubject
from .reuse import Earlier

_WORKERS = min(8, os.cpu_count() or 1)
"""Frames decoded at a time, each on one thread: the operations of one frame are too small to share."""
_MAKING = 0.8
"""The part of the time that making the frames takes where they are made compact afterwards."""


@dataclass(frozen=True)
class Frames:
    """What the frames are made from.

    ready: the subject.
    motion: the model whose coefficients these are.
    coefficients: (T, K).
    aus: (T, 17) 0..1, inside the subject's range.
    beyond: (T,), how far they were asked beyond it; the guard's term of the confidence.
    changed: (T,) bool, where an earlier take had other codes.
    """

    ready: ReadySubject
    motion: MotionModel
    coefficients: np.ndarray
    aus: np.ndarray
    beyond: np.ndarray
    changed: np.ndarray


def write_frames(
    out: str | os.PathLike,
    made: Frames,
    tracks: tuple[np.ndarray, np.ndarray, np.ndarray],
    features: np.ndarray,
    metadata: dict[str, str],
    earlier: Earlier,
    watch: Watch,
    compact: bool = False,
) -> tuple[np.ndarray, int]:
    """Write the take to `out`, whole or `compact`; returns its confidence (T,) and how many frames were made anew.

    tracks: AUs (T, 17) of the voice, after the emotion, and after what was drawn by hand, before the guard.
    Raises UserError when it cannot be written, and Cancelled; nothing is written then.
    """
    if not compact:
        return _write_whole(out, made, tracks, features, metadata, earlier, watch)
    with _beside(out) as whole:
        written = _write_whole(whole, made, tracks, features, metadata, earlier, watch.part(0.0, _MAKING))
        anew, _ = touched(made.changed)
        compact_take(whole, out, earlier.mended(anew), watch.part(_MAKING, 1.0))
    return written


@contextmanager
def _beside(out: str | os.PathLike) -> Iterator[Path]:
    """A path beside `out` for the whole take that it is made of, deleted afterwards, and after a kill by the next that
    is written there. Raises UserError when there cannot be one."""
    try:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        part = begin_part(Path(out))
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from error
    try:
        yield part
    finally:
        drop_part(part)


def _write_whole(
    out: str | os.PathLike,
    made: Frames,
    tracks: tuple[np.ndarray, np.ndarray, np.ndarray],
    features: np.ndarray,
    metadata: dict[str, str],
    earlier: Earlier,
    watch: Watch,
) -> tuple[np.ndarray, int]:
    ready, subject, frames = made.ready, made.ready.subject, len(made.aus)
    anew, _ = touched(made.changed)
    sizes = frames, len(subject.template.neutral), subject.n_face, features.shape[1]
    sure = np.ones(frames, np.float32)
    look = partial(_look, ready, earlier)
    writing = take_writer(out, *sizes, metadata, ready.decoder.tints)
    with writing as writer, one_thread(), ThreadPoolExecutor(_WORKERS) as pool:
        watch.check()
        watch.say(0.0, "Copying what stays" if not anew.all() else "Turning and shading the Gaussians")
        earlier.copy(writer, ~anew)
        if (before := earlier.confidence()) is not None:
            sure[~anew] = before[~anew]
        done, total = 0, max(int(anew.sum()), 1)
        for start, moved in made.motion.blocks(made.coefficients, subject.template.neutral, anew):
            block = slice(start, start + len(moved))
            offsets, stray = ready.offsets(moved, made.aus[block], made.motion.told_codes)
            # sure[block] is a view of sure (T,), so its rows are set there; the rest stays as the earlier take had it.
            wanted = anew[block]
            sure[block][wanted] = confidence(made.beyond[block], stray)[wanted]
            for first, end in runs(wanted):
                writer.write("offsets", offsets[first:end], start + first)
                frames_of = range(start + first, start + end)
                looks = pool.map(look, frames_of, made.aus[frames_of], offsets[first:end])
                for frame, packed in zip(frames_of, looks, strict=True):
                    for name, rows in packed.items():
                        writer.write(name, rows[None], frame)
                    done += 1
                    watch.check()
                    watch.say(done / total, "Turning and shading the Gaussians")
        writer.write("aus", made.aus)
        for name, track in zip(("aus_voice", "aus_emotion", "asked"), tracks, strict=True):
            writer.write(name, track.astype(np.float32))
        writer.write("features", features.astype(np.float16))
        writer.write("confidence", sure)
    return sure, int(anew.sum())


def _look(
    ready: ReadySubject, earlier: Earlier, frame: int, aus: np.ndarray, offsets: np.ndarray
) -> dict[str, np.ndarray]:
    known = earlier.looks(frame, aus, offsets)
    return ready.look(aus, offsets) if known is None else known
