"""Gaussians as the compressed .ply that PlayCanvas and SuperSplat read: 16 bytes each, in chunks of 256.

Each chunk has the ranges of its positions, log scales and colours; a Gaussian is four unsigned integers: position
11-10-11 bits and scale 11-10-11 bits within those ranges, rotation as the index of the largest of w x y z and the three
others in 10 bits, colour and opacity in a byte each. Other writers sort the Gaussians first; we keep their order, so
that a sequence can be followed, and ranges of neighbours in our order are as narrow as the head is.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..arrays import Floats, Ints
from ..errors import UserError
from ..gaussians import Gaussians, normalize
from ..whole_file import whole_file
from .ply import gaussians_of
from .ply_header import Element, read_elements, read_rows

CHUNK = 256
_RANGES = ("x", "y", "z"), ("scale_x", "scale_y", "scale_z"), ("r", "g", "b")
_CHUNK_FIELDS = [f"{end}_{name}" for group in _RANGES for end in ("min", "max") for name in group]
_PACKED = ("packed_position", "packed_rotation", "packed_scale", "packed_color")
_BITS_XYZ = (11, 10, 11)


def write_compressed_ply(path: str | os.PathLike[str], gaussians: Gaussians) -> None:
    """Write Gaussians, whole or not at all, in the axes they have.

    Raises UserError when a number is not finite, OSError when the file cannot be written.
    """
    logs = np.log(np.maximum(gaussians.scales, 1e-9))
    if not all(np.isfinite(a).all() for a in (gaussians.means, gaussians.quats, logs, gaussians.colors)):
        raise UserError("These Gaussians contain numbers that are not finite: generate the take again.")
    count = len(gaussians)
    starts = np.arange(0, count, CHUNK)
    chunk_of = np.arange(count) // CHUNK
    ranges, packed = [], np.zeros((count, 4), "<u4")
    # low and high (chunks, 3): least and greatest of every 256 rows, `reduceat` from each start to the next. Values go
    # to 0..1 of their own chunk's range, which may be 0: hence the least span.
    for column, values in ((0, gaussians.means), (2, np.clip(logs, -20, 20)), (3, gaussians.colors)):
        low, high = (edge.reduceat(values, starts, axis=0).astype("<f4") for edge in (np.minimum, np.maximum))
        ranges += [low, high]
        span = np.maximum(high - low, 1e-12)[chunk_of]
        parts = ((values - low[chunk_of]) / span).clip(0, 1)
        if column < 3:
            packed[:, column] = _pack(parts, _BITS_XYZ)
        else:
            packed[:, column] = _pack(np.column_stack([parts, gaussians.opacities.clip(0, 1)]), (8, 8, 8, 8))
    packed[:, 1] = _pack_rotations(gaussians.quats)
    header = ["ply", "format binary_little_endian 1.0", f"element chunk {len(starts)}"]
    header += [f"property float {name}" for name in _CHUNK_FIELDS]
    header += [f"element vertex {count}", *(f"property uint {name}" for name in _PACKED), "end_header", ""]
    with whole_file(path) as stream:
        stream.write("\n".join(header).encode("ascii"))
        stream.write(np.concatenate(ranges, axis=1).astype("<f4").tobytes())
        stream.write(packed.tobytes())


def is_compressed_ply(elements: dict[str, Element]) -> bool:
    """Whether a .ply with these elements is a compressed one."""
    return {"chunk", "vertex"} <= set(elements) and "packed_position" in (elements["vertex"].dtype.names or ())


def read_compressed_ply(path: str | os.PathLike[str]) -> Gaussians:
    """The Gaussians of a compressed .ply, in its own axes. Raises UserError when it is damaged, OSError when it cannot
    be read."""
    name, elements = Path(path).name, read_elements(path)
    if not is_compressed_ply(elements):
        raise UserError(f"{name} is not a compressed .ply.")
    chunks, vertices = (read_rows(path, elements[kind]) for kind in ("chunk", "vertex"))
    fields = set(chunks.dtype.names or ())
    wanted = _CHUNK_FIELDS if "min_r" in fields else _CHUNK_FIELDS[:12]
    if not fields.issuperset(wanted) or any(field not in (vertices.dtype.names or ()) for field in _PACKED):
        raise UserError(f"{name} is damaged: it lacks properties of a compressed .ply.")
    if len(chunks) < -(-len(vertices) // CHUNK):
        raise UserError(f"{name} is damaged: it has too few chunks for its Gaussians.")
    chunk_of = np.arange(len(vertices)) // CHUNK

    def within(parts: Floats, group: tuple[str, ...]) -> Floats:
        if f"min_{group[0]}" not in fields:  # earlier files have no ranges of colours
            return parts
        low, high = (np.stack([chunks[f"{end}_{n}"] for n in group], axis=1)[chunk_of] for end in ("min", "max"))
        spread: Floats = low + parts * (high - low)
        return spread

    color = _unpack(vertices["packed_color"], (8, 8, 8, 8))
    # A byte of opacity to the logit that `gaussians_of` takes; 0 and 255 have none.
    alpha = color[:, 3].clip(1e-6, 1 - 1e-6)
    with np.errstate(invalid="ignore", over="ignore"):
        return gaussians_of(
            name,
            within(_unpack(vertices["packed_position"], _BITS_XYZ), _RANGES[0]),
            _unpack_rotations(vertices["packed_rotation"]),
            within(_unpack(vertices["packed_scale"], _BITS_XYZ), _RANGES[1]),
            np.log(alpha / (1 - alpha)),
            within(color[:, :3], _RANGES[2]),
        )


def _pack(parts: Floats, bits: tuple[int, ...]) -> Ints:
    """Columns 0..1 as unsigned numbers of so many bits each, the first the highest, (N,) uint32."""
    packed: Ints = np.zeros(len(parts), np.uint32)
    for column, size in zip(parts.T, bits, strict=True):
        packed = (packed << np.uint32(size)) | np.rint(column * ((1 << size) - 1)).astype(np.uint32)
    return packed


def _unpack(packed: Ints, bits: tuple[int, ...]) -> Floats:
    # From the lowest field up: shifted down, cut to its bits, divided by the most they hold; turned round in the end.
    columns, shift = [], 0
    for size in reversed(bits):
        most = (1 << size) - 1
        columns.append((packed.astype(np.uint32) >> np.uint32(shift) & np.uint32(most)) / np.float32(most))
        shift += size
    parts: Floats = np.stack(columns[::-1], axis=1).astype(np.float32)
    return parts


def _pack_rotations(quats: Floats) -> Ints:
    """Largest component's number in two bits, the others, in order, in ten each: -1/√2..1/√2 over their range."""
    unit = normalize(quats.astype(np.float64))
    largest = np.abs(unit).argmax(axis=1)
    # q and -q are one rotation: with the largest positive it follows from the others, which lie within 1/sqrt(2) and
    # are stretched from there to 0..1.
    unit = unit * np.where(np.take_along_axis(unit, largest[:, None], 1) < 0, -1.0, 1.0)
    others = np.stack([[k for k in range(4) if k != skip] for skip in range(4)])[largest]
    small = np.take_along_axis(unit, others, axis=1) / np.sqrt(2.0) + 0.5
    packed: Ints = largest.astype(np.uint32) << np.uint32(30) | _pack(small.clip(0, 1), (10, 10, 10))
    return packed


def _unpack_rotations(packed: Ints) -> Floats:
    largest = (packed >> np.uint32(30)).astype(int)
    small = (_unpack(packed & np.uint32((1 << 30) - 1), (10, 10, 10)) - 0.5) * np.sqrt(2.0)
    quats = np.zeros((len(packed), 4))
    others = np.stack([[k for k in range(4) if k != skip] for skip in range(4)])[largest]
    np.put_along_axis(quats, others, small, axis=1)
    # The largest is what is missing to length 1; the maximum catches rounding that made the others too long.
    last = np.sqrt(np.maximum(1 - (small**2).sum(axis=1), 0.0))
    np.put_along_axis(quats, largest[:, None], last[:, None], axis=1)
    return quats
