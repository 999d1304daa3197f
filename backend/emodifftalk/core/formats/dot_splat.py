"""Gaussians as a .splat file: 32 bytes each, no header.

Position 3 float32, scale 3 float32 (linear), colour and opacity 4 bytes, rotation w x y z 4 bytes (128 is 0).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..gaussians import Gaussians, expect_bounds, normalize
from ..opening import read_bytes
from ..whole_file import whole_file

_MOST_BYTES = 4 << 30
"""A hundred million Gaussians and more."""
_ROW = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("rgba", "u1", 4), ("rot", "u1", 4)])


def write_splat(path: str | os.PathLike[str], gaussians: Gaussians) -> None:
    """Write Gaussians, whole or not at all, in the axes and the order they have.

    Raises UserError when a number is not finite, OSError when the file cannot be written.
    """
    rows = np.zeros(len(gaussians), _ROW)
    rows["mean"], rows["scale"] = gaussians.means, gaussians.scales
    rgba = np.column_stack([gaussians.colors, gaussians.opacities])
    finite = all(np.isfinite(array).all() for array in (rows["mean"], rows["scale"], rgba, gaussians.quats))
    if not finite:
        raise UserError("These Gaussians contain numbers that are not finite: generate the take again.")
    rows["rgba"] = np.rint(rgba.clip(0, 1) * 255)
    # Components -1..1 as bytes around 128; 1 itself would be 256, so it loses 1/128.
    rows["rot"] = np.rint(normalize(gaussians.quats) * 128 + 128).clip(0, 255)
    with whole_file(path) as stream:
        stream.write(rows.tobytes())


def read_splat(path: str | os.PathLike[str]) -> Gaussians:
    """The Gaussians of a .splat file, in its own axes. Raises UserError when it is damaged, OSError when it cannot be
    read."""
    name = Path(path).name
    data = read_bytes(path, _MOST_BYTES)
    if len(data) % _ROW.itemsize:
        raise UserError(f"{name} is cut short, or not a .splat file: its length is not a multiple of 32 bytes.")
    rows = np.frombuffer(data, _ROW)
    if not (np.isfinite(rows["mean"]).all() and np.isfinite(rows["scale"]).all()):
        raise UserError(f"{name} is damaged: it contains numbers that are not finite.")
    expect_bounds(name, rows["mean"], rows["scale"], np.zeros(0))
    rgba = rows["rgba"].astype(np.float32) / 255
    quats = (rows["rot"].astype(np.float32) - 128) / 128
    # Four bytes of 128 are no direction: a rotation of nothing, as other readers take it.
    quats[np.linalg.norm(quats, axis=1) < 1e-3] = (1, 0, 0, 0)
    return Gaussians(
        means=rows["mean"].copy(),
        quats=normalize(quats).astype(np.float32),
        scales=rows["scale"].clip(0, None),
        opacities=rgba[:, 3].copy(),
        colors=rgba[:, :3].copy(),
    )
