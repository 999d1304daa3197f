"""`text-to-au` and `speech-to-au`: look at what the models read from words and voices."""

from __future__ import annotations

import argparse
import json

import numpy as np

from ..core.facs import AU_LABELS, AU_NAMES, FPS


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add both commands to the parser."""
    text = commands.add_parser(
        "text-to-au",
        help="show the action units that words mean",
        description="Reads a description of a feeling or a face and prints the 17 action units, each from 0 to 1.",
        epilog='example: emodifftalk text-to-au "a worried person trying to smile" --json',
    )
    text.add_argument("prompt", help="plain words, in quotes")
    text.add_argument("--encoder", choices=("auto", "embedded", "openclip"), default="auto", help="text encoder")
    text.add_argument("--json", action="store_true", help='print {"prompt": ..., "aus": {"AU01": ..., ...}}')
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


def _text_to_au(options: argparse.Namespace) -> None:
    from ..jobs import text_to_au

    params = {"text": options.prompt, "encoder": options.encoder}
    found = text_to_au(params, lambda *_: None, lambda: False)
    if options.json:
        print(json.dumps({"prompt": found["prompt"], "aus": found["aus"]}))
        return
    print(f"“{found['prompt']}” as read by {found['encoder']}")
    for name, value in found["aus"].items():
        print(f"  {name}  {AU_LABELS[name]:<22} {value:4.2f} {'█' * round(30 * value)}")


def _speech_to_au(options: argparse.Namespace) -> None:
    from ..speech.audio import load_audio
    from ..speech.encoder import load_speech_to_au
    from .progress import ProgressLine

    wave = load_audio(options.audio)
    model = load_speech_to_au(options.front_end)
    line = ProgressLine(quiet=options.json)
    track = model.predict(wave, progress=line)
    line.close()
    if options.json:
        frames = np.round(track.aus.astype(float), 4).tolist()
        print(json.dumps({"fps": FPS, "names": list(AU_NAMES), "frames": frames}))
        return
    print(f"{len(track.aus)} frames at {FPS} per second, front end: {model.name}")
    for i, name in enumerate(AU_NAMES):
        curve = track.aus[:, i]
        print(f"  {name}  {AU_LABELS[name]:<22} mean {curve.mean():4.2f}  most {curve.max():4.2f}  {_sparkline(curve)}")


def _sparkline(curve: np.ndarray, width: int = 50) -> str:
    pieces = np.array_split(curve, min(width, len(curve)))
    return "".join(" ▁▂▃▄▅▆▇█"[round(8 * float(np.clip(piece.max(), 0, 1)))] for piece in pieces)
