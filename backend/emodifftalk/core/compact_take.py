"""Compact takes: a tenth of the size and less, the same picture. They play like any other, and are made again in part.

Faces move along few directions. Points, rotations and opacities of all frames are written as a mean plus a few
principal components in signed integers, and the components' weights in each frame. How many is decided by what is lost
in the worst frame, measured after rounding.

When some frames of a compact take are made anew, the weights of all others are copied, and what the new frames need
beside the components that are there is added as a layer which only they see (see `components`): frames that nobody
touched stay what they were, to the last bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import tensors
from .arrays import Array, Floats, Ints, Mask
from .checks import expect
from .components import Layer, described, spread
from .errors import UserError
from .frame_store import WholeFrames, layer_sizes
from .take import COMPACT_SCHEMA, Take, load_take
from .watch import UNWATCHED, Watch

LOST = {"offsets": 1e-6, "rotations": 1e-2, "opacities": 1e-2, "tints": 1e-2}
"""Root mean square error allowed in any frame: metres, parts of a unit quaternion, of full opacity, of full colour. In
pictures the last three are 60 dB; the first is so small because lips that are a twentieth of a millimetre apart are no
longer closed, and because points are few and cost little."""
STEPS: dict[str, type[np.signedinteger[Any]]] = {
    "offsets": np.int16,
    "rotations": np.int8,
    "opacities": np.int8,
    "tints": np.int8,
}
"""What components are rounded to: points are few, and their sum over many components would show a byte's steps."""
_TRACKS = ("aus", "aus_voice", "aus_emotion", "confidence", "asked", "features")
"""What a take has beside its frames, taken over as it is."""
_CLOSER = 0.7
"""Frames that are made anew come nearer than they must: components of others fit all of them as badly as the worst."""
_MIDDLE = 32
"""Frames, evenly spread, whose mean the others are measured from."""
_MOST_BYTES = 64 << 20
"""Components of takes that were made again in part may grow to this, or to a quarter of the whole take."""


@dataclass(frozen=True)
class Compacted:
    """What became of a take.

    before, after: bytes.
    lost: root mean square error of the worst frame, by array, in the units of `LOST`.
    """

    before: int
    after: int
    lost: dict[str, float]

    @property
    def faithful(self) -> bool:
        """Whether every frame kept within `LOST`."""
        return all(error <= LOST[name] for name, error in self.lost.items())


@dataclass(frozen=True)
class Mended:
    """An earlier compact take, some frames of which are made anew.

    file: its own.
    anew: (T,) bool, the frames that the whole take has; it needs no others.
    """

    file: tensors.TensorFile
    anew: Mask


def compact_take(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    mended: Mended | None = None,
    watch: Watch = UNWATCHED,
) -> Compacted:
    """Write the take `source` as a compact one to `target`, which may be the same file.

    mended: the compact take whose other frames stay as they are.
    Raises UserError when it is compact already, damaged, or cannot be written, and Cancelled.
    """
    take = load_take(source)
    if take.compact:
        raise UserError(f"{take.path.name} is compact already.")
    frames = WholeFrames(take.file, take.frames)
    arrays = {name: take.file.read(name) for name in _TRACKS if name in take.file.shapes}
    readers: dict[str, Callable[[int], Any]] = {  # arrays; the type of tints says that there may be none
        "offsets": frames.offsets,
        "rotations": lambda i: take.file.read_rows("rotations", i, i + 1)[0],
        "opacities": lambda i: frames.opacities(i)[:, None],
    }
    if frames.tinted:
        readers["tints"] = frames.tints
    lost = {}
    for done, (name, read) in enumerate(readers.items()):
        watch.check()
        watch.say(done / len(readers), "Making the take compact")
        part, lost[name] = _compacted(read, take.frames, name, mended)
        arrays |= {f"{name}.{key}": array for key, array in part.items()}
    before = os.path.getsize(take.path)
    watch.check()
    tensors.save(target, arrays, {**take.metadata, "schema": str(COMPACT_SCHEMA)})
    return Compacted(before, os.path.getsize(target), lost)


