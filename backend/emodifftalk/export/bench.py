"""Megabytes and megabytes per second of every export format, beside plyfile writing the same; memory as frames grow.

Run it with `python -m emodifftalk.export.bench [FRAMES]`. The shot is the sample take played over and over; a format of
one file for each frame is written over a folder that is emptied afterwards.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..core.camera import look_at
from ..core.child_process import PACKAGE, SOURCES, environment, module_words
from ..core.formats.gaussian_file import read_gaussians
from ..core.formats.ply import FIELDS, ply_table
from ..core.gaussians import Gaussians
from ..core.process_memory import peak_memory
from .cast import Cast, cast_of_one
from .frame_formats import FRAME_FORMATS
from .sequence import ExportOptions, export_sequence
from .shot_files import SHOT_FORMATS, export_shot

SAMPLES = Path(__file__).parents[3] / "sample_scenes"


def main() -> None:
    """Measure and print."""
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    if len(sys.argv) > 2:
        print(_one(sys.argv[2], frames))
        return
    cast = _shot(1)
    print(f"{frames} frames of {cast.splats:,} Gaussians")
    print(f"{'format':<16}{'MB a frame':>11}{'MB/s':>8}{'ms a frame':>12}{'peak MB':>9}")
    for name in (*FRAME_FORMATS, *SHOT_FORMATS):
        command = module_words(sys.executable, "emodifftalk.export.bench", str(frames), name)
        answer = subprocess.run(command, capture_output=True, text=True, cwd=PACKAGE, env=environment(sources=SOURCES))
        print(f"{name:<16}{answer.stdout.strip() or answer.stderr.strip().splitlines()[-1]}")
    seconds, size = _plyfile(cast.gaussians(0))
    print(f"{'plyfile by row':<16}{size / 1e6:11.2f}{size / 1e6 / seconds:8.0f}{1e3 * seconds:12.0f}")
    pictures = ", ".join(f"{name} {decibel:.1f} dB" for name, decibel in _pictures(cast).items())
    print(f"picture of a frame read back, PSNR at 512²: {pictures}")


def _shot(frames: int) -> Cast:
    cast = cast_of_one(SAMPLES / "subjects" / "nora.safetensors", SAMPLES / "takes" / "hello.safetensors", 25.0)
    again = np.arange(frames) % len(cast)
    head = cast.heads[0]
    return Cast((replace(head, seconds=head.seconds[again], gaze=head.gaze[again]),))


def _one(name: str, frames: int) -> str:
    """A line on one format, from a process of its own: its peak memory is then its own too."""
    with tempfile.TemporaryDirectory() as folder:
        options = ExportOptions(name)
        if name in SHOT_FORMATS:
            done = export_shot(_shot(frames), Path(folder) / "shot", options)
        else:
            done = export_sequence(_shot(frames if name != "sog" else min(frames, 3)), folder, options)
    size, count = done.bytes / 1e6, frames if name in SHOT_FORMATS else done.written
    return f"{size / count:11.2f}{size / done.seconds:8.0f}{1e3 * done.seconds / count:12.0f}{peak_memory() or 0:9d}"


def _plyfile(gaussians: Gaussians) -> tuple[float, int]:
    """Seconds and bytes of the same rows through plyfile, one tuple each, as scripts do it."""
    from plyfile import PlyData, PlyElement

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        rows = np.array([tuple(row) for row in ply_table(gaussians)], dtype=[(name, "f4") for name in FIELDS])
        PlyData([PlyElement.describe(rows, "vertex")]).write(f"{folder}/a.ply")
        return time.perf_counter() - began, Path(folder, "a.ply").stat().st_size


def _pictures(cast: Cast) -> dict[str, float]:
    """PSNR of a rendered frame after each format that is read back."""
    from ..splat.render import render

    wanted = cast.gaussians(0)
    middle = wanted.means[wanted.opacities > 0.5].mean(axis=0)
    camera = look_at(tuple(middle + np.array([0.2, -1.0, 0.05])), tuple(middle), 512, 512, 20.0)
    truth, psnr_of = render(wanted, camera)[0], {}
    for name in ("ply", "compressed-ply", "splat", "spz"):
        with tempfile.TemporaryDirectory() as folder:
            done = export_sequence(cast, folder, ExportOptions(name))
            other = render(read_gaussians(done.files[0]), camera)[0]
        psnr_of[name] = float(10 * np.log10(1 / max(float(np.mean((truth - other) ** 2)), 1e-12)))
    return psnr_of


if __name__ == "__main__":
    main()
