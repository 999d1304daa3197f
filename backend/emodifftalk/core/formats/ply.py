"""Gaussians as the .ply file of 3D Gaussian splatting (INRIA's layout), written and read, in NumPy.

x y z nx ny nz f_dc_0..2 opacity scale_0..2 rot_0..3, float32 little-endian; opacity as its logit, scales as natural
logarithms, rotation wxyz, colour as the first spherical harmonic: rgb = 0.5 + 0.28209 f_dc. Our colours do not change
with the direction of view, so the higher harmonics (f_rest) are left out, which every reader we know takes as zero.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..arrays import Floats
from ..errors import UserError
from ..gaussians import Gaussians, expect_bounds, normalize
from ..whole_file import whole_file
from .ply_header import read_elements, read_rows

SH_C0 = 0.28209479177387814
"""The constant spherical harmonic, 1 / (2 sqrt(pi))."""

FIELDS: tuple[str, ...] = (
    *("x", "y", "z", "nx", "ny", "nz"),
    *(f"f_dc_{i}" for i in range(3)),
    "opacity",
    *(f"scale_{i}" for i in range(3)),
    *(f"rot_{i}" for i in range(4)),
)
_LEAST_OPACITY, _LEAST_SCALE = 1e-6, 1e-9


def ply_table(gaussians: Gaussians) -> Floats:
    """The rows of the file, (N, 17) float32, columns in FIELDS order. Raises UserError for non-finite numbers."""
    count = len(gaussians)
    alpha = np.clip(gaussians.opacities.astype(np.float64), _LEAST_OPACITY, 1 - _LEAST_OPACITY)
    # log(a) - log(1 - a) is the logit, with log1p for digits near 1; the clip keeps 0 and 1, which have none, finite.
    table: Floats = np.concatenate(
        [
            gaussians.means,
            np.zeros((count, 3)),  # normals: part of the layout, read by nobody
            (gaussians.colors - 0.5) / SH_C0,
            (np.log(alpha) - np.log1p(-alpha))[:, None],
            np.log(np.maximum(gaussians.scales, _LEAST_SCALE)),
            normalize(gaussians.quats),
        ],
        axis=1,
    ).astype("<f4")
    if not np.isfinite(table).all():
        raise UserError("These Gaussians contain numbers that are not finite: generate the take again.")
    return table


def write_ply(path: str | os.PathLike[str], gaussians: Gaussians) -> None:
    """Write Gaussians to `path`, whole or not at all, in the axes they have (ours: z up, metres).

    Raises UserError when a number is not finite, OSError when the file cannot be written.
    """
    table = ply_table(gaussians)
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    lines += [f"property float {name}" for name in FIELDS]
    header = "\n".join([*lines, "end_header", ""]).encode("ascii")
    with whole_file(path) as stream:
        stream.write(header)
        stream.write(np.ascontiguousarray(table).tobytes())


def read_ply(path: str | os.PathLike[str]) -> Gaussians:
    """The Gaussians of a .ply file, in its own axes. Colours that change with the direction of view (f_rest) are left
    out. Raises UserError when it holds none or is damaged, OSError when it cannot be read."""
    vertex = read_elements(path).get("vertex")
    there = (vertex.dtype.names or ()) if vertex is not None else ()
    missing = [name for name in FIELDS if name not in there and name not in ("nx", "ny", "nz")]
    if vertex is None or missing:
        raise UserError(f"{Path(path).name} holds no Gaussians: it has no {', '.join(missing[:4])}.")
    rows = read_rows(path, vertex)

    def columns(*names: str) -> Floats:
        return np.stack([rows[name].astype(np.float32) for name in names], axis=1)

    # 0.5 + C0 f_dc is the colour seen from everywhere; f_rest would change it with the direction of view.
    return gaussians_of(
        Path(path).name,
        columns("x", "y", "z"),
        columns("rot_0", "rot_1", "rot_2", "rot_3"),
        columns("scale_0", "scale_1", "scale_2"),
        columns("opacity")[:, 0],
        0.5 + SH_C0 * columns("f_dc_0", "f_dc_1", "f_dc_2"),
    )


def gaussians_of(
    name: str, means: Floats, quats: Floats, log_scales: Floats, logits: Floats, colors: Floats
) -> Gaussians:
    """Gaussians from what such files hold: scales (N, 3) as natural logarithms, opacities (N,) as logits.

    Colours a little outside 0..1 are cut. Raises UserError naming the file when a number is not finite or absurd, or a
    rotation has no length.
    """
    # A logit or logarithm may be infinite (opacity 1, scale 0), NaN is damage; the clips below keep `exp` in float32.
    expect_bounds(name, means, np.exp(np.clip(log_scales, -30, 30)), colors)
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.linalg.norm(quats, axis=1)
    if not all(np.isfinite(array).all() for array in (means, quats, colors)) or np.isnan(log_scales).any():
        raise UserError(f"{name} is damaged: it contains numbers that are not finite.")
    if np.isnan(logits).any() or not ((length > 1e-12) & (length < np.inf)).all():
        raise UserError(f"{name} is damaged: a Gaussian has no opacity or no direction.")
    return Gaussians(
        means=np.ascontiguousarray(means, np.float32),
        quats=(quats / length[:, None]).astype(np.float32),
        scales=np.exp(np.clip(log_scales, -30, 20)).astype(np.float32),
        opacities=(1 / (1 + np.exp(-np.clip(logits, -80, 80)))).astype(np.float32),
        colors=np.clip(colors, 0, 1).astype(np.float32),
    )
