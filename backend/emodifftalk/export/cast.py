"""The heads of a shot, frame by frame: where in its take each one is, where it looks, where it stands."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np

from ..core.errors import UserError
from ..core.gaussians import Gaussians
from ..core.gaze import GazeKeys, gaze_at, gazing
from ..core.mouth import resting
from ..core.subject import Subject, load_subject
from ..core.take import Take, load_take
from ..core.thinning import important, thinned
from .framing import moments


@dataclass(frozen=True)
class Head:
    """One head over F frames; without a take it rests.

    seconds: (F,) of its take.
    gaze: (F, 2) yaw and pitch, radians.
    matrices: (F, 4, 4) from its own space into the world's, None to stay in its own.
    jaw_rest: (F,) 0..1, how far its mouth has come to rest because it is silenced, None for not at all.
    """

    subject: Subject
    take: Take | None
    seconds: np.ndarray
    gaze: np.ndarray
    matrices: np.ndarray | None = None
    jaw_rest: np.ndarray | None = None

    def gaussians(self, i: int) -> Gaussians:
        """Frame i of the shot. Raises UserError when take and subject do not belong together."""
        moment = self.take.at(float(self.seconds[i])) if self.take is not None else None
        if moment is not None and self.jaw_rest is not None:
            moment = resting(self.subject, moment, float(self.jaw_rest[i]))
        posed = gazing(self.subject, moment, self.gaze[i])
        return posed if self.matrices is None else posed.transformed(self.matrices[i])


@dataclass(frozen=True)
class Cast:
    """Heads that are exported together: number and order of their Gaussians are the same in every frame.

    rows: (K,) which Gaussians of all heads are written, None for all.
    swell: the factor by which those grow.
    """

    heads: tuple[Head, ...]
    rows: np.ndarray | None = None
    swell: float = 1.0

    def __len__(self) -> int:
        return len(self.heads[0].seconds)

    @property
    def splats(self) -> int:
        """Gaussians in each frame."""
        return sum(len(head.subject.gaussians) for head in self.heads) if self.rows is None else len(self.rows)

    def gaussians(self, i: int) -> Gaussians:
        """All heads in frame i. Raises UserError."""
        parts = [head.gaussians(i) for head in self.heads]
        whole = parts[0] if len(parts) == 1 else Gaussians.concatenate(parts)
        if self.rows is None:
            return whole
        return thinned(whole, self.rows, self.swell)

    def thinned(self, share: float) -> Cast:
        """The same with this share (0..1] of the Gaussians, those that matter at rest, in their order."""
        if share >= 1.0:
            return self
        canonical = [head.subject.gaussians for head in self.heads]
        rows, swell = important(canonical[0] if len(canonical) == 1 else Gaussians.concatenate(canonical), share)
        return replace(self, rows=rows, swell=float(swell))


def cast_of_one(
    subject_path: str | os.PathLike,
    take_path: str | os.PathLike,
    fps: float,
    start: float = 0.0,
    end: float | None = None,
    gaze: GazeKeys = (),
) -> Cast:
    """One head playing its take from `start` to `end` seconds in its own space. Raises UserError when there is nothing
    between them, or a file cannot be read."""
    subject, take = load_subject(subject_path), load_take(take_path)
    times = moments(take, fps, start, end)
    take.frame(0).expect_of(subject)
    return Cast((Head(subject, take, times, np.stack([gaze_at(gaze, second) for second in times])),))


def cast_of_many(
    files: list[tuple[str, str]],
    seconds: np.ndarray,
    gazes: np.ndarray,
    matrices: np.ndarray | None,
    jaw_rests: np.ndarray | None = None,
) -> Cast:
    """Heads from files. Raises UserError when a file cannot be read or shapes do not fit.

    files: of each of H heads its subject and its take, "" for none.
    seconds: (H, F) of its take.
    gazes: (H, F, 2) yaw and pitch, radians.
    matrices: (H, F, 4, 4) from its own space into the world's, None to stay in its own.
    jaw_rests: (H, F) 0..1, None for not at all.
    """
    heads = len(files)
    fits = seconds.ndim == 2 and len(seconds) == heads and gazes.shape == (*seconds.shape, 2)
    fits = fits and (matrices is None or matrices.shape == (*seconds.shape, 4, 4))
    if not heads or not fits or (jaw_rests is not None and jaw_rests.shape != seconds.shape) or not seconds.shape[1]:
        raise UserError("The request to export makes no sense: its frames do not fit its heads.")
    cast = []
    for k, (subject_path, take_path) in enumerate(files):
        subject, take = load_subject(subject_path), load_take(take_path) if take_path else None
        if take is not None:
            take.frame(0).expect_of(subject)
        matrix, jaw_rest = (None if array is None else array[k] for array in (matrices, jaw_rests))
        cast.append(Head(subject, take, seconds[k], gazes[k], matrix, jaw_rest))
    return Cast(tuple(cast))
