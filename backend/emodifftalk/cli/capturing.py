"""`capture`: a Blender character becomes a folder of pictures, cameras and template points to learn a subject from."""

from __future__ import annotations

import argparse
import sys

from ..core.dome import VIEWS
from ..core.errors import Cancelled
from ..core.plan import ENGINES
from ..core.progress_line import ProgressLine
from ..core.watch import Watch


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    capture = commands.add_parser(
        "capture",
        help="photograph a character of a .blend file, to train a subject from",
        description="Poses a character by its shape keys (named after ARKit or FACS, or mapped), renders it with "
        "Blender from a dome of calibrated cameras and writes pictures, cameras and template points. Run it again to "
        "go on after an interruption. The .blend file is never changed.",
        epilog="example: emodifftalk capture scene.blend --character Ada --out captures/ada",
    )
    capture.add_argument("blend", help="the .blend file")
    capture.add_argument("--character", default="", help="its face, armature or collection (default: the one there is)")
    capture.add_argument("--out", required=True, help="folder to write to")
    capture.add_argument("--views", type=int, choices=VIEWS, default=11, help="cameras to learn from (default 11)")
    capture.add_argument("--size", type=int, default=512, help="pixels, square (default 512)")
    capture.add_argument("--samples", type=int, default=24, help="render samples (default 24)")
    capture.add_argument("--engine", choices=ENGINES, default="cycles")
    capture.add_argument("--studio-light", action="store_true", help="light it afresh instead of as the scene does")
    capture.add_argument("--mapping", default="", help="JSON: shape names to this character's shape keys")
    capture.add_argument("--voice", default="", help="a recording it speaks (default: the sample sentence)")
    capture.add_argument("--spoken", type=int, default=16, help="moments of the voice to photograph (default 16)")
    capture.add_argument("--credit", default="", help="whose character it is, kept in the subject")
    capture.add_argument("--blender", default="", help="the Blender program (default: blender on the PATH)")
    capture.add_argument("--overwrite", action="store_true", help="replace a capture with other settings")
    capture.set_defaults(run=_capture)


def _capture(options: argparse.Namespace) -> int:
    from ..data.captures.character import capture_character
    from ..data.captures.plan import CaptureRequest

    names = ("character", "views", "size", "samples", "engine", "studio_light", "mapping", "voice", "spoken")
    settings = CaptureRequest(**{name: getattr(options, name) for name in names})
    line = ProgressLine()
    try:
        report = capture_character(
            options.blend, options.out, settings, Watch(line), options.overwrite, options.blender, credit=options.credit
        )
    except (Cancelled, KeyboardInterrupt):
        print("emodifftalk: cancelled; the pictures taken so far are kept, run it again to go on.", file=sys.stderr)
        return 130
    line.close()
    print(f"{report.folder}: {report.pictures} pictures of {report.frames} moments by {report.cameras} cameras")
    if report.missing:
        print(f"  left out, for want of shapes: {', '.join(report.missing)}")
    print(f"  next: emodifftalk train canonical {report.folder} --out head.safetensors")
    return 0
