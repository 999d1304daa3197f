"""A Take: the result of performing a Performance with a Subject, one file with random access by time.

Per frame the file holds the facial point motion (half-precision metres), the rotation of every facial Gaussian (a unit
quaternion in signed bytes), its opacity (a byte) and, of subjects whose skin changes colour, that change (signed
bytes), so that NumPy alone can play it. Schema 2 holds the same in compact form (see `compact_take`).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import tensors
from .arrays import Array, Floats, Ints, Mask
from .checks import expect, expect_format
from .errors import UserError
from .facs import AU_NAMES, FPS
from .frame_store import TINT_STEPS, CompactFrames, WholeFrames
from .gaussians import Gaussians, normalize
from .opening import parse_json
from .subject import Subject, pose

SCHEMA, COMPACT_SCHEMA = 1, 2
STRETCHED = 0.95
"""A frame of less confidence stretches visibly beyond what the subject was trained on."""


@dataclass(frozen=True)
class TakeFrame:
    """One frame, all float32.

    offsets: (V, 3) metres.
    rotations: (Nf, 4) unit quaternions, wxyz.
    opacities: (Nf,) 0..1.
    aus: (17,) 0..1.
    tints: (Nf, 3) change of colour, -0.5..0.5, or None.
    """

    offsets: Floats
    rotations: Floats
    opacities: Floats
    aus: Floats
    tints: Floats | None = None

    def gaussians(self, subject: Subject) -> Gaussians:
        """The subject's Gaussians in this frame. Raises UserError when the take is of another subject."""
        self.expect_of(subject)
        return pose(subject, self.offsets, self.rotations, self.opacities, self.tints)

    def expect_of(self, subject: Subject) -> None:
        """Raises UserError when the take is of another subject."""
        if len(self.offsets) != len(subject.template.neutral) or len(self.rotations) != subject.n_face:
            raise UserError(f"This take was made with another subject than {subject.name}: generate it again.")


class Take:
    """An opened take; frames are read when asked for.

    aus: (T, 17) after everything.
    aus_voice: (T, 17) before emotion.
    aus_emotion: (T, 17) what voice and feelings gave, before anything drawn by hand; None in takes of earlier versions.
    confidence: (T,) 0..1, 1 where the face stays inside what its training saw (see `motion.guard`).
    judged: whether the take says so; those of earlier versions do not, and count as 1.
    compact: whether it is a compact one.
    frames, fps: how many, and how many a second.
    metadata: seed, subject_hash, inputs_hash, models and whatever made it, as strings.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        file = tensors.TensorFile(path)
        expect_format(file, "take", SCHEMA, COMPACT_SCHEMA)
        self.aus = expect(file, "aus", (None, len(AU_NAMES)))
        self.frames = len(self.aus)
        if self.frames == 0 or parse_json(file.metadata.get("au_names", "[]")) != list(AU_NAMES):
            raise UserError(f"{file.path.name} has no frames or lists other action units than this version knows.")
        self.aus_voice = expect(file, "aus_voice", (self.frames, len(AU_NAMES)))
        self.aus_emotion: Floats | None = None
        if "aus_emotion" in file.shapes:
            self.aus_emotion = expect(file, "aus_emotion", (self.frames, len(AU_NAMES)))
        self.confidence, self.judged = np.ones(self.frames, np.float32), "confidence" in file.shapes
        if self.judged:
            self.confidence = expect(file, "confidence", (self.frames,)).astype(np.float32).clip(0, 1)
        self.compact = file.metadata["schema"] == str(COMPACT_SCHEMA)
        self._frames = (CompactFrames if self.compact else WholeFrames)(file, self.frames)
        self._file = file
        self.metadata = file.metadata
        self.fps = FPS

    @property
    def path(self) -> Path:
        """Where the take lies."""
        return self._file.path

    @property
    def file(self) -> tensors.TensorFile:
        """All that is in it, unread."""
        return self._file

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.frames / FPS

    def frame(self, index: int) -> TakeFrame:
        """Frame `index`, clamped to the take. Raises UserError when the file has been damaged or removed."""
        i = min(max(int(index), 0), self.frames - 1)
        return self._read(i, self.aus[i])

    def _read(self, i: Any, aus: Floats) -> TakeFrame:
        """Frame `i`: a whole number or, of a compact take, one between two."""
        frames = self._frames
        return TakeFrame(frames.offsets(i), frames.rotations(i), frames.opacities(i), aus, frames.tints(i))

    def at(self, seconds: float) -> TakeFrame:
        """The take at a time in seconds, interpolated between its frames and held before and after."""
        low, part = moment(seconds, self.frames)
        if not part:
            return self.frame(low)
        # Of a compact take the weights are mixed, one frame is unpacked; of a whole one two frames are read and mixed.
        if self.compact:
            return self._read(low + part, self.aus[low] + part * (self.aus[low + 1] - self.aus[low]))
        first, second = self.frame(low), self.frame(low + 1)
        return between(first, second, part)

    def offsets_at(self, seconds: float) -> Floats:
        """The points' offsets (V, 3) alone, metres, as `at` has them: a hundredth of a frame."""
        low, part = moment(seconds, self.frames)
        return self._frames.offsets_between(low, part)


