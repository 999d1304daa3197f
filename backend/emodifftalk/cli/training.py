"""`train`: the stages of section 3.4, each one command."""

from __future__ import annotations

import argparse
import json

from ..core.errors import UserError
from ..core.progress_line import ProgressLine
from ..core.watch import Watch
from .train_all import add_all


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add `train` and its stages to the parser."""
    train = commands.add_parser(
        "train",
        help="train a subject or one of the models",
        description="Each stage shows its progress, can be interrupted, and prints a report when done.",
    )
    stages = train.add_subparsers(dest="stage", required=True, metavar="STAGE")

    add_all(stages)
    _add_canonical(stages)
    _add_appearance(stages)
    _add_measure(commands)
    _add_speech(stages)
    _add_motion(stages)
    _add_text(stages)
    _add_affect(stages)


def _add_canonical(stages: argparse._SubParsersAction) -> None:
    canonical = stages.add_parser(
        "canonical",
        help="the canonical Gaussian rig of a subject, from a capture (3.1)",
        epilog="example: emodifftalk train canonical capture/ --out ada.safetensors",
    )
    canonical.add_argument("capture", help="capture folder (capture.json inside)")
    canonical.add_argument("--out", required=True, help="the subject to write")
    canonical.add_argument("--name", default="", help="what the subject is called (default: as the capture is)")
    canonical.add_argument("--steps", type=int, default=4000)
    canonical.add_argument("--size", type=int, default=512, help="pixels of the training pictures")
    canonical.add_argument("--face", type=int, default=20000, help="Gaussians on the face (default 20000)")
    canonical.add_argument(
        "--densify",
        type=int,
        default=0,
        metavar="COUNT",
        help="add up to COUNT Gaussians where the pictures ask for them (default 0: a fixed number, as in the paper)",
    )
    canonical.add_argument("--rasterizer", choices=("auto", "cpu", "gsplat"), default="auto")
    canonical.add_argument("--seed", type=int, default=0)
    canonical.set_defaults(run=_canonical)


def _add_appearance(stages: argparse._SubParsersAction) -> None:
    appearance = stages.add_parser(
        "appearance",
        help="RotNet, OPCNet and the feature line of a subject (stage 3)",
        epilog="example: emodifftalk train appearance capture/ --subject rig.safetensors --out ada.safetensors",
    )
    appearance.add_argument("capture", help="capture folder")
    appearance.add_argument("--subject", required=True, help="the subject with its canonical rig")
    appearance.add_argument("--out", required=True, help="the subject to write")
    appearance.add_argument("--steps", type=int, default=1200, help="pictures to learn from, one each (default 1200)")
    appearance.add_argument(
        "--decoder",
        choices=("opcnet", "featurenet"),
        default="opcnet",
        help="what shades the skin: opacity by OPCNet, as EmoDiffTalk, or colour by FeatureNet, as EmoTalk3D",
    )
    appearance.add_argument(
        "--without-codes", action="store_true", help="OPCNet that is told no AU codes: an ablation, for evaluation only"
    )
    appearance.add_argument(
        "--no-validation", action="store_true", help="learn from every training picture and never stop early"
    )
    appearance.set_defaults(run=_appearance)


def _add_measure(commands: argparse._SubParsersAction) -> None:
    measure = commands.add_parser(
        "measure",
        help="compare a finished subject with the held-out pictures of its capture",
        description="Draws the subject as the held-out cameras saw every captured frame and prints PSNR and SSIM.",
        epilog="example: emodifftalk measure ada.safetensors captures/ada --sheet ada.png",
    )
    measure.add_argument("subject", help="the subject (.safetensors)")
    measure.add_argument("capture", help="the capture it was learned from")
    measure.add_argument("--size", type=int, default=512, help="pixels of the pictures (default 512)")
    measure.add_argument("--sheet", help="a .png to write: eight sides and six expressions beside the photographs")
    measure.add_argument("--poses", default="", help="frames of the capture for the sheet, like happy,sad,angry")
    measure.set_defaults(run=_measure)


def _add_speech(stages: argparse._SubParsersAction) -> None:
    speech = stages.add_parser("speech", help="speech to AU, on speech synthesised with espeak-ng and flite (stage 1)")
    speech.add_argument("--out", required=True, help="the model to write")
    speech.add_argument("--front-end", choices=("embedded", "hubert"), default="embedded", help="what it listens with")
    speech.add_argument("--seed", type=int, default=0)
    speech.add_argument("--minutes", type=float, default=14.0, help="wall time to train, at most")
    speech.add_argument("--utterances", type=int, default=3200, help="utterances to synthesise first")
    speech.add_argument("--start", help="an embedded model to train further")
    speech.set_defaults(run=_speech)


def _add_motion(stages: argparse._SubParsersAction) -> None:
    motion = stages.add_parser("motion", help="AU-prompt diffusion (stage 2), or a network of the ablation")
    motion.add_argument("--out", required=True, help="the model to write")
    motion.add_argument("--kind", choices=("diffusion", "gru", "no_codes"), default="diffusion")
    motion.add_argument("--seed", type=int, default=0)
    motion.add_argument("--minutes", type=float, default=12.0, help="wall time to train")
    motion.add_argument("--steps", type=int, help="train for so many steps instead, to compare networks fairly")
    motion.set_defaults(run=_motion)


def _add_text(stages: argparse._SubParsersAction) -> None:
    text = stages.add_parser("text", help="text to AU (stage 4)")
    text.add_argument("--out", required=True, help="the model to write")
    text.add_argument("--encoder", choices=("embedded", "openclip"), default="embedded")
    text.add_argument("--seed", type=int, default=0)
    text.set_defaults(run=_text)


def _add_affect(stages: argparse._SubParsersAction) -> None:
    affect = stages.add_parser(
        "affect",
        help="valence and arousal of a voice, on moods spoken by espeak-ng and flite",
        description="Everything it learns from, and all its figures, are synthetic voices.",
        epilog="example: emodifftalk train affect --out voice_affect.safetensors",
    )
    affect.add_argument("--out", required=True, help="the model to write")
    affect.add_argument("--seed", type=int, default=0)
    affect.add_argument("--sessions", type=int, default=1800, help="recordings to synthesise first (default 1800)")
    affect.add_argument("--epochs", type=int, default=12, help="passes over them (default 12)")
    affect.add_argument("--no-report", action="store_true", help="leave out the figures on held-out voices")
    affect.set_defaults(run=_affect)


def _report(report: object) -> None:
    print(json.dumps(report, indent=1, default=str))


def _canonical(options: argparse.Namespace) -> None:
    from ..train.rig.canonical import train_canonical
    from ..train.rig.steps import CanonicalSettings

    settings = CanonicalSettings(
        options.steps, options.size, options.face, options.densify, options.rasterizer, options.seed
    )
    _report(train_canonical(options.capture, options.out, settings, Watch(ProgressLine()), options.name))


def _measure(options: argparse.Namespace) -> None:
    from ..train.subject.measure import measure

    poses = tuple(name for name in options.poses.split(",") if name)
    _report(measure(options.subject, options.capture, options.size, options.sheet, poses))


def _appearance(options: argparse.Namespace) -> None:
    from ..train.looks.appearance import AppearanceSettings, train_appearance

    if options.without_codes and options.decoder != "opcnet":
        raise UserError("Only OPCNet can be trained without AU codes: leave out --decoder featurenet.")
    settings = AppearanceSettings(
        steps=options.steps,
        decoder=options.decoder,
        codes=not options.without_codes,
        validate=not options.no_validation,
    )
    _report(train_appearance(options.capture, options.subject, options.out, settings, Watch(ProgressLine())))


def _speech(options: argparse.Namespace) -> None:
    from ..train.speech.speech_to_au import SpeechSettings, train_speech_to_au

    settings = SpeechSettings(
        minutes=options.minutes,
        seed=options.seed,
        utterances=options.utterances,
        front_end=options.front_end,
        start=options.start,
    )
    _report(train_speech_to_au(options.out, settings, Watch(ProgressLine())))


def _motion(options: argparse.Namespace) -> None:
    from ..train.motion.learner import MotionSettings, train_motion

    settings = MotionSettings(options.kind, options.minutes, options.seed, steps=options.steps)
    _report(train_motion(options.out, settings, Watch(ProgressLine())))


def _text(options: argparse.Namespace) -> None:
    from ..train.words.text_to_au import TextToAUSettings, train_text_to_au

    _report(train_text_to_au(options.out, TextToAUSettings(options.encoder, options.seed), Watch(ProgressLine())))


def _affect(options: argparse.Namespace) -> None:
    from ..train.speech.voice_affect import VoiceAffectSettings, train_voice_affect

    settings = VoiceAffectSettings(options.sessions, options.epochs, options.seed, measure=not options.no_report)
    _report(train_voice_affect(options.out, settings, Watch(ProgressLine())))
