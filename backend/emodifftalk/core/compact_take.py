"""Compact takes: a tenth of the size and less, the same picture. For shipping and keeping; they play like any other.

Faces move along few directions. Points, rotations and opacities of all frames are written as a mean plus a few
principal components in signed integers, and the components' weights in each frame. How many is decided by what is lost,
measured after rounding. What a take keeps for being made again (the voice's features) is left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import tensors
from .arrays import Array, Floats
from .errors import UserError
from .take import COMPACT_SCHEMA, Take, load_take

LOST = {"offsets": 1.5e-5, "rotations": 5e-3, "opacities": 5e-3, "tints": 5e-3}
"""Root mean square error allowed: metres, parts of a unit quaternion, of full opacity, of full colour. The last three
are twice what the bytes of a whole take round off; in pictures they are 60 dB."""
STEPS: dict[str, type[np.signedinteger[Any]]] = {
    "offsets": np.int16,
    "rotations": np.int8,
    "opacities": np.int8,
    "tints": np.int8,
}
"""What components are rounded to: points are few, and their sum over many components would show a byte's steps."""
_MOST = 64
_SEEN = 500
"""Frames, evenly spread, from which the components are found."""


@dataclass(frozen=True)
class Compacted:
    """What became of a take.

    before, after: bytes.
    lost: root mean square errors by array, in the units of `LOST`.
    """

    before: int
    after: int
    lost: dict[str, float]

    @property
    def faithful(self) -> bool:
        """Whether every array kept within `LOST`."""
        return all(error <= LOST[name] for name, error in self.lost.items())


def compact_take(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> Compacted:
    """Write the take `source` as a compact one to `target`, which may be the same file.

    Raises UserError when it is compact already, damaged, or cannot be written.
    """
    take = load_take(source)
    if take.compact:
        raise UserError(f"{take.path.name} is compact already.")
    before = os.path.getsize(take.path)
    arrays = {"aus": take.aus, "aus_voice": take.aus_voice}
    if take.aus_emotion is not None:
        arrays["aus_emotion"] = take.aus_emotion
    if take.judged:
        arrays["confidence"] = take.confidence
    canonical = take.frame(0).rotations
    readers: dict[str, Callable[[int], Any]] = {  # arrays; the type of tints says that there may be none
        "offsets": lambda i: take.frame(i).offsets,
        "rotations": lambda i: _one_side(take.frame(i).rotations, canonical),
        "opacities": lambda i: take.frame(i).opacities[:, None],
    }
    if take.frame(0).tints is not None:
        readers["tints"] = lambda i: take.frame(i).tints
    lost = {}
    for name, read in readers.items():
        part, lost[name] = _compacted(read, take, name)
        arrays |= {f"{name}.{key}": array for key, array in part.items()}
    tensors.save(target, arrays, {**take.metadata, "schema": str(COMPACT_SCHEMA)})
    return Compacted(before, os.path.getsize(target), lost)


def _one_side(rotations: Floats, like: Floats) -> Floats:
    """Quaternions with signs that do not jump from frame to frame: q and -q are the same rotation."""
    side = np.where((rotations * like).sum(axis=1, keepdims=True) < 0, np.float32(-1), np.float32(1))
    turned: Floats = rotations * side
    return turned


def _compacted(read: Callable[[int], Floats], take: Take, name: str) -> tuple[dict[str, Array], float]:
    """The tensors of `frame_store.CompactFrames` for one array, and what is lost."""
    seen = np.unique(np.linspace(0, take.frames - 1, min(take.frames, _SEEN)).round().astype(int))
    # rows (T', M): every frame, or as many as are looked at, as one row; principal directions are of what is left when
    # the mean is taken off.
    rows = np.stack([read(i).ravel() for i in seen]).astype(np.float32)
    mean = rows.mean(axis=0)
    directions = _principal(rows - mean)
    # More until it is enough: the error is that of the very numbers that will be read.
    count = min(6, len(directions))
    while True:
        part, error = _rounded(rows, mean, directions[:count], STEPS[name])
        if error <= LOST[name] or count >= min(_MOST, len(directions)):
            break
        count = min(count + max(count // 3, 1), _MOST, len(directions))
    weights = part["weights"] if len(seen) == take.frames else _weights(read, take.frames, mean, directions[:count])
    shape = read(0).shape
    rounded_mean = mean.reshape(shape).astype(np.float32 if name == "offsets" else np.float16)
    components = part["components"].reshape(count, *shape)
    return {"mean": rounded_mean, "components": components, "scales": part["scales"], "weights": weights}, error


def _principal(centred: Floats) -> Floats:
    """Orthonormal principal directions (K, M) of centred rows (T, M), the strongest first, by way of the (T, T) matrix
    of their products: there are far fewer frames than numbers in one."""
    strength, mixing = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    order = np.argsort(strength)[::-1][:_MOST]
    order = order[strength[order] > max(strength[order[0]], 1e-30) * 1e-9] if len(order) else order
    # Eigenvectors u of C C^T are the frames' shares of a direction: C^T u / sqrt(eigenvalue) is the direction itself,
    # of length 1. C^T C would be (M, M), and M is ten thousands of points.
    directions: Floats = ((mixing[:, order] / np.sqrt(strength[order])).T @ centred).astype(np.float32)
    return directions


def _rounded(
    rows: Floats, mean: Floats, directions: Floats, steps: type[np.signedinteger[Any]]
) -> tuple[dict[str, Array], float]:
    """The tensors of some directions (K, M) in steps of a byte or two, and what is lost of `rows`, root mean square."""
    # Each direction is rounded in steps of its own, its greatest number the most the type holds. The weights are of the
    # exact directions, the error of the rounded ones: that is what will be read.
    scales = np.abs(directions).max(axis=1, initial=0.0) / np.iinfo(steps).max
    components = np.rint(directions / np.maximum(scales, 1e-30)[:, None]).astype(steps)
    weights = (rows - mean) @ directions.T
    error = rows - mean - weights @ (components * scales[:, None])
    rms = float(np.sqrt(np.mean(error**2))) if error.size else 0.0
    return {"components": components, "scales": scales.astype(np.float32), "weights": weights}, rms


def _weights(read: Callable[[int], Floats], frames: int, mean: Floats, directions: Floats) -> Floats:
    """Weights (T, K) of every frame, read one by one: ten minutes of them do not have to fit in memory."""
    return np.stack([directions @ (read(i).ravel() - mean) for i in range(frames)]).astype(np.float32)
