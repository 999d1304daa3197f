"""`export` and `curves`: a take as Gaussians, and as face curves, in the formats of other tools."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..core.axes import AXES
from ..core.errors import UserError
from ..core.progress_line import ProgressLine
from ..core.watch import Watch
from .making import add_subject_and_take, gaze_keys


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add both commands to the parser."""
    from ..export.face_tracks import FORMATS
    from ..export.frame_formats import FRAME_FORMATS
    from ..export.shot_files import SHOT_FORMATS

    export = commands.add_parser(
        "export",
        help="write the Gaussians of a take for other tools",
        description="Writes one file per frame (NAME.0001.ply …) or one for the whole shot, and a manifest beside "
        "them. Interrupted, the same command goes on where it stopped. What formats keep: docs/manual/exporting.md.",
        epilog="example: emodifftalk export take.safetensors --subject nora.safetensors --format spz --out gaussians",
    )
    export.add_argument("positional_take", nargs="?", metavar="TAKE", help="the take (.safetensors)")
    add_subject_and_take(export, take_required=False)
    export.add_argument("--out", required=True, help="folder to write to; the file for formats of one file")
    export.add_argument(
        "--format", choices=(*FRAME_FORMATS, *SHOT_FORMATS), default="ply", help="default: ply", metavar="FORMAT"
    )
    export.add_argument("--name", "--prefix", default="shot", help="file name before the number (default: shot)")
    export.add_argument("--fps", type=float, default=25.0, help="frames per second to export (default 25)")
    export.add_argument("--first", type=int, default=1, help="number of the first frame (default 1)")
    export.add_argument("--step", type=int, default=1, help="from one frame's number to the next (default 1)")
    export.add_argument("--axes", choices=tuple(AXES), default="", help="default: what the format's readers expect")
    export.add_argument("--scale", type=float, default=1.0, help="multiply all lengths (default 1, metres)")
    export.add_argument("--keep", type=float, default=1.0, metavar="SHARE", help="share of the Gaussians, 0 to 1")
    export.add_argument("--overwrite", action="store_true", help="replace files of another export")
    export.set_defaults(run=_export)

    curves = commands.add_parser(
        "curves",
        help="write what a take's face does, for rigs of other tools",
        description="Writes action units, ARKit's 52 shapes (Live Link Face or JSON) or the animation of blend shapes "
        "in USD, so that the same performance drives any rigged character.",
        epilog="example: emodifftalk curves take.safetensors --subject nora.safetensors --format arkit-csv --out nora",
    )
    curves.add_argument("positional_take", nargs="?", metavar="TAKE", help="the take (.safetensors)")
    add_subject_and_take(curves, take_required=False)
    curves.add_argument("--format", choices=tuple(FORMATS), default="arkit-csv", help="default: arkit-csv")
    curves.add_argument("--fps", type=float, default=25.0, help="frames per second (default 25; Live Link Face has 60)")
    curves.add_argument("--out", required=True, help="the file to write (its ending is added when missing)")
    curves.add_argument("--overwrite", action="store_true", help="replace an earlier file")
    curves.set_defaults(run=_curves)


def _export(options: argparse.Namespace) -> None:
    from ..export.cast import cast_of_one
    from ..export.sequence import ExportOptions, export_sequence
    from ..export.shot_files import SHOT_FORMATS, export_shot

    cast = cast_of_one(
        options.subject, _take(options), options.fps, options.start, options.end, gaze_keys(options.gaze)
    )
    chosen = ExportOptions(
        options.format,
        options.name,
        options.first,
        options.step,
        options.fps,
        options.axes,
        options.scale,
        options.keep,
        options.overwrite,
    )
    line = ProgressLine()
    write = export_shot if options.format in SHOT_FORMATS else export_sequence
    done = write(cast, Path(options.out), chosen, Watch(line))
    line.close()
    there = len(done.files) - done.written if len(done.files) > 1 else 0
    rate = f", {done.bytes / 1e6 / max(done.seconds, 1e-9):.0f} MB/s" if done.written else ""
    size = f"{done.bytes / 1e6:.1f} MB written in {done.seconds:.1f} s"
    print(f"{len(done.files)} file(s) in {options.out}: {size}{rate}")
    if there:
        print(f"  {there} were there already")
    for note in done.notes:
        print(f"  {note}")


def _curves(options: argparse.Namespace) -> None:
    from ..export.cast import cast_of_one
    from ..export.face_tracks import write_face_track

    keys = gaze_keys(options.gaze)
    cast = cast_of_one(options.subject, _take(options), options.fps, options.start, options.end, keys)
    path = write_face_track(options.out, cast.heads[0], options.format, options.fps, options.overwrite)
    print(f"{path}: {len(cast)} frames at {options.fps:g} per second")


def _take(options: argparse.Namespace) -> str:
    take = options.positional_take or options.take
    if not take:
        raise UserError(f"Say which take: emodifftalk {options.command} TAKE --subject HEAD --out …")
    return take