def between(first: TakeFrame, second: TakeFrame, part: float) -> TakeFrame:
    """The frame at `part`, 0..1, of the way from one to the next."""
    # Straight lines, quaternions too: q and -q turn alike, so the second is taken on the first's side. At 1/25 s apart
    # a straight line made unit again is as good as the arc, and much faster.
    share = np.float32(part)
    tints = first.tints
    if tints is not None and second.tints is not None:
        tints = tints + share * (second.tints - tints)
    same_side = np.sign((first.rotations * second.rotations).sum(axis=1, keepdims=True))
    return TakeFrame(
        offsets=first.offsets + share * (second.offsets - first.offsets),
        rotations=normalize((1 - share) * first.rotations + share * same_side * second.rotations),
        opacities=first.opacities + share * (second.opacities - first.opacities),
        aus=first.aus + share * (second.aus - first.aus),
        tints=tints,
    )


def unpacked(packed: dict[str, Array], aus: Floats) -> TakeFrame:
    """The frame that is read back when a take keeps offsets (V, 3) float16, rotations (Nf, 4) int8, opacities (Nf,)
    uint8 and maybe tints (Nf, 3) int8 of it, and its codes (17,)."""
    values = {name: rows.astype(np.float32) for name, rows in packed.items()}
    return TakeFrame(
        offsets=values["offsets"],
        rotations=normalize(values["rotations"]).astype(np.float32),
        opacities=values["opacities"] / 255,
        aus=np.asarray(aus, np.float32),
        tints=values["tints"] / TINT_STEPS if "tints" in values else None,
    )


def moment(seconds: float, frames: int) -> tuple[int, float]:
    """Where a time in seconds lies in a take of so many frames: the frame before it and how far (0..1) to the next one,
    held at both ends."""
    # Nearer than 1e-4 to a frame is that frame: rounding in the clock must not cost a second frame and a mix.
    position = min(max(seconds * FPS, 0.0), frames - 1.0)
    low = int(position)
    return low, position - low if position - low >= 1e-4 else 0.0


def load_take(path: str | os.PathLike[str]) -> Take:
    """Open a take. Raises UserError when it is missing, damaged or of another version."""
    try:
        return Take(path)
    except ValueError as error:
        raise UserError(f"{Path(path).name} is damaged: {error}.") from error


