"""Gaussians as the .ply file of 3D Gaussian splatting (INRIA's layout), in NumPy.

x y z nx ny nz f_dc_0..2 opacity scale_0..2 rot_0..3, float32 little-endian; opacity as its logit, scales as natural
logarithms, rotation wxyz, colour as the first spherical harmonic: rgb = 0.5 + 0.28209 f_dc. Our colours do not change
with the direction of view, so the higher harmonics (f_rest) are left out, which every reader we know takes as zero.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from .errors import UserError
from .gaussians import Gaussians, normalize

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


def ply_table(gaussians: Gaussians) -> np.ndarray:
    """The rows of the file, (N, 17) float32, columns in FIELDS order. Raises UserError for non-finite numbers."""
    count = len(gaussians)
    alpha = np.clip(gaussians.opacities.astype(np.float64), _LEAST_OPACITY, 1 - _LEAST_OPACITY)
    table = np.concatenate(
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


def write_ply(path: str | os.PathLike, gaussians: Gaussians) -> None:
    """Write Gaussians to `path`, whole or not at all, in the axes they have (ours: z up, metres).

    Raises UserError when a number is not finite, OSError when the file cannot be written.
    """
    path, table = Path(path), ply_table(gaussians)
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    lines += [f"property float {name}" for name in FIELDS]
    header = "\n".join([*lines, "end_header", ""]).encode("ascii")
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(header)
            stream.write(np.ascontiguousarray(table).tobytes())
        os.chmod(part, 0o644)
        os.replace(part, path)
    except BaseException:
        os.unlink(part)
        raise
