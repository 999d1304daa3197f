"""Readers of `core` and of recordings: subjects, takes, Gaussians, face curves, performances, sound, the pipe."""

from __future__ import annotations

import functools
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from emodifftalk.core import tensors, voice_time
from emodifftalk.core.compact_take import compact_take
from emodifftalk.core.facs import AU_NAMES
from emodifftalk.core.formats.compressed_ply import write_compressed_ply
from emodifftalk.core.formats.dot_splat import write_splat
from emodifftalk.core.formats.face_curves import read_face_curves
from emodifftalk.core.formats.gaussian_file import read_gaussians
from emodifftalk.core.formats.openface import read_openface
from emodifftalk.core.formats.ply import write_ply
from emodifftalk.core.formats.spz import write_spz
from emodifftalk.core.gaussians import Gaussians, normalize
from emodifftalk.core.opening import read_json
from emodifftalk.core.performance import Performance, Prompt, VoiceStrip, load_performance, to_json
from emodifftalk.core.protocol import Nonsense, ProtocolError, read_message, write_message
from emodifftalk.core.subject import load_subject, pose
from emodifftalk.core.take import load_take
from emodifftalk.core.template import load_template
from tests.helpers.tiny_datasets import openface_csv
from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take

from .reader import Reader, content

FURTHEST = 1e6
"""No Gaussian that was read lies farther or is larger, metres: what is drawn stays finite."""


