"""Gaussians as .spz (Niantic): a gzip stream of quantised columns, some 16 bytes each before compression.

Version 3, which today's readers know; version 2 is read as well. Positions are 24-bit fixed point, opacities a byte,
colours a byte around the middle grey, scales a byte of their logarithm, rotations the three smallest of x y z w in ten
bits. The file's axes are right, up, back (RUB); `Gaussians` come and go in those axes here (see `export.axes`).
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..arrays import Floats, Ints
from ..errors import UserError
from ..gaussians import Gaussians, normalize
from ..opening import read_bytes
from ..whole_file import whole_file
from .ply import SH_C0, gaussians_of

_MAGIC = 0x5053474E
_HEADER = struct.Struct("<IIIBBBB")
_COLOR_SPREAD = 0.15
_FRACTION_BITS = 16
_MOST_BYTES = 2 << 30
_MOST = 20_000_000
"""Gaussians; more in one frame is a damaged header."""
_PIECE = 1 << 20
_EFFORT = 1
"""Of gzip: more takes longer and gains less than one percent on these columns."""
_STEPS = 511
_HALF = np.sqrt(0.5)
_OTHERS = np.array([[k for k in range(4) if k != skip] for skip in range(4)])


def write_spz(path: str | os.PathLike[str], gaussians: Gaussians) -> None:
    """Write Gaussians in RUB axes, whole or not at all, in the order they have.

    Raises UserError when a number is not finite or a position farther than 2 km, OSError when the file cannot be
    written.
    """
    g = gaussians
    if not all(np.isfinite(array).all() for array in (g.means, g.quats, g.scales, g.opacities, g.colors)):
        raise UserError("These Gaussians contain numbers that are not finite: generate the take again.")
    bits = _fraction_bits(float(np.abs(g.means).max(initial=0.0)))
    # Positions as whole numbers of 2^-bits metres; of each little-endian int32 the lower three bytes are written, which
    # hold it all because `_fraction_bits` keeps it under 2^23.
    fixed = np.rint(g.means.astype(np.float64) * (1 << bits)).astype("<i4")
    columns = (
        fixed.reshape(-1, 1).view(np.uint8)[:, :3],
        _byte(g.opacities * 255),
        # Colour as f_dc around the middle grey, scale as 16 steps for every factor of e from e^-10 on.
        _byte((g.colors - 0.5) / SH_C0 * (_COLOR_SPREAD * 255) + 127.5),
        _byte((np.log(np.maximum(g.scales, 1e-9)) + 10) * 16),
        _pack_rotations(g.quats).astype("<u4"),
    )
    data = _HEADER.pack(_MAGIC, 3, len(g), 0, bits, 0, 0) + b"".join(column.tobytes() for column in columns)
    with whole_file(path) as stream:
        stream.write(gzip.compress(data, _EFFORT, mtime=0))


def read_spz(path: str | os.PathLike[str]) -> Gaussians:
    """The Gaussians of a .spz, in its RUB axes; colours that change with the direction of view are left out.

    Raises UserError when it is damaged or of a version not known, OSError when it cannot be read.
    """
    name, packed = Path(path).name, read_bytes(path, _MOST_BYTES)
    head = _inflated(name, packed, _HEADER.size)
    if len(head) < _HEADER.size:
        raise UserError(f"{name} is not a .spz file.")
    magic, version, count, _, bits, _, _ = _HEADER.unpack(head)
    if magic != _MAGIC or not 0 < count <= _MOST or bits > 24:
        raise UserError(f"{name} is not a .spz file, holds no Gaussians, or its header is damaged.")
    if version not in (2, 3):
        raise UserError(f"{name} is of version {version} of .spz: only 2 and 3 are read.")
    widths = (9, 1, 3, 3, 4 if version == 3 else 3)
    needed = _HEADER.size + count * sum(widths)
    data = np.frombuffer(_inflated(name, packed, needed, to_its_end=True), np.uint8)
    # The columns lie one behind the other, each for all Gaussians: cut at the running sum of their sizes.
    edges = np.cumsum([_HEADER.size, *(count * width for width in widths)])
    positions, alphas, colors, scales, rotations = (data[a:b].reshape(count, -1) for a, b in pairwise(edges))
    # Little-endian 24 bits are put above a byte of 0 and shifted down again, which copies the sign into the top byte.
    whole = np.zeros((count * 3, 4), np.uint8)
    whole[:, 1:] = positions.reshape(-1, 3)  # in the upper bytes, so that the sign comes along
    means = (whole.view("<i4")[:, 0] >> 8).reshape(count, 3) / float(1 << bits)
    alpha = (alphas[:, 0] / 255).clip(1e-6, 1 - 1e-6)
    return gaussians_of(
        name,
        means,
        _unpack_rotations(rotations) if version == 3 else _unpack_first_three(rotations),
        scales / 16.0 - 10.0,
        np.log(alpha / (1 - alpha)),
        0.5 + SH_C0 * ((colors - 127.5) / (_COLOR_SPREAD * 255)),
    )


def _fraction_bits(reach: float) -> int:
    """Bits after the point: 16, steps of 0.015 mm, or as many as leave room for the farthest; other writers use 12."""
    if reach >= 2047:
        raise UserError("A Gaussian lies more than 2 km away: .spz cannot hold it.")
    return next(bits for bits in range(_FRACTION_BITS, 11, -1) if reach * (1 << bits) < (1 << 23) - 1)


def _inflated(name: str, packed: bytes, most: int, to_its_end: bool = False) -> bytes:
    """The first `most` bytes of a gzip stream: whatever it claims, no more is unpacked.

    to_its_end: there must be so many and, behind what they may be followed by (harmonics, at most twice as much), the
    right checksum.
    """
    stream = zlib.decompressobj(31)
    try:
        data = stream.decompress(packed, most)
        if to_its_end:
            beyond = 0
            while not stream.eof and stream.unconsumed_tail and beyond <= 3 * most:
                beyond += len(stream.decompress(stream.unconsumed_tail, _PIECE))
            if len(data) < most or not stream.eof:
                raise UserError(f"{name} is cut short, or longer than its header says.")
    except zlib.error as error:
        raise UserError(f"{name} is not a .spz file, or damaged ({error}).") from error
    return data


def _byte(values: Floats) -> Ints:
    rounded: Ints = np.rint(values).clip(0, 255).astype(np.uint8)
    return rounded


def _pack_rotations(quats: Floats) -> Ints:
    """(N,) uint32: number of the largest of x y z w, then sign and nine bits for each of the others, in order."""
    xyzw = np.roll(normalize(quats.astype(np.float64)), -1, axis=1)
    largest = np.abs(xyzw).argmax(axis=1)
    xyzw *= np.where(np.take_along_axis(xyzw, largest[:, None], 1) < 0, -1.0, 1.0)
    # Two bits for the number, then for each other component a sign and its size over sqrt(1/2), which none but the
    # largest exceeds; the largest is positive, q and -q being the same, and follows from length 1.
    packed: Ints = largest.astype(np.uint32)
    for value in np.take_along_axis(xyzw, _OTHERS[largest], axis=1).T:
        size = np.rint(np.abs(value) / _HALF * _STEPS).clip(0, _STEPS).astype(np.uint32)
        packed = packed << np.uint32(10) | (value < 0).astype(np.uint32) << np.uint32(9) | size
    return packed


def _unpack_rotations(data: Ints) -> Floats:
    # Fields of ten bits, highest first: parts (N, 3) of sign and size. Put where the others of the largest are, with it
    # what is missing to length 1; the roll makes w x y z of x y z w.
    packed = np.ascontiguousarray(data).view("<u4")[:, 0]
    largest = (packed >> np.uint32(30)).astype(int)
    parts = np.stack([packed >> np.uint32(shift) & np.uint32(1023) for shift in (20, 10, 0)], axis=1).astype(int)
    small = (parts & _STEPS) / _STEPS * _HALF * np.where(parts > _STEPS, -1.0, 1.0)
    xyzw = np.zeros((len(packed), 4))
    np.put_along_axis(xyzw, _OTHERS[largest], small, axis=1)
    np.put_along_axis(xyzw, largest[:, None], np.sqrt(np.maximum(1 - (small**2).sum(axis=1), 0))[:, None], axis=1)
    return np.roll(xyzw, 1, axis=1)


def _unpack_first_three(data: Ints) -> Floats:
    """Version 2: x y z in a byte each, w what is missing to length 1."""
    xyz = data / 127.5 - 1
    return np.column_stack([np.sqrt(np.maximum(1 - (xyz**2).sum(axis=1), 0)), xyz])
