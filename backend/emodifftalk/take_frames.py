"""The frames of a take, written into its file as they are made: ten minutes of them do not have to fit in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from .appearance.decoder import AppearanceDecoder
from .core.subject import Subject
from .core.take import pack_opacities, pack_rotations, pack_tints, runs, take_writer
from .core.windows import touched
from .motion.generate import MotionModel, one_thread
from .motion.guard import Guard, confidence
from .motion.seal import LipSeal
from .reuse import Earlier

_WORKERS = min(8, os.cpu_count() or 1)
"""Frames decoded at a time, each on one thread: the operations of one frame are too small to share."""


@dataclass(frozen=True)
class Frames:
    """What the frames are made from: coefficients (T, K) of `motion`; aus (T, 17) and how far they were asked beyond
    their range (T,), both from `guard`; changed (T,) bool where an earlier take had other codes."""

    subject: Subject
    motion: MotionModel
    guard: Guard
    coefficients: np.ndarray
    aus: np.ndarray
    beyond: np.ndarray
    changed: np.ndarray


def write_frames(
    out: str | os.PathLike,
    made: Frames,
    voice_aus: np.ndarray,
    asked: np.ndarray,
    features: np.ndarray,
    metadata: dict[str, str],
    earlier: Earlier,
    progress: Callable[[float, str], None],
) -> tuple[np.ndarray, int]:
    """Write the take to `out`; returns its confidence (T,) and how many frames were made anew.

    Raises UserError when it cannot be written, and whatever `progress` raises; nothing is written then.
    """
    subject, frames = made.subject, len(made.aus)
    anew, _ = touched(made.changed)
    sizes = frames, len(subject.template.neutral), subject.n_face, features.shape[1]
    decoder = AppearanceDecoder.from_subject(subject)
    sure = np.ones(frames, np.float32)
    look = partial(_look, decoder, earlier)
    # The ablation that is not told the codes must not hear of them here either.
    seal = None if made.motion.kind == "no_codes" else LipSeal(subject.template)
    writing = take_writer(out, *sizes, metadata, decoder.tints)
    with writing as writer, one_thread(), ThreadPoolExecutor(_WORKERS) as pool:
        progress(0.0, "Copying what stays" if not anew.all() else "Turning and shading the Gaussians")
        earlier.copy(writer, ~anew)
        if (kept := earlier.confidence()) is not None:
            sure[~anew] = kept[~anew]
        done, total = 0, max(int(anew.sum()), 1)
        decoder.decode(made.aus[0], np.zeros_like(subject.template.neutral))  # its first answer takes notes: not shared
        for start, moved in made.motion.blocks(made.coefficients, subject.template.neutral, anew):
            block = slice(start, start + len(moved))
            if seal is not None:
                moved = seal(moved, made.aus[block])
            offsets, stray = _guarded(made, moved)
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
                    progress(done / total, "Turning and shading the Gaussians")
        writer.write("aus", made.aus)
        writer.write("aus_voice", voice_aus.astype(np.float32))
        writer.write("asked", asked)
        writer.write("features", features.astype(np.float16))
        writer.write("confidence", sure)
    return sure, int(anew.sum())


def _guarded(made: Frames, moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (n, V, 3) float16 inside the range, and the motion's term of the confidence (n,)."""
    offsets, stray = made.guard.motion(moved)
    return offsets.astype(np.float16), stray


def _look(
    decoder: AppearanceDecoder, earlier: Earlier, frame: int, aus: np.ndarray, offsets: np.ndarray
) -> dict[str, np.ndarray]:
    """What the take keeps of one frame's looks, packed, decoded from what it keeps of its motion."""
    known = earlier.looks(frame, aus, offsets)
    if known is not None:
        return known
    found = decoder.decode(aus, offsets.astype(np.float32))
    packed = {"rotations": pack_rotations(found.rotations), "opacities": pack_opacities(found.opacities)}
    return packed if found.tints is None else {**packed, "tints": pack_tints(found.tints)}
