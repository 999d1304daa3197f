"""Gaussians in binary glTF with `KHR_gaussian_splatting` (ratified): one frame in a file, or a whole shot in one.

Positions, rotations (x y z w), linear scales, opacities 0..1 and the constant spherical harmonic are attributes of a
point primitive; axes are right, up, back, metres; colours are display-referred sRGB. The extension says nothing about
Gaussians that change in time, and core glTF animates nodes, not attributes; so a shot in one file is a flip book: a
node for each frame, shown by its scale, which jumps between 0 and 1. What is the same in all frames is stored once.
"""

from __future__ import annotations

import json
import os
import struct
from typing import BinaryIO

import numpy as np

from ..core.errors import UserError
from ..core.formats.ply import SH_C0
from ..core.gaussians import Gaussians, normalize
from ..core.whole_file import whole_file
from .reel import Reel

EXTENSION = "KHR_gaussian_splatting"
_FLOAT, _POINTS, _MOST_BYTES = 5126, 0, 2**32 - 1
_TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}
_MOVING = ("POSITION", f"{EXTENSION}:ROTATION", f"{EXTENSION}:OPACITY")
_STILL = (f"{EXTENSION}:SCALE", f"{EXTENSION}:SH_DEGREE_0_COEF_0")


class _Document:
    """The JSON of a glTF whose one buffer is laid out before it is filled: every attribute is 32-bit floats."""

    def __init__(self) -> None:
        self.size = 0
        self.accessors: list[dict] = []
        self.views: list[dict] = []
        self.meshes: list[dict] = []

    def accessor(self, count: int, width: int, low: list[float] | None = None, high: list[float] | None = None) -> int:
        """Room for (count, width) floats; returns its number."""
        self.views.append({"buffer": 0, "byteOffset": self.size, "byteLength": 4 * count * width})
        limits = {"min": low, "max": high} if low is not None else {}
        kind = {"componentType": _FLOAT, "count": count, "type": _TYPES[width], **limits}
        self.accessors.append({"bufferView": len(self.views) - 1, **kind})
        self.size += 4 * count * width
        return len(self.accessors) - 1

    def splats(self, attributes: dict[str, int]) -> None:
        """A mesh of Gaussians."""
        about = {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}
        primitive = {"mode": _POINTS, "attributes": attributes, "extensions": {EXTENSION: about}}
        self.meshes.append({"primitives": [primitive]})

    def head(self, **more: object) -> bytes:
        """Everything of the file that comes before the buffer's bytes. Raises UserError beyond glTF's 4 GB."""
        nodes = [{"mesh": i} for i in range(len(self.meshes))]
        document = {
            "asset": {"version": "2.0", "generator": "EmoDiffTalk"},
            "extensionsUsed": [EXTENSION],
            "scene": 0,
            "scenes": [{"nodes": list(range(len(nodes)))}],
            "nodes": nodes,
            "meshes": self.meshes,
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": self.size}],
            **more,
        }
        text = json.dumps(document, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + self.size
        if total > _MOST_BYTES:
            raise UserError(
                f"A .glb holds 4 GB at most, these frames need {total / 1e9:.1f} GB: export one file per frame."
            )
        return (
            struct.pack("<4sII", b"glTF", 2, total)
            + struct.pack("<I4s", len(text), b"JSON")
            + text
            + struct.pack("<I4s", self.size, b"BIN\0")
        )


def write_glb(path: str | os.PathLike, gaussians: Gaussians) -> None:
    """Write Gaussians in RUB axes, whole or not at all, in the order they have.

    Raises UserError when a number is not finite, OSError when the file cannot be written.
    """
    columns = _columns(gaussians)
    document = _Document()
    attributes = {}
    for name, values in columns.items():
        count, width = values.shape
        limits = (values.min(axis=0).tolist(), values.max(axis=0).tolist()) if name == "POSITION" else (None, None)
        attributes[name] = document.accessor(count, width, *limits)
    document.splats(attributes)
    with whole_file(path) as stream:
        stream.write(document.head())
        for values in columns.values():
            stream.write(values.tobytes())


def write_animated_glb(path: str | os.PathLike, reel: Reel) -> None:
    """Write a shot in RUB axes as a flip book, read one by one and never kept: memory does not grow with the frames.

    Scales and colours are those of frame 0. Raises UserError as `write_glb` and beyond 4 GB, and Cancelled.
    """
    frames, first = len(reel), _columns(reel.frame(0))
    document = _Document()
    still = {name: document.accessor(len(first[name]), first[name].shape[1]) for name in _STILL}
    # glTF wants the range of positions before any is written: wide enough for a head that talks and moves.
    reach = _reach(reel)
    for _ in range(frames):
        limits = {"POSITION": reach}
        moving = {
            name: document.accessor(len(first[name]), first[name].shape[1], *limits.get(name, (None, None)))
            for name in _MOVING
        }
        document.splats(still | moving)
    flips = [_flip(i, frames, reel.fps) for i in range(frames)]
    times = [document.accessor(3, 1, [0.0], [float(when[-1])]) for when, _ in flips]
    shown = [document.accessor(3, 3) for _ in flips]
    samplers = [{"input": t, "output": s, "interpolation": "STEP"} for t, s in zip(times, shown, strict=True)]
    channels = [{"sampler": i, "target": {"node": i, "path": "scale"}} for i in range(frames)]
    head = document.head(animations=[{"name": "Shot", "samplers": samplers, "channels": channels}])
    with whole_file(path) as stream:
        stream.write(head)
        _write(stream, first, _STILL)
        for i in range(frames):
            _write(stream, _columns(reel.frame(i)), _MOVING)
            reel.written(i)
        for when, _ in flips:
            stream.write(when.tobytes())
        for _, size in flips:
            stream.write(size.tobytes())


def _flip(i: int, frames: int, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Three times (3,) in seconds and scales (3, 3): frame i is seen for the length of a frame, the last one stays."""
    if i == 0:
        when, size = (0.0, 1 / fps, 2 / fps), (1.0, float(frames == 1), float(frames == 1))
    else:
        when, size = (0.0, i / fps, (i + 1) / fps), (0.0, 1.0, float(i == frames - 1))
    return np.array(when, "<f4"), np.repeat(np.array(size, "<f4")[:, None], 3, axis=1)


def _columns(g: Gaussians) -> dict[str, np.ndarray]:
    """Attributes by name, (N, width) float32."""
    # wxyz rolled to glTF's x y z w; a colour c as the constant harmonic (c - 0.5) / Y_00, which splats are stored by.
    columns = {
        "POSITION": g.means,
        f"{EXTENSION}:ROTATION": np.roll(normalize(g.quats), -1, axis=1),
        f"{EXTENSION}:OPACITY": g.opacities[:, None].clip(0, 1),
        f"{EXTENSION}:SCALE": g.scales,
        f"{EXTENSION}:SH_DEGREE_0_COEF_0": (g.colors - 0.5) / SH_C0,
    }
    columns = {name: np.ascontiguousarray(values, "<f4") for name, values in columns.items()}
    if not all(np.isfinite(values).all() for values in columns.values()):
        raise UserError("These Gaussians contain numbers that are not finite: generate the take again.")
    return columns


def _write(stream: BinaryIO, columns: dict[str, np.ndarray], names: tuple[str, ...]) -> None:
    for name in names:
        stream.write(columns[name].tobytes())


def _reach(reel: Reel) -> tuple[list[float], list[float]]:
    # Least and most (3,) over all frames, one frame in memory at a time.
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for i in range(len(reel)):
        means = reel.frame(i).means
        low, high = np.minimum(low, means.min(axis=0)), np.maximum(high, means.max(axis=0))
    return low.tolist(), high.tolist()
