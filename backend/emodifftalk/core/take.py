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

import numpy as np

from . import tensors
from .checks import expect, expect_format
from .errors import UserError
from .facs import AU_NAMES, FPS
from .frame_store import TINT_STEPS, CompactFrames, WholeFrames
from .gaussians import Gaussians, normalize
from .subject import Subject, pose

SCHEMA, COMPACT_SCHEMA = 1, 2
STRETCHED = 0.95
"""A frame of less confidence stretches visibly beyond what the subject was trained on."""


@dataclass(frozen=True)
class TakeFrame:
    """offsets (V, 3) metres, rotations (Nf, 4) unit wxyz, opacities (Nf,) 0..1, aus (17,) 0..1, tints (Nf, 3) change
    of colour -0.5..0.5 or None; all float32."""

    offsets: np.ndarray
    rotations: np.ndarray
    opacities: np.ndarray
    aus: np.ndarray
    tints: np.ndarray | None = None

    def gaussians(self, subject: Subject) -> Gaussians:
        """The subject's Gaussians in this frame. Raises UserError when the take is of another subject."""
        self.expect_of(subject)
        return pose(subject, self.offsets, self.rotations, self.opacities, self.tints)

    def expect_of(self, subject: Subject) -> None:
        """Raises UserError when the take is of another subject."""
        if len(self.offsets) != len(subject.template.neutral) or len(self.rotations) != subject.n_face:
            raise UserError(f"This take was made with another subject than {subject.name}: generate it again.")


class Take:
    """An opened take. `aus`, `aus_voice`: (T, 17) after everything and before emotion; frames are read when asked for.

    aus_emotion: (T, 17) what voice and feelings gave, before anything drawn by hand; None in takes of earlier versions.
    confidence: (T,) 0..1, 1 where the face stays inside what its training saw (see `motion.guard`); takes of earlier
    versions do not say, count as 1, and are not `judged`. compact: whether it is a compact one.
    metadata: seed, subject_hash, inputs_hash, models and whatever made it, as strings.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        file = tensors.TensorFile(path)
        expect_format(file, "take", SCHEMA, COMPACT_SCHEMA)
        self.aus = expect(file, "aus", (None, len(AU_NAMES)))
        self.frames = len(self.aus)
        if self.frames == 0 or json.loads(file.metadata.get("au_names", "[]")) != list(AU_NAMES):
            raise UserError(f"{file.path.name} has no frames or lists other action units than this version knows.")
        self.aus_voice = expect(file, "aus_voice", (self.frames, len(AU_NAMES)))
        self.aus_emotion = None
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

    def _read(self, i: float, aus: np.ndarray) -> TakeFrame:
        found = self._frames
        return TakeFrame(found.offsets(i), found.rotations(i), found.opacities(i), aus, found.tints(i))

    def at(self, seconds: float) -> TakeFrame:
        """The take at a time in seconds, interpolated between its frames and held before and after."""
        low, part = moment(seconds, self.frames)
        if not part:
            return self.frame(low)
        if self.compact:
            return self._read(low + part, self.aus[low] + part * (self.aus[low + 1] - self.aus[low]))
        first, second = self.frame(low), self.frame(low + 1)
        return between(first, second, part)


def between(first: TakeFrame, second: TakeFrame, part: float) -> TakeFrame:
    """The frame at `part`, 0..1, of the way from one to the next."""
    part = np.float32(part)
    same_side = np.sign((first.rotations * second.rotations).sum(axis=1, keepdims=True))
    return TakeFrame(
        offsets=first.offsets + part * (second.offsets - first.offsets),
        rotations=normalize((1 - part) * first.rotations + part * same_side * second.rotations),
        opacities=first.opacities + part * (second.opacities - first.opacities),
        aus=first.aus + part * (second.aus - first.aus),
        tints=None if first.tints is None else first.tints + part * (second.tints - first.tints),
    )


def unpacked(kept: dict[str, np.ndarray], aus: np.ndarray) -> TakeFrame:
    """The frame that is read back when a take keeps offsets (V, 3) float16, rotations (Nf, 4) int8, opacities (Nf,)
    uint8 and maybe tints (Nf, 3) int8 of it, and its codes (17,)."""
    values = {name: rows.astype(np.float32) for name, rows in kept.items()}
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
    position = min(max(seconds * FPS, 0.0), frames - 1.0)
    low = int(position)
    return low, position - low if position - low >= 1e-4 else 0.0


def load_take(path: str | os.PathLike) -> Take:
    """Open a take. Raises UserError when it is missing, damaged or of another version."""
    try:
        return Take(path)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{Path(path).name} is damaged: {error}.") from error


def take_writer(
    path: str | os.PathLike,
    frames: int,
    points: int,
    faces: int,
    features: int,
    metadata: dict[str, str],
    tinted: bool = False,
) -> tensors.TensorWriter:
    """A take to be written piece by piece: `frames` of `points` template points and `faces` facial Gaussians.

    The tensors: aus, aus_voice, aus_emotion (T, 17), confidence (T,) as in `Take`; offsets (T, V, 3) float16 metres;
    rotations (T, Nf, 4) int8 and opacities (T, Nf) uint8, packed, and where it is `tinted` tints (T, Nf, 3) int8. For
    making it again: asked (T, 17), the AUs before the guard, and features (T, features) float16 of the voice.
    """
    layout = {
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
    path: str | os.PathLike,
    aus: np.ndarray,
    aus_voice: np.ndarray,
    offsets: np.ndarray,
    rotations: np.ndarray,
    opacities: np.ndarray,
    metadata: dict[str, str],
    confidence: np.ndarray | None = None,
    tints: np.ndarray | None = None,
) -> None:
    """Write a take: aus, aus_voice (T, 17); offsets (T, V, 3) metres; rotations (T, Nf, 4); opacities (T, Nf);
    confidence (T,) 0..1; tints (T, Nf, 3), changes of colour.

    Rotations, opacities and tints may come packed already (int8, uint8, int8). Raises UserError when the file cannot be
    written.
    """
    arrays = {
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


def stretches(confidence: np.ndarray) -> list[tuple[int, int]]:
    """(first, last + 1) of the runs of frames that are less confident than STRETCHED, of confidences (T,)."""
    return runs(np.asarray(confidence) < STRETCHED)


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """(first, last + 1) of the runs of True in `mask` (T,) bool."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def pack_rotations(rotations: np.ndarray) -> np.ndarray:
    """Unit quaternions (..., 4) as int8, 127 for 1: within half a degree."""
    largest = np.abs(rotations).max(axis=-1, keepdims=True)
    return np.rint(rotations / np.maximum(largest, 1e-12) * 127).astype(np.int8)


def pack_opacities(opacities: np.ndarray) -> np.ndarray:
    """Opacities 0..1 as uint8."""
    return np.rint(np.clip(opacities, 0, 1) * 255).astype(np.uint8)


def pack_tints(tints: np.ndarray) -> np.ndarray:
    """Changes of colour, cut to -0.5..0.5, as int8."""
    return np.rint(np.clip(tints, -0.5, 0.5) * TINT_STEPS).astype(np.int8)
