"""`train all`: a capture in, a subject that performs out."""

from __future__ import annotations

import argparse
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..core.errors import Cancelled
from ..core.progress_line import ProgressLine
from ..core.watch import Watch


def add_all(stages: argparse._SubParsersAction) -> None:
    """Add `all` to the stages of `train`."""
    command = stages.add_parser(
        "all",
        help="a whole subject from a capture: canonical rig and stages 1 to 3, with a report page",
        description="Trains the canonical rig, tunes speech to AU to recordings of this person when the capture has "
        "any (stage 1), tunes motion to this face (stage 2), learns how the skin changes (stage 3), and measures the "
        "result on held-out cameras. Interrupted or killed, the same command goes on where it was; what is done lies "
        "in OUT.training until all is. In the end OUT.report.html shows curves, pictures and figures.",
        epilog="examples: emodifftalk train all captures/ada --out ada.safetensors; "
        "emodifftalk train all captures/ada --out ada.safetensors --canonical ada.rig.safetensors",
    )
    command.add_argument("dataset", help="the capture, of any layout that docs/formats/captures.md describes")
    command.add_argument("--out", required=True, help="the subject to write (.safetensors)")
    command.add_argument("--name", default="", help="what the subject is called (default: as the capture is)")
    command.add_argument("--canonical", metavar="FILE", help="begin with this rig or subject instead of training one")
    command.add_argument("--steps", type=int, default=4000, help="of the canonical rig (default 4000)")
    command.add_argument("--size", type=int, default=512, help="pixels of the training pictures (default 512)")
    command.add_argument("--face", type=int, default=20000, help="Gaussians on the face (default 20000)")
    command.add_argument("--densify", type=int, default=0, metavar="COUNT", help="as in train canonical (default 0)")
    command.add_argument("--speech-minutes", type=float, default=4.0, help="at most, of stage 1 (default 4)")
    command.add_argument("--motion-minutes", type=float, default=5.0, help="at most, of stage 2 (default 5)")
    command.add_argument("--motion-utterances", type=int, default=300, help="sentences of stage 2 (default 300)")
    command.add_argument("--appearance-steps", type=int, default=1200, help="at most, of stage 3 (default 1200)")
    command.add_argument("--decoder", choices=("opcnet", "featurenet"), default="opcnet", help="of stage 3")
    command.add_argument("--rasterizer", choices=("auto", "cpu", "gsplat"), default="auto")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--afresh", action="store_true", help="throw away what an earlier, unfinished call has done")
    command.set_defaults(run=_all)


def _all(options: argparse.Namespace) -> None:
    from ..train.rig.steps import CanonicalSettings
    from ..train.subject.all_stages import train_all
    from ..train.subject.stages import AllSettings

    canonical = CanonicalSettings(
        options.steps, options.size, options.face, options.densify, options.rasterizer, options.seed
    )
    settings = AllSettings(
        canonical=canonical,
        canonical_from=options.canonical,
        name=options.name,
        speech_minutes=options.speech_minutes,
        motion_minutes=options.motion_minutes,
        motion_utterances=options.motion_utterances,
        appearance_steps=options.appearance_steps,
        decoder=options.decoder,
        seed=options.seed,
    )
    line = ProgressLine()
    with _interrupted() as cancelled:
        try:
            report = train_all(options.dataset, options.out, settings, Watch(line, cancelled), options.afresh)
        except Cancelled:
            line.close()
            raise Cancelled("what is done is kept: the same command goes on") from None
    line.close()
    for stage in report["stages"]:
        print(f"{stage['title']}: {stage['said']}")
    print(f"Held out: {json.dumps(report['held_out'])}")
    print(f"Subject {options.out}, report {options.out}.report.html")


@contextmanager
def _interrupted() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed: the stage at work may save what it has. Pressed again, it ends at once."""
    pressed: list[bool] = []

    def note(number: int, frame: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(True)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
