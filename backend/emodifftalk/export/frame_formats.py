"""The formats that take one file for each frame, and what each of them does to the Gaussians."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.child_process import environment, find_program, window_flags
from ..core.errors import UserError
from ..core.formats.compressed_ply import write_compressed_ply
from ..core.formats.dot_splat import write_splat
from ..core.formats.ply import write_ply
from ..core.formats.spz import write_spz
from ..core.gaussians import Gaussians
from ..core.whole_file import whole_file, whole_path
from .glb import write_glb

SOG_TOOL = "splat-transform"


@dataclass(frozen=True)
class FrameFormat:
    """One way to put a frame into a file.

    ending: of the files.
    write: writes Gaussians to a path.
    axes: one of `core.axes.AXES`, what its readers expect.
    loss: in words, empty when nothing is lost.
    ordered: whether row i is the same Gaussian in every frame.
    """

    ending: str
    write: Callable[[Path, Gaussians], None]
    axes: str
    loss: str = ""
    ordered: bool = True


def write_npz(path: str | os.PathLike, gaussians: Gaussians) -> None:
    """The five arrays as they are, float32, under their names; `numpy.load` reads them."""
    with whole_file(path) as stream:
        np.savez(stream, **vars(gaussians))


def write_sog(path: str | os.PathLike, gaussians: Gaussians) -> None:
    """A .sog by PlayCanvas' own tool. It sorts the Gaussians anew in every file.

    Raises UserError when the tool is not on the PATH or fails.
    """
    tool = find_program(SOG_TOOL)
    if tool is None:
        raise UserError(
            "A .sog is written by PlayCanvas' splat-transform, which is not on this computer: install Node.js, then "
            "run “npm install -g @playcanvas/splat-transform”."
        )
    path = Path(path)
    with whole_path(path, ".sog") as whole, tempfile.TemporaryDirectory() as folder:
        write_ply(Path(folder) / "frame.ply", gaussians)
        # It takes its names relative to where it runs; the processor is asked for, since there may be no card.
        command = [tool, "--gpu", "cpu", "-w", "frame.ply", "frame.sog"]
        answer = subprocess.run(
            command, cwd=folder, env=environment(), capture_output=True, text=True, errors="replace",
            creationflags=window_flags(),
        )  # fmt: skip
        made = Path(folder) / "frame.sog"
        if answer.returncode or not made.is_file():
            last = (answer.stderr or answer.stdout).strip().splitlines()
            raise UserError(f"splat-transform could not write the .sog: {last[-1] if last else 'no reason given'}.")
        shutil.move(made, whole)


FRAME_FORMATS: dict[str, FrameFormat] = {
    "ply": FrameFormat(".ply", write_ply, "rdf"),
    "compressed-ply": FrameFormat(
        ".compressed.ply", write_compressed_ply, "rdf", "11-bit positions within chunks of 256, 8-bit colours"
    ),
    "splat": FrameFormat(".splat", write_splat, "rdf", "8-bit rotations and colours"),
    "spz": FrameFormat(".spz", write_spz, "rub", "positions to 0.015 mm, 8-bit logarithmic scales, 8-bit colours"),
    "sog": FrameFormat(".sog", write_sog, "rdf", "quantised by PlayCanvas' tool", ordered=False),
    "glb": FrameFormat(".glb", write_glb, "rub"),
    "npz": FrameFormat(".npz", write_npz, "blender"),
}
