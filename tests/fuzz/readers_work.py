"""Readers of what the program wrote itself and finds again: earlier takes, reports, manifests, sets, markers."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from emodifftalk.core import tensors
from emodifftalk.core.facs import AU_NAMES
from tests.helpers.places import SCENES
from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take

from .reader import Reader


def _text(name: str, content: object) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
        return [name]

    return make


def _earlier(folder: Path) -> list[str]:
    subject = save_tiny_subject(folder / "subject.safetensors", faces=40, others=12)
    about = {"models": '{"front_end": "embedded"}', "voice_hash": "v", "motion_hash": "m"}
    save_tiny_take(folder / "a.safetensors", subject, 0.4, about)
    arrays, metadata = tensors.load(folder / "a.safetensors")
    frames = len(arrays["aus"])
    arrays |= {"asked": arrays["aus"], "features": np.zeros((frames, 128), np.float16)}
    tensors.save(folder / "a.safetensors", arrays, metadata)
    return ["a.safetensors"]


def _read_earlier(root: Path, path: Path) -> None:
    from emodifftalk.perform.reuse import Earlier

    earlier = Earlier(path)
    earlier.voice("v")
    earlier.changed("m", np.zeros((10, len(AU_NAMES)), np.float32))
    earlier.confidence()


def _inspect(root: Path, path: Path) -> None:
    from emodifftalk.cli.inspecting import _inspect

    for as_json in (True, False):
        _inspect(argparse.Namespace(take=str(path), json=as_json))


def _decoding(folder: Path) -> list[str]:
    save_tiny_subject(folder / "a.safetensors", appearance=True, faces=30, others=6)
    return ["a.safetensors"]


def _read_decoding(root: Path, path: Path) -> None:
    from emodifftalk.perform.ready_subject import ReadySubject

    subject = ReadySubject(path)
    subject.guard.motion(np.zeros((1, *subject.subject.template.neutral.shape), np.float32))
    subject.look(np.zeros(len(AU_NAMES)), np.zeros_like(subject.subject.template.neutral))


def _held_out(folder: Path) -> list[str]:
    for name in ("set.json", "truth.safetensors"):
        shutil.copyfile(SCENES / "held_out" / name, folder / name)
    return ["set.json", "truth.safetensors"]


def _read_held_out(root: Path, path: Path) -> None:
    from emodifftalk.evaluate.held_out_set import load_held_out

    load_held_out(root)


def _read_landmarks(root: Path, path: Path) -> None:
    from emodifftalk.evaluate.against import _landmarks

    _landmarks(path)


def _stage(folder: Path) -> list[str]:
    from emodifftalk.train.subject.work_folder import WorkFolder

    work = WorkFolder(folder / "work")
    from tests.helpers.tiny_subject import tiny_subject

    work.keep("motion", "key", tiny_subject(20, 4), {"minutes": 1.5})
    return sorted(p.relative_to(folder).as_posix() for p in (folder / "work").iterdir() if p.is_file())


def _read_stage(root: Path, path: Path) -> None:
    from emodifftalk.train.subject.work_folder import WorkFolder

    WorkFolder(root / "work").finished("motion", "key")


def _read_manifest(root: Path, path: Path) -> None:
    from emodifftalk.export.sequence import ExportOptions, _missing

    _missing([root / "x_0001.ply"], path, {"export": "abc"}, ExportOptions(format="ply"))


def _read_marker(root: Path, path: Path) -> None:
    from addon.backend.install import home

    home.read_record(SimpleNamespace(marker=path))


def _kind(root: Path, path: Path) -> None:
    from addon.files.kinds import kind_of

    kind_of(path)


WORK = (
    Reader("earlier_take", _earlier, _read_earlier, needs="torch"),
    Reader("inspected_take", _earlier, _inspect, needs="torch"),
    Reader("decoding_subject", _decoding, _read_decoding, needs="torch", fixed=64),
    Reader("held_out", _held_out, _read_held_out, needs="torch"),
    Reader(
        "landmarks",
        _text("a.json", {"format": "emodifftalk.landmarks", "schema": 1, "frames": {"a": [[1, 2], [3, 4.5]]}}),
        _read_landmarks,
        needs="torch",
        per_byte=64,
    ),
    Reader("finished_stage", _stage, _read_stage, refuses=(), needs="torch"),
    Reader("export_manifest", _text("a.json", {"export": "abc", "frames": 3}), _read_manifest, needs="torch"),
    Reader("marker", _text("a.json", {"made_by": "emodifftalk", "note": ""}), _read_marker, refuses=(), needs="bpy"),
    Reader("file_kind", _decoding, _kind, needs="bpy"),
)
