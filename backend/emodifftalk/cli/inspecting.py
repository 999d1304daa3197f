"""`text-to-au`, `speech-to-au`, `inspect` and `compact`: what the models read from words and voices, and into takes."""

from __future__ import annotations

import argparse
import json

import numpy as np

from ..core.compact_take import compact_take
from ..core.facs import AU_LABELS, AU_NAMES, FPS
from ..core.opening import parse_json
from ..core.progress_line import ProgressLine
from ..core.take import STRETCHED, load_take, stretches
from ..core.watch import UNWATCHED, Watch
from ..serve.jobs import text_to_au


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands to the parser."""
    text = commands.add_parser(
        "text-to-au",
        help="show the action units that words mean",
        description="Reads a description of a feeling or a face and prints the 17 action units, each from 0 to 1.",
        epilog='example: emodifftalk text-to-au "a worried person trying to smile" --json',
    )
    text.add_argument("prompt", help="plain words, in quotes")
    text.add_argument("--encoder", choices=("auto", "embedded", "openclip"), default="auto", help="text encoder")
    text.add_argument("--json", action="store_true", help='print {"prompt", "aus": {"AU01": ...}, "known", "nearest"}')
    text.set_defaults(run=_text_to_au)

    speech = commands.add_parser(
        "speech-to-au",
        help="show the action units a voice predicts, 25 times a second",
        description="Reads a recording (wav, flac, ogg, mp3) and prints the 17 action units of each frame.",
        epilog="example: emodifftalk speech-to-au voice.wav --json > voice_aus.json",
    )
    speech.add_argument("audio", help="the recording")
    speech.add_argument("--front-end", choices=("auto", "embedded", "hubert"), default="auto")
    speech.add_argument("--json", action="store_true", help='print {"fps": 25, "names": [17], "frames": [[17], ...]}')
    speech.set_defaults(run=_speech_to_au)

    take = commands.add_parser(
        "inspect",
        help="say what is in a take, and where it stretches",
        description="Prints what a take was made from, and where the face stretches beyond what its subject was "
        "trained on: confidence is 1 inside and falls with the distance.",
        epilog="example: emodifftalk inspect take.safetensors",
    )
    take.add_argument("take", help="the take (.safetensors)")
    take.add_argument(
        "--json", action="store_true", help='print {"frames", "confidence": {"mean", "least", "stretches"}, ...}'
    )
    take.set_defaults(run=_inspect)

    small = commands.add_parser(
        "compact",
        help="make a take a tenth of its size, for sending and keeping",
        description="Writes the same take as a few components and their weights: it plays, renders and exports like "
        "the whole one, and is made again in part like it.",
        epilog="example: emodifftalk compact take.safetensors --out small.safetensors",
    )
    small.add_argument("take", help="the take (.safetensors)")
    small.add_argument("--out", required=True, help="the compact take to write; may be the same file")
    small.set_defaults(run=_compact)


def _text_to_au(options: argparse.Namespace) -> None:
    params = {"text": options.prompt, "encoder": options.encoder}
    reading = text_to_au(params, UNWATCHED)
    if options.json:
        print(json.dumps({name: reading[name] for name in ("prompt", "aus", "known", "nearest")}))
        return
    print(f"“{reading['prompt']}” as read by {reading['encoder']}")
    if reading["answer"]:
        print(reading["answer"])
    for name, value in reading["aus"].items():
        print(f"  {name}  {AU_LABELS[name]:<22} {value:4.2f} {'█' * round(30 * value)}")


def _speech_to_au(options: argparse.Namespace) -> None:
    from ..speech.audio import load_audio
    from ..speech.encoder import load_speech_to_au

    wave = load_audio(options.audio)
    model = load_speech_to_au(options.front_end)
    line = ProgressLine(quiet=options.json)
    track = model.predict(wave, watch=Watch(line))
    line.close()
    if options.json:
        frames = np.round(track.aus.astype(float), 4).tolist()
        print(json.dumps({"fps": FPS, "names": list(AU_NAMES), "frames": frames}))
        return
    print(f"{len(track.aus)} frames at {FPS} per second, front end: {model.name}")
    for i, name in enumerate(AU_NAMES):
        curve = track.aus[:, i]
        print(f"  {name}  {AU_LABELS[name]:<22} mean {curve.mean():4.2f}  most {curve.max():4.2f}  {_sparkline(curve)}")


def _inspect(options: argparse.Namespace) -> None:
    take = load_take(options.take)
    spans, values = stretches(take.confidence), take.confidence
    about = {key: take.metadata.get(key, "") for key in ("subject", "seed", "version")}
    models = _models(take.metadata.get("models", "{}"))
    if options.json:
        sure = {"mean": float(values.mean()), "least": float(values.min()), "stretches": spans} if take.judged else None
        print(json.dumps({**about, "frames": take.frames, "fps": FPS, "models": models, "confidence": sure}))
        return
    print(f"{take.path.name}: {take.frames} frames, {take.duration:.2f} s at {FPS} per second")
    print("  " + ", ".join(f"{key} {value or 'unknown'}" for key, value in about.items()))
    print("  " + (", ".join(f"{role.replace('_', ' ')}: {name}" for role, name in models.items()) or "models unknown"))
    if not take.judged:
        print("  confidence: this take does not say (it was made by an earlier version)")
        return
    least = int(values.argmin())
    count = sum(end - start for start, end in spans)
    print(f"  confidence: mean {values.mean():.3f}, least {values[least]:.3f} at frame {least}  {_sparkline(values)}")
    print(f"  {count} of {take.frames} frames stretch beyond the training (confidence under {STRETCHED})")
    for start, end in spans:
        here = values[start:end].min()
        print(f"    frames {start} to {end - 1}, {start / FPS:.2f} to {end / FPS:.2f} s: least {here:.3f}")


def _models(text: str) -> dict[str, str]:
    """What a take says it was made with: roles and names; empty when it makes no sense."""
    try:
        models = parse_json(text)
    except ValueError:
        return {}
    return {str(role): str(name) for role, name in models.items()} if isinstance(models, dict) else {}


def _compact(options: argparse.Namespace) -> None:
    done = compact_take(options.take, options.out)
    ratio = done.before / done.after
    print(f"{options.out}: {done.after / 1e6:.1f} MB instead of {done.before / 1e6:.1f} MB, {ratio:.1f} times smaller")
    units = {"offsets": "mm", "rotations": "of a unit quaternion", "opacities": "of full", "tints": "of full"}
    errors = {name: error * (1000 if name == "offsets" else 1) for name, error in done.lost.items()}
    said = ", ".join(f"{name} {error:.4f} {units[name]}" for name, error in errors.items())
    print(f"  root mean square error: {said}")
    if not done.faithful:
        print("  this take moves in more ways than a compact one holds: keep the whole one as well")


def _sparkline(curve: np.ndarray, width: int = 50) -> str:
    pieces = np.array_split(curve, min(width, len(curve)))
    return "".join(" ▁▂▃▄▅▆▇█"[round(8 * float(np.clip(piece.max(), 0, 1)))] for piece in pieces)