def worn_out(take: Take) -> bool:
    """Whether a compact take was made again in part so often that it is compact no longer."""
    stored = first = whole = 0
    for name, kind in STEPS.items():
        if f"{name}.mean" not in take.file.shapes:
            continue
        # A component is stored in as many bytes as a frame of a whole take.
        each = int(np.prod(take.file.shapes[f"{name}.mean"])) * np.dtype(kind).itemsize
        sizes = layer_sizes(take.file, name)
        stored, first, whole = stored + sum(sizes) * each, first + sizes[0] * each, whole + take.frames * each
    return stored > max(2 * first, min(whole // 4, _MOST_BYTES))


def _compacted(
    read: Callable[[int], Floats], frames: int, name: str, mended: Mended | None
) -> tuple[dict[str, Array], float]:
    """The tensors of `frame_store.CompactFrames` for one array, and what is lost in the worst frame that was made."""
    made = np.arange(frames) if mended is None else np.flatnonzero(mended.anew)
    shape = read(0).shape
    if mended is not None:
        mean, layers, old = _read_layers(mended.file, name, shape, frames)
        like = middle = mean.astype(np.float32)
    else:
        like = read(0).astype(np.float32)

    def value(i: int) -> Floats:
        return _turned(read(i), like) if name == "rotations" else read(i)

    if mended is None:
        # Not of all frames: what the mean is off by is one more direction at worst.
        exact = np.mean([value(int(i)) for i in spread(made, _MIDDLE)], axis=0, dtype=np.float64)
        mean, layers = exact.astype(np.float32 if name == "offsets" else np.float16), []
        middle = mean.astype(np.float32)

    def rows(some: Ints) -> Floats:
        # (n, M): some of the frames that are made, one row each.
        values = np.empty((len(some), mean.size), np.float32)
        for row, i in zip(values, made[some], strict=True):
            np.subtract(value(int(i)), middle, out=row.reshape(mean.shape))
        return values

    limit = LOST[name] * (_CLOSER if mended is not None else 1.0)
    more, weights, errors = described(rows, len(made), layers[:1], limit, STEPS[name])
    if mended is not None:
        # Frames that are not made keep their weights, and layers that none of them sees any more go. New frames see the
        # first layer and their own: so a layer goes with the last of the frames that it was made for.
        stays = [i for i, of_layer in enumerate(old) if i == 0 or of_layer[~mended.anew].any()]
        columns = [_put(old[i], mended.anew, weights[0] if i == 0 else 0.0) for i in stays]
        columns += [_put(np.zeros((frames, w.shape[1]), np.float32), mended.anew, w) for w in weights[1:]]
        layers, weights = [layers[i] for i in stays], columns
    layers = [*layers, *more]
    arrays = {
        "mean": mean,
        "components": np.concatenate([layer.steps for layer in layers]).reshape(-1, *shape),
        "scales": np.concatenate([layer.scales for layer in layers]),
        "weights": np.concatenate(weights, axis=1),
        "layers": np.array([len(layer) for layer in layers], np.int32),
    }
    return arrays, float(errors.max(initial=0.0))


def _read_layers(
    file: tensors.TensorFile, name: str, shape: tuple[int, ...], frames: int
) -> tuple[Floats, list[Layer], list[Floats]]:
    """Mean (rows, width), layers and weights (T, K) in each, of one array of a compact take, as they are stored."""
    mean = expect(file, f"{name}.mean", shape)
    steps = expect(file, f"{name}.components", (None, *shape)).reshape(-1, mean.size)
    scales, weights = (
        expect(file, f"{name}.scales", (len(steps),)),
        expect(file, f"{name}.weights", (frames, len(steps))),
    )
    cuts = np.cumsum(layer_sizes(file, name))[:-1]
    layers = [Layer(*both) for both in zip(np.split(steps, cuts), np.split(scales, cuts), strict=True)]
    return mean, layers, np.split(weights, cuts, axis=1)


def _put(weights: Floats, rows: Mask, values: Floats | float) -> Floats:
    """A copy of weights (T, K) with `values` in some rows."""
    changed = weights.copy()
    changed[rows] = values
    return changed


def _turned(packed: Array, like: Floats) -> Floats:
    """Unit quaternions (Nf, 4) float32 of a whole take's (Nf, 4) int8, on the side of `like`: q and -q are the same
    rotation, and signs must not jump from frame to frame."""
    quats = packed.astype(np.float32)
    # One division for the length and the sign of every row.
    lengths = np.sqrt(np.maximum(np.einsum("ij,ij->i", quats, quats), np.float32(1e-12)))
    turned: Floats = quats / np.copysign(lengths, np.einsum("ij,ij->i", quats, like))[:, None]
    return turned
