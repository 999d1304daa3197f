"""A take as numbered .ply files, one per frame."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..core.errors import UserError
from ..core.gaze import GazeKeys, gaze_at, gazing
from ..core.ply import write_ply
from ..core.subject import load_subject
from ..core.take import load_take
from .framing import moments


def export_ply_sequence(
    subject_path: str | os.PathLike,
    take_path: str | os.PathLike,
    out: str | os.PathLike,
    prefix: str = "frame",
    fps: float = 25.0,
    start: float = 0.0,
    end: float | None = None,
    overwrite: bool = False,
    progress: Callable[[float, str], None] | None = None,
    gaze: GazeKeys = (),
) -> list[Path]:
    """Write PREFIX0000.ply … into folder `out`, object space, and return the paths.

    gaze: where the eyes look, in seconds of the take.

    Raises UserError when a file already exists (unless `overwrite`), cannot be written, or take and subject differ.
    """
    if Path(prefix).name != prefix:
        raise UserError(f"The prefix “{prefix}” must be a plain file name.")
    subject, take = load_subject(subject_path), load_take(take_path)
    times = moments(take, fps, start, end)
    folder = Path(out)
    paths = [folder / f"{prefix}{i:04d}.ply" for i in range(len(times))]
    if not overwrite and (old := next((p for p in paths if p.exists()), None)):
        raise UserError(f"{old} exists already: choose another folder or allow overwriting.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for i, (path, seconds) in enumerate(zip(paths, times, strict=True)):
            write_ply(path, gazing(subject, take.at(seconds), gaze_at(gaze, seconds)))
            if progress:
                progress((i + 1) / len(paths), "Writing Gaussians")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return paths
