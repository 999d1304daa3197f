"""`check-capture`: what a capture holds and whether every picture of it can be learned from."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np

from ..core.facs import AU_NAMES
from ..core.progress_line import ProgressLine
from ..core.watch import Watch

if TYPE_CHECKING:
    from ..data.captures.readers.record import Capture

_SIZE = 64
"""Pictures are read whole whatever the size asked for: a small one is quick to make of them."""


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    check = commands.add_parser(
        "check-capture",
        help="read a capture or a data set, say what is in it and what is wrong with it",
        description="Reads a capture of our own, EmoTalk3D, RenderMe-360 (.smc), transforms.json or COLMAP as training "
        "would, opens every picture, and prints what was found and what was left out or guessed. Nothing is written. "
        "The exit code is 1, with one sentence that names the first broken file, when it cannot be learned from.",
        epilog="example: emodifftalk check-capture datasets/ada",
    )
    check.add_argument("capture", help="the folder, .smc file or transforms.json")
    check.add_argument("--quick", action="store_true", help="do not open the pictures of every moment")
    check.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> None:
    from ..data.captures.capture import load_capture

    capture = load_capture(options.capture)
    print("\n".join(_found(capture)), flush=True)
    if not options.quick:
        count, share = _open_all(capture)
        print(f"  all {count} pictures can be read; the person fills {share:.0%} of the square around the head")
    for note in capture.notes:
        print(f"  note: {note}")


def _found(capture: Capture) -> list[str]:
    splits = {split: [c for c in capture.cameras.values() if c.split == split] for split in ("train", "test")}
    sizes = sorted({c.camera.width for c in capture.cameras.values()})
    moving = [name for i, name in enumerate(AU_NAMES) if any(frame.aus[i] > 0.05 for frame in capture.frames)]
    said = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return [
        f"{capture.name}: {len(capture.frames)} moments seen by {len(splits['train'])} cameras to learn from and "
        f"{len(splits['test'])} to measure with",
        f"  pictures: squares of {said} pixels a side around the head; {len(capture.seed_points)} points to begin with",
        f"  neutral moment: {capture.frames[0].name}; action units that move: {', '.join(moving) or 'none'}",
        f"  eyeballs: {'known' if len(capture.eye_centers) else 'not known'}; "
        f"{'synthetic' if capture.synthetic else 'not said to be synthetic'}",
        *(f"  {what}: {words}" for what in ("credit", "licence", "consent") if (words := getattr(capture, what))),
    ]


def _open_all(capture: Capture) -> tuple[int, float]:
    """How many pictures there are and how much of them the mattes cover. Raises UserError for the first broken one."""
    from ..data.captures.capture import read_picture

    pictures = [picture for frame in capture.frames for picture in frame.pictures.values()]
    line, covered = ProgressLine(), []
    watch = Watch(line)
    for i, picture in enumerate(pictures):
        covered.append(float(read_picture(picture, _SIZE)[1].mean()))
        watch.say((i + 1) / len(pictures), "opening the pictures")
    line.close()
    return len(pictures), float(np.mean(covered))
