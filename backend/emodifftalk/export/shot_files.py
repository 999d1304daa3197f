"""The formats that take a whole shot in one file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..core.axes import turned
from ..core.errors import UserError
from ..core.gaussians import Gaussians
from ..core.watch import UNWATCHED, Watch
from .cast import Cast
from .glb import write_animated_glb
from .sequence import ExportOptions, ExportReport, check_options, expect_room, notes_on, shot_manifest, write_manifest
from .usd import write_usd_points, write_usd_splats

FrameOf = Callable[[int], Gaussians]


@dataclass(frozen=True)
class ShotFormat:
    """ending: of the file. write: (path, frames, frame i, options, told), where told(i) is called after each frame and
    may raise. axes: one of `core.axes.AXES`, what its readers expect. bytes_each: per Gaussian and frame, about. loss:
    in words, empty when nothing is lost."""

    ending: str
    write: Callable[[Path, int, FrameOf, ExportOptions, Callable[[int], None]], None]
    axes: str
    bytes_each: float
    loss: str = ""
    ordered: bool = True


def _glb(path: Path, frames: int, frame: FrameOf, options: ExportOptions, told: Callable[[int], None]) -> None:
    write_animated_glb(path, frames, frame, options.fps, told)


def _numbers(frames: int, options: ExportOptions) -> list[int]:
    return [options.first + options.step * i for i in range(frames)]


def _up(options: ExportOptions) -> str:
    return "Z" if options.axes == "blender" else "Y"


def _usd(half: bool) -> Callable[[Path, int, FrameOf, ExportOptions, Callable[[int], None]], None]:
    def write(path: Path, frames: int, frame: FrameOf, options: ExportOptions, told: Callable[[int], None]) -> None:
        write_usd_splats(path, frames, frame, _numbers(frames, options), options.fps, _up(options), half, told)

    return write


def _points(path: Path, frames: int, frame: FrameOf, options: ExportOptions, told: Callable[[int], None]) -> None:
    write_usd_points(path, frames, frame, _numbers(frames, options), options.fps, _up(options), told)


SHOT_FORMATS: dict[str, ShotFormat] = {
    "glb-animated": ShotFormat(".glb", _glb, "rub", 32, "scales and colours are those of the first frame"),
    "usd": ShotFormat(".usdc", _usd(half=False), "rub", 32),
    "usd-half": ShotFormat(".usdc", _usd(half=True), "rub", 22, "all but positions in half precision"),
    "usd-points": ShotFormat(".usdc", _points, "rub", 32),
}


def export_shot(
    cast: Cast,
    out: Path,
    options: ExportOptions,
    watch: Watch = UNWATCHED,
) -> ExportReport:
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

    def told(i: int) -> None:
        watch.check()
        watch.say((i + 1) / len(cast), f"Writing frame {i + 1} of {len(cast)}")

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        expect_room(path.parent, int(kind.bytes_each * cast.splats * len(cast)), "The file")
        frame = lambda i: turned(cast.gaussians(i), "blender", axes, options.scale)  # noqa: E731
        kind.write(path, len(cast), frame, options, told)
        manifest = path.with_suffix(".json")
        about = shot_manifest(cast, options, kind, path.name, _numbers(len(cast), options))
        write_manifest(manifest, about | {"complete": True})
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
    seconds = time.perf_counter() - began
    return ExportReport([path], manifest, len(cast), path.stat().st_size, seconds, notes_on(kind))
