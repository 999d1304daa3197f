"""`drive` and `render`: from a voice to a take, from a take to pictures."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

from ..core.errors import UserError
from ..core.formats.face_curves import perform_with, read_face_curves
from ..core.performance import Performance, Prompt, Style, VoiceStrip, load_performance
from ..core.progress_line import ProgressLine
from ..core.take import STRETCHED
from ..core.watch import Watch


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the two commands to the parser."""
    drive = commands.add_parser(
        "drive",
        help="perform: a subject, a voice and prompts become a take",
        description="Makes a take: listens to the voice, reads the prompts, moves the face by diffusion and writes one "
        "file that plays in Blender, renders and exports.",
        epilog='example: emodifftalk drive --subject nora.safetensors --audio voice.wav --prompt "0.0 calm" '
        '--prompt "1.5 delighted" --out take',
    )
    drive.add_argument("--subject", required=True, help="the trained head (.safetensors)")
    drive.add_argument("--audio", help="a recording (wav, flac, ogg, mp3)")
    drive.add_argument(
        "--prompt",
        action="append",
        default=[],
        metavar='"SECONDS WORDS"',
        help="a feeling from that second on; repeat for more",
    )
    drive.add_argument("--valence", type=float, default=0.0, help="from -1, unpleasant, to 1, pleasant")
    drive.add_argument("--arousal", type=float, default=0.0, help="from -1, sleepy, to 1, excited")
    drive.add_argument(
        "--voice-feeling", type=float, default=0.0, metavar="SHARE", help="how much of the voice's mood to show, 0 to 1"
    )
    drive.add_argument(
        "--curves", metavar="FILE", help="face curves (Live Link Face, ARKit, Audio2Face, OpenFace, action units)"
    )
    drive.add_argument(
        "--curves-mode", choices=("replace", "add"), default="replace", help="instead of the voice's, or beside them"
    )
    drive.add_argument("--performance", help="a performance .json instead of all these (docs/formats/performance.md)")
    drive.add_argument("--out", required=True, help="the take to write (.safetensors is added when missing)")
    drive.add_argument("--mode", choices=("additive", "paper"), default="additive", help="how prompts edit the AUs")
    drive.add_argument("--seed", type=int, default=0, help="another seed, another reading (default 0)")
    drive.add_argument("--steps", type=int, default=10, help="diffusion steps (default 10)")
    kinds = ("diffusion", "gru", "no_codes")
    drive.add_argument("--motion", choices=kinds, default="diffusion", help="the others are ablations, to compare")
    drive.add_argument("--front-end", choices=("auto", "embedded", "hubert"), default="auto")
    drive.add_argument("--text-encoder", choices=("auto", "embedded", "openclip"), default="auto")
    drive.add_argument("--previous", metavar="TAKE", help="an earlier take of this shot: what did not change is kept")
    drive.add_argument(
        "--compact", action="store_true", help="a compact take, a tenth of the size; without it every frame exactly"
    )
    drive.add_argument("--json", action="store_true", help="print the report as JSON")
    drive.set_defaults(run=_drive)

    render = commands.add_parser(
        "render",
        help="render a take to a video or pictures",
        description="Renders a take without Blender, with gsplat on CUDA or our own rasterizer on the CPU.",
        epilog="example: emodifftalk render --subject nora.safetensors --take take.safetensors --audio voice.wav "
        "--out talk.mp4",
    )
    add_subject_and_take(render)
    render.add_argument("--out", required=True, help="a video (.mp4) or a folder for PNG pictures")
    render.add_argument("--audio", help="voice to put on the video")
    render.add_argument("--size", type=int, default=512, help="pixels, square (default 512)")
    render.add_argument("--angle", type=float, default=0.0, help="degrees around the head, 0 is the front")
    render.add_argument("--background", default="0.2,0.2,0.2", help="red,green,blue from 0 to 1; none for alpha")
    render.add_argument("--rasterizer", choices=("auto", "cpu", "gsplat"), default="auto")
    render.set_defaults(run=_render)


def add_subject_and_take(parser: argparse.ArgumentParser, take_required: bool = True) -> None:
    """Which take of which head, from when to when, and where its eyes look."""
    parser.add_argument("--subject", required=True, help="the trained head (.safetensors)")
    parser.add_argument("--take", required=take_required, help="the take (.safetensors)")
    parser.add_argument("--start", type=float, default=0.0, help="first second")
    parser.add_argument("--end", type=float, help="last second (default: the whole take)")
    parser.add_argument(
        "--gaze",
        action="append",
        default=[],
        metavar='"SECONDS LEFT UP"',
        help="where the eyes look at that second, degrees to the head's left and up; repeat for more",
    )


