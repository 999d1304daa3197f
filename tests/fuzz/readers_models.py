"""Readers of what the backend learned and of what it is asked: they need torch."""

from __future__ import annotations

import importlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from emodifftalk.core.opening import parse_json
from emodifftalk.core.protocol import read_message, write_message
from tests.helpers.places import BACKEND

from .reader import Reader, content

_MODELS = BACKEND / "emodifftalk" / "models"
_LAST = 424242
"""Number of the request that ends every stream: whoever still listens answers it."""


def _shipped(name: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        shutil.copyfile(_MODELS / name, folder / name)
        return [name]

    return make


def _torch() -> None:
    import torch

    torch.set_num_threads(1)


def _read_motion(root: Path, path: Path) -> None:
    from emodifftalk.motion.generate import read_motion

    read_motion(path, "gru" if "gru" in path.name else "diffusion")


def _read_speech(root: Path, path: Path) -> None:
    from emodifftalk.speech.encoder import read_speech_model
    from emodifftalk.speech.frontends import EmbeddedFrontEnd

    read_speech_model(path, EmbeddedFrontEnd())


def _read_words(root: Path, path: Path) -> None:
    from emodifftalk.emotion.controller import read_controller
    from emodifftalk.emotion.text_encoders import EmbeddedEncoder

    read_controller(path, EmbeddedEncoder.load())


def _read_voice_affect(root: Path, path: Path) -> None:
    from emodifftalk.speech.affect import read_voice_affect

    read_voice_affect(path)


def _read_shapes(root: Path, path: Path) -> None:
    from emodifftalk.data.face.shapes import load_face_shapes

    load_face_shapes.__wrapped__(path)


def _requests(folder: Path) -> list[str]:
    performance = {"format": "emodifftalk.performance", "schema": 3, "prompts": [], "duration": 1.0}
    asked = [
        {"id": 1, "op": "ping", "params": {}},
        {"id": 2, "op": "preview", "params": {"subject": "missing.safetensors", "performance": performance,
                                             "seconds": 0.5, "settings": {}, "previous": ""}},
        {"op": "cancel", "target": 1},
        {"id": 3, "op": "drive", "params": {"subject": "missing.safetensors", "performance": performance, "out": "o"}},
        {"id": 4, "op": "unheard of"},
    ]  # fmt: skip
    (folder / "a.json").write_text(json.dumps(asked), encoding="utf-8")
    stream = io.BytesIO()
    for header in asked:
        write_message(stream, header)
    (folder / "a.frames").write_bytes(stream.getvalue())
    return ["a.json", "a.frames"]


def _ready_server() -> None:
    _torch()
    server = importlib.import_module("emodifftalk.serve.server")
    # What this machine has is not asked again for every case, and nothing is made anew: only read.
    server._abilities = dict
    server.JOBS = {name: server.JOBS[name] for name in ("ping", "preview", "drive")}


def _read_requests(root: Path, path: Path) -> None:
    """The server gets the requests and, behind them, one that it must answer if all before it were whole messages."""
    from emodifftalk.serve.server import Server

    data = content(path)
    whole = path.suffix == ".json"
    if whole:
        try:
            asked = parse_json(data)  # what is nested too deeply ends the conversation
        except ValueError:
            return
        asked = asked if isinstance(asked, list) else [asked]
        texts = [json.dumps(header).encode("utf-8", "surrogatepass") for header in asked]
        data = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
        # Arrays that are promised and not sent swallow what follows; an end that is asked for is one.
        whole = not any(
            isinstance(header, dict) and ("arrays" in header or header.get("op") == "shutdown") for header in asked
        )
    source, sink = io.BytesIO(data), io.BytesIO()
    source.seek(0, io.SEEK_END)
    write_message(source, {"id": _LAST, "op": "ping", "params": {}})
    source.seek(0)
    Server(source, sink).run()
    answers = io.BytesIO(sink.getvalue())
    answered = set()
    while answers.tell() < len(sink.getvalue()):
        number = read_message(answers)[0].get("id")
        answered.add(number if isinstance(number, int) else None)
    if whole and _LAST not in answered:
        raise AssertionError("the backend is deaf")


MODELS = (
    Reader("model_motion", _shipped("motion_gru.safetensors"), _read_motion, _torch, needs="torch"),
    Reader("model_speech", _shipped("speech_to_au.safetensors"), _read_speech, _torch, needs="torch"),
    Reader("model_words", _shipped("text_to_au.safetensors"), _read_words, _torch, fixed=200, needs="torch"),
    Reader("model_voice_affect", _shipped("voice_affect.safetensors"), _read_voice_affect, _torch, needs="torch"),
    Reader("model_face_shapes", _shipped("face_shapes.safetensors"), _read_shapes, needs="torch"),
    Reader("server", _requests, _read_requests, _ready_server, needs="torch", per_byte=64),
)