def _gaussians(write: Callable[[Path, Gaussians], object], name: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        rng = np.random.default_rng(0)
        count = 60
        gaussians = Gaussians(
            means=rng.uniform(-0.2, 0.2, (count, 3)).astype(np.float32),
            quats=normalize(rng.normal(size=(count, 4))).astype(np.float32),
            scales=rng.uniform(0.002, 0.01, (count, 3)).astype(np.float32),
            opacities=rng.uniform(0.1, 0.9, count).astype(np.float32),
            colors=rng.uniform(0.1, 0.9, (count, 3)).astype(np.float32),
        )
        write(folder / name, gaussians)
        return [name]

    return make


def _expect_sane(gaussians: Gaussians) -> None:
    for name, array in vars(gaussians).items():
        if not np.isfinite(array).all():
            raise AssertionError(f"{name} are not finite")
    if np.abs(gaussians.means).max(initial=0) > FURTHEST or np.abs(gaussians.scales).max(initial=0) > FURTHEST:
        raise AssertionError("Gaussians without bounds")
    if gaussians.colors.min(initial=0) < -4 or gaussians.colors.max(initial=0) > 64:
        raise AssertionError("colours that no screen has")


def _read_gaussians(root: Path, path: Path) -> None:
    _expect_sane(read_gaussians(path))


def _subject(folder: Path) -> list[str]:
    save_tiny_subject(folder / "a.safetensors", faces=40, others=12)
    return ["a.safetensors"]


def _read_subject(root: Path, path: Path) -> None:
    subject = load_subject(path)
    _expect_sane(subject.gaussians)
    pose(subject, np.zeros_like(subject.template.neutral))


def _take(compact: bool, folder: Path) -> list[str]:
    subject = save_tiny_subject(folder / "subject.safetensors", faces=40, others=12)
    save_tiny_take(folder / "a.safetensors", subject, 0.4)
    if compact:
        compact_take(folder / "a.safetensors", folder / "a.safetensors")
    return ["a.safetensors"]


def _read_take(root: Path, path: Path) -> None:
    take = load_take(path)
    subject = _tiny(str(root / "subject.safetensors"))
    for frame in (take.frame(0), take.at(0.05), take.frame(take.frames)):
        if len(frame.offsets) == len(subject.template.neutral) and len(frame.rotations) == subject.n_face:
            _expect_sane(frame.gaussians(subject))


@functools.lru_cache(maxsize=2)
def _tiny(path: str):
    return load_subject(path)


def _template(folder: Path) -> list[str]:
    save_tiny_subject(folder / "subject.safetensors", faces=4, others=4)
    arrays, about = tensors.load(folder / "subject.safetensors")
    part = {name: array for name, array in arrays.items() if name.startswith("template.")}
    tensors.save(folder / "a.safetensors", part or arrays, {**about, "format": "emodifftalk.template", "schema": "1"})
    return ["a.safetensors"]


def _curves(folder: Path) -> list[str]:
    rows = range(6)
    shapes = ["JawOpen", "MouthSmileLeft", "EyeBlinkRight", "HeadYaw"]
    live = ["Timecode,BlendshapeCount," + ",".join(shapes)]
    live += [f"11:53:37:{i:02d}.5,61,0.{i},0.2,0.1,0" for i in rows]
    files = {
        "live.csv": "\n".join(live),
        "plain.csv": "time,AU12,au_6,smell\n" + "\n".join(f"{i / 25},0.5,0.{i},9" for i in rows),
        "a2f.csv": "timeCode,blendShapes.JawOpen\n" + "\n".join(f"{i / 60},0.{i}" for i in rows),
        "arkit.json": json.dumps({"names": shapes, "metadata": {"fps": 30.0}, "frames": [
            {"weights": [0.3] * 4, "time": i / 30, "rotation": []} for i in rows]}),
        "a2f.json": json.dumps({"exportFps": 60.0, "facsNames": shapes, "weightMat": [[0.3] * 4] * 6}),
        "units.json": json.dumps({"fps": 25, "names": list(AU_NAMES), "frames": [[0.3] * 17] * 3}),
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    openface_csv(folder / "openface.csv")
    return [*files, "openface.csv"]


def _read_curves(root: Path, path: Path) -> None:
    curves = read_face_curves(path)
    if not (np.isfinite(curves.aus).all() and np.isfinite(curves.times).all() and (np.diff(curves.times) > 0).all()):
        raise AssertionError("curves that are no numbers")
    curves.curves()


def _usd(folder: Path) -> list[str]:
    from pxr import Usd

    rows = "".join(f"        {i}: [0.1, 0.{i}],\n" for i in range(6))
    text = '#usda 1.0\n\ndef SkelAnimation "A"\n{\n    uniform token[] blendShapes = ["jawOpen", "eyeBlinkLeft"]\n'
    text += f"    float[] blendShapeWeights.timeSamples = {{\n{rows}    }}\n}}\n"
    (folder / "a.usda").write_text(text, encoding="utf-8")
    Usd.Stage.Open(str(folder / "a.usda")).Export(str(folder / "b.usdc"))
    return ["a.usda", "b.usdc"]


def _performance(folder: Path) -> list[str]:
    (folder / "line.wav").write_bytes(b"RIFF")
    curve = ((0.0, 0.1), (1.0, 0.3))
    performance = Performance(
        voice=(VoiceStrip(folder / "line.wav", 0.0, 0.1, 2.0),),
        prompts=(Prompt("calm", 0.0, 1.0, id="a"), Prompt("delighted", 1.0, 2.0, id="b")),
        au_offsets={"AU01": curve},
        valence=curve,
        arousal=curve,
        seed=3,
        duration=2.5,
        au_curves={"AU26": curve},
        au_gains={"AU12": 0.5},
    )
    (folder / "a.json").write_text(json.dumps(to_json(performance, folder)), encoding="utf-8")
    return ["a.json"]


def _read_performance(root: Path, path: Path) -> None:
    performance = load_performance(path)
    numbers = [v for curve in (performance.valence, performance.arousal) for key in curve for v in key]
    if not all(map(math.isfinite, [*numbers, performance.duration or 0.0])):
        raise AssertionError("a performance without end")


def _text(name: str, content: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / name).write_text(content, encoding="utf-8")
        return [name]

    return make


def _read_stretches(root: Path, path: Path) -> None:
    stretches = voice_time.from_text(content(path).decode(errors="replace"))
    if not all(math.isfinite(v) for s in stretches for v in (s.start, s.offset, s.duration, s.speed)):
        raise AssertionError("stretches without end")


def _sound(folder: Path) -> list[str]:
    import soundfile

    wave = 0.3 * np.sin(np.arange(2000) / 9)
    names = ["a.wav", "float.wav", "a.flac", "a.ogg", "a.mp3"]
    for name in names:
        soundfile.write(folder / name, wave, 16000, subtype="FLOAT" if name == "float.wav" else None)
    return names


def _read_sound(root: Path, path: Path) -> None:
    from emodifftalk.speech.audio import load_audio

    if not np.isfinite(load_audio(path)).all():
        raise AssertionError("sound that is no number")


def _frames(folder: Path) -> list[str]:
    plain, with_arrays = io.BytesIO(), io.BytesIO()
    for header in ({"id": 1, "op": "ping", "params": {}}, {"op": "cancel", "target": 1},
                   {"id": 2, "event": "progress", "fraction": 0.5, "stage": "a", "text": "b"}):  # fmt: skip
        write_message(plain, header)
    write_message(with_arrays, {"id": 3}, {"x": np.zeros((2, 3), np.float32), "y": np.arange(4)})
    (folder / "plain.frames").write_bytes(plain.getvalue())
    (folder / "arrays.frames").write_bytes(with_arrays.getvalue())
    return ["plain.frames", "arrays.frames"]


def _read_frames(root: Path, path: Path) -> None:
    stream = io.BytesIO(content(path))
    while True:
        header, arrays = read_message(stream)
        if not isinstance(header, dict) or not all(isinstance(name, str) for name in arrays):
            raise AssertionError("a message that is none")


_PACKED = 60.0
"""Bytes of Gaussians for one of a packed file."""
CORE = (
    Reader("json", _text("a.json", '{"a": [1, 2.5, {"b": null}], "c": "text"}'), lambda root, path: read_json(path)),
    Reader("safetensors", _subject, lambda root, path: tensors.load(path)),
    Reader("subject", _subject, _read_subject),
    Reader("take", functools.partial(_take, False), _read_take),
    Reader("compact_take", functools.partial(_take, True), _read_take, per_byte=64),
    Reader("template", _template, lambda root, path: load_template.__wrapped__(path)),
    Reader("ply", _gaussians(write_ply, "a.ply"), _read_gaussians),
    Reader("compressed_ply", _gaussians(write_compressed_ply, "a.compressed.ply"), _read_gaussians, per_byte=_PACKED),
    Reader("splat", _gaussians(write_splat, "a.splat"), _read_gaussians),
    Reader("spz", _gaussians(write_spz, "a.spz"), _read_gaussians, per_byte=_PACKED),
    Reader("face_curves", _curves, _read_curves, per_byte=64),
    Reader("openface", lambda folder: [n for n in _curves(folder) if n == "openface.csv"],
           lambda root, path: read_openface(path), per_byte=64),
    Reader("usd", _usd, _read_curves, fixed=256),
    Reader("performance", _performance, _read_performance, per_byte=64),
    Reader("voice_time", _text("a.json", voice_time.to_text((voice_time.Stretch("a.wav", 0.0, 0.5, 2.0, 1.0),))),
           _read_stretches),
    Reader("sound", _sound, _read_sound, per_byte=64, fixed=128),
    Reader("pipe", _frames, _read_frames, refuses=(EOFError, Nonsense, ProtocolError)),
)  # fmt: skip
