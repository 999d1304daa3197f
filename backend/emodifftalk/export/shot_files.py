"""The formats that take a whole shot in one file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..core.axes import turned
from ..core.errors import UserError
from ..core.gaussians import Gaussians
from ..core.watch import UNWATCHED, Watch
from ..core.whole_file import folder_for_files, whole_path
from .cast import Cast
from .glb import write_animated_glb
from .reel import Reel
from .sequence import ExportOptions, ExportReport, check_options, expect_room, notes_on, shot_manifest, write_manifest
from .usd import write_usd_points, write_usd_splats


@dataclass(frozen=True)
class ShotFormat:
    """One way to put a shot into a file.

    ending: of the file.
    write: writes a shot to a path.
    axes: one of `core.axes.AXES`, what its readers expect.
    bytes_each: per Gaussian and frame, about.
    loss: in words, empty when nothing is lost.
    ordered: whether a Gaussian can be followed through the frames.
    """

    ending: str
    write: Callable[[Path, Reel], None]
    axes: str
    bytes_each: float
    loss: str = ""
    ordered: bool = True


SHOT_FORMATS: dict[str, ShotFormat] = {
    "glb-animated": ShotFormat(
        ".glb", write_animated_glb, "rub", 32, "scales and colours are those of the first frame"
    ),
    "usd": ShotFormat(".usdc", write_usd_splats, "rub", 32),
    "usd-half": ShotFormat(
        ".usdc", partial(write_usd_splats, half=True), "rub", 22, "all but positions in half precision"
    ),
    "usd-points": ShotFormat(".usdc", write_usd_points, "rub", 32),
}


def export_shot(cast: Cast, out: Path, options: ExportOptions, watch: Watch = UNWATCHED) -> ExportReport:
    """Write all frames into the file `out`, its ending added when it lacks one, and a manifest beside it.

    Raises UserError when the file exists (unless `options.overwrite`), the disk is too small or it cannot be written,
    and Cancelled; nothing is left behind then.
    """
    kind = SHOT_FORMATS[options.format]
    check_options(options)
    path = out if out.name.endswith(kind.ending) else out.with_name(out.name + kind.ending)
    if path.exists() and not options.overwrite:
        raise UserError(f"{path} exists already: choose another name or allow overwriting.")
    cast = cast.thinned(options.keep)
    axes, began = options.axes or kind.axes, time.perf_counter()
    numbers = [options.first + options.step * i for i in range(len(cast))]
    try:
        with folder_for_files(path.parent):
            expect_room(path.parent, int(kind.bytes_each * cast.splats * len(cast)), "The file")
            frame, manifest = partial(_frame, cast, axes, options.scale), path.with_suffix(".json")
            about = shot_manifest(cast, options, kind, path.name, numbers)
            with whole_path(path, kind.ending) as part:  # not there before its manifest is
                kind.write(part, Reel(frame, numbers, options.fps, axes, watch))
                write_manifest(manifest, about | {"complete": True})
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
    seconds = time.perf_counter() - began
    return ExportReport([path], manifest, len(cast), path.stat().st_size, seconds, notes_on(kind))


def _frame(cast: Cast, axes: str, scale: float, i: int) -> Gaussians:
    return turned(cast.gaussians(i), "blender", axes, scale)