def _drive(options: argparse.Namespace) -> None:
    from ..perform.pipeline import PerformSettings, perform

    if options.performance:
        if options.audio or options.prompt:
            raise UserError("Give either --performance or --audio and --prompt.")
        performance = load_performance(options.performance)
    elif options.audio:
        performance = Performance(
            voice=(VoiceStrip(Path(options.audio)),),
            prompts=tuple(_prompt(text) for text in options.prompt),
            valence=((0.0, _share(options.valence, "valence", -1.0)),),
            arousal=((0.0, _share(options.arousal, "arousal", -1.0)),),
            seed=options.seed,
            style=Style(mode=options.mode, voice_feeling=_share(options.voice_feeling, "feeling of the voice", 0.0)),
        )
    elif options.curves:
        performance = Performance(prompts=tuple(_prompt(text) for text in options.prompt), seed=options.seed)
    else:
        raise UserError("Say what to perform: --audio voice.wav, --curves face.csv, or --performance file.json.")
    if options.curves:
        performance = _with_curves(performance, options)
    out = Path(options.out)
    out = out if out.suffix == ".safetensors" else out.with_name(out.name + ".safetensors")
    settings = PerformSettings(options.front_end, options.text_encoder, options.motion, options.steps)
    line = ProgressLine(quiet=options.json)
    report = perform(options.subject, performance, out, settings, Watch(line), options.previous, options.compact)
    line.close()
    if options.json:
        data = {"take": str(out), "frames": report.frames, "stages": report.stages, "models": report.models}
        data |= {"recomputed": report.recomputed, "note": report.note, "unread": list(report.unread)}
        data |= {"least_confidence": float(report.confidence.min())}
        print(json.dumps(data))
        return
    print(f"{out}: {report.frames} frames in {sum(report.stages.values()):.1f} s")
    print("  " + ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report.stages.items()))
    print("  " + ", ".join(f"{role.replace('_', ' ')}: {name}" for role, name in report.models.items()))
    if report.recomputed < report.frames:
        print(f"  {report.frames - report.recomputed} frames are those of {options.previous}")
    elif report.note:
        print(f"  {report.note}")
    for sentence in report.unread:
        print(f"  {sentence}")
    stretched = int((report.confidence < STRETCHED).sum())
    if stretched:
        print(f"  {stretched} frames stretch beyond what the subject was trained on: emodifftalk inspect {out}")


def _with_curves(performance, options: argparse.Namespace):
    curves = read_face_curves(options.curves)
    if not options.json:
        print(f"{options.curves}: {curves.kind}, {len(curves.times)} rows over {curves.times[-1]:.2f} s")
        for note in curves.notes:
            print(f"  {note}")
    return perform_with(performance, curves, options.curves_mode)


def _share(value: float, what: str, least: float) -> float:
    if not least <= value <= 1.0:
        raise UserError(f"The {what} goes from {least:g} to 1, {value:g} does not fit.")
    return value


def _prompt(text: str):
    seconds, _, words = text.strip().partition(" ")
    try:
        start = float(seconds)
    except ValueError:
        start, words = 0.0, text
    if not words.strip():
        raise UserError(f'The prompt “{text}” has no words; write it like --prompt "1.5 delighted".')
    return Prompt(text=words.strip(), start=start)


def gaze_keys(texts: list[str]) -> tuple[tuple[float, float, float], ...]:
    """Keyframes of a gaze, seconds and radians, from words like “1.5 20 -5”. Raises UserError for other words."""
    keys = []
    for text in texts:
        try:
            seconds, left, up = (float(part) for part in text.split())
        except ValueError:
            raise UserError(f"The gaze “{text}” is not seconds, degrees left, degrees up, like “1.5 20 -5”.") from None
        keys.append((seconds, math.radians(left), math.radians(up)))
    return tuple(sorted(keys))


def _render(options: argparse.Namespace) -> None:
    from ..export.pictures import RenderSettings, render_take

    line = ProgressLine()
    settings = RenderSettings(
        size=options.size,
        angle=options.angle,
        background=_background(options.background),
        start=options.start,
        end=options.end,
        audio=options.audio,
        rasterizer=options.rasterizer,
        gaze=gaze_keys(options.gaze),
    )
    done = render_take(options.subject, options.take, options.out, settings, Watch(line))
    line.close()
    each = 1000 * done.seconds / max(done.frames, 1)
    print(f"{options.out}: {done.frames} frames, {each:.0f} ms each, {done.rasterizer}")


def _background(text: str) -> tuple[float, float, float] | None:
    if text.strip().lower() in ("none", "transparent"):
        return None
    try:
        red, green, blue = (float(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"The background “{text}” is not red,green,blue from 0 to 1, nor none.") from None
    return red, green, blue