def take_writer(
    path: str | os.PathLike[str],
    frames: int,
    points: int,
    faces: int,
    features: int,
    metadata: dict[str, str],
    tinted: bool = False,
) -> tensors.TensorWriter:
    """A take to be written piece by piece: `frames` of `points` template points and `faces` facial Gaussians.

    The tensors:
    aus, aus_voice, aus_emotion: (T, 17), and confidence (T,), as in `Take`.
    offsets: (T, V, 3) float16 metres.
    rotations, opacities: (T, Nf, 4) int8 and (T, Nf) uint8, packed.
    tints: (T, Nf, 3) int8, packed, where it is `tinted`.
    asked: (T, 17), the AUs before the guard, for making it again.
    features: (T, features) float16 of the voice, for making it again.
    """
    layout: dict[str, tuple[str, tuple[int, ...]]] = {
        "aus": ("f4", (frames, len(AU_NAMES))),
        "aus_voice": ("f4", (frames, len(AU_NAMES))),
        "aus_emotion": ("f4", (frames, len(AU_NAMES))),
        "asked": ("f4", (frames, len(AU_NAMES))),
        "features": ("f2", (frames, features)),
        "confidence": ("f4", (frames,)),
        "offsets": ("f2", (frames, points, 3)),
        "rotations": ("i1", (frames, faces, 4)),
        "opacities": ("u1", (frames, faces)),
    }
    if tinted:
        layout["tints"] = ("i1", (frames, faces, 3))
    return tensors.TensorWriter(path, layout, {**_about(), **metadata})


def save_take(
    path: str | os.PathLike[str],
    aus: Floats,
    aus_voice: Floats,
    offsets: Floats,
    rotations: Array,
    opacities: Array,
    metadata: dict[str, str],
    confidence: Floats | None = None,
    tints: Array | None = None,
) -> None:
    """Write a take. Raises UserError when the file cannot be written.

    aus, aus_voice: (T, 17).
    offsets: (T, V, 3) metres.
    rotations: (T, Nf, 4), or packed already, int8.
    opacities: (T, Nf), or packed already, uint8.
    confidence: (T,) 0..1.
    tints: (T, Nf, 3) changes of colour, or packed already, int8.
    """
    arrays: dict[str, Array] = {
        "aus": aus.astype(np.float32),
        "aus_voice": aus_voice.astype(np.float32),
        "offsets": offsets.astype(np.float16),
        "rotations": rotations if rotations.dtype == np.int8 else pack_rotations(rotations),
        "opacities": opacities if opacities.dtype == np.uint8 else pack_opacities(opacities),
    }
    if confidence is not None:
        arrays["confidence"] = confidence.astype(np.float32)
    if tints is not None:
        arrays["tints"] = tints if tints.dtype == np.int8 else pack_tints(tints)
    tensors.save(path, arrays, {**_about(), **metadata})


def _about() -> dict[str, str]:
    return {"format": "emodifftalk.take", "schema": str(SCHEMA), "au_names": json.dumps(AU_NAMES)}


def stretches(confidence: Floats) -> list[tuple[int, int]]:
    """(first, last + 1) of the runs of frames that are less confident than STRETCHED, of confidences (T,)."""
    return runs(np.asarray(confidence) < STRETCHED)


def runs(mask: Mask) -> list[tuple[int, int]]:
    """(first, last + 1) of the runs of True in `mask` (T,) bool."""
    # Differences of the mask between two False: 1 where a run begins, -1 after its end, so edges come in pairs.
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def pack_rotations(rotations: Floats) -> Ints:
    """Unit quaternions (..., 4) as int8, 127 for the largest component: within half a degree."""
    # Divided by the largest component, not by 1: reading makes the quaternion unit again, so its length is free, and
    # the steps are as fine as a byte allows.
    largest = np.abs(rotations).max(axis=-1, keepdims=True)
    packed: Ints = np.rint(rotations / np.maximum(largest, 1e-12) * 127).astype(np.int8)
    return packed


def pack_opacities(opacities: Floats) -> Ints:
    """Opacities 0..1 as uint8."""
    packed: Ints = np.rint(np.clip(opacities, 0, 1) * 255).astype(np.uint8)
    return packed


def pack_tints(tints: Floats) -> Ints:
    """Changes of colour, cut to -0.5..0.5, as int8."""
    packed: Ints = np.rint(np.clip(tints, -0.5, 0.5) * TINT_STEPS).astype(np.int8)
    return packed
