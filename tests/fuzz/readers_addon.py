"""Readers of the add-on: what lies in a .blend and in the animator's own folder. They need Blender's `bpy`."""

from __future__ import annotations

import base64
import functools
import io
import json
import queue
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from emodifftalk.core.performance import Performance, Prompt, to_json

from .reader import Reader, content


def _text(name: str, content: object) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
        return [name]

    return make


_PRESET = {"format": "emodifftalk.preset", "schema": 1, "name": "Shy", "words": "a shy smile", "by_hand": True,
           "aus": {"AU12": 0.5, "AU06": 0.2}}  # fmt: skip


def _read_preset(root: Path, path: Path) -> None:
    from addon.timeline import presets

    presets.load(path)


def _read_pace(root: Path, path: Path) -> None:
    from addon.takes import pace

    with mock.patch.object(pace, "user_folder", lambda name: root):
        pace.forget()
        known = pace.known()
        pace.forget()  # the next test's Blender has learned nothing from this one
    if known is not None:
        known.estimate(SimpleNamespace(frames=10, heard_anew=True, made_again=5))
        float(known.beside)


def _read_shown(root: Path, path: Path) -> None:
    from addon.curves import au_curves

    text = content(path).decode(errors="replace")
    shown = au_curves.shown(SimpleNamespace(emodifftalk=SimpleNamespace(au_shown=text)))
    shown.get("a"), shown.items()


def _made_from(folder: Path) -> list[str]:
    text = json.dumps(to_json(Performance(prompts=(Prompt("calm", 0.0, 1.0, id="a"),), duration=2.0)))
    (folder / "a.packed").write_bytes(base64.b64encode(zlib.compress(text.encode(), 9)))
    return ["a.packed"]


def _read_made_from(root: Path, path: Path) -> None:
    from addon.takes import staleness

    text = content(path).decode("latin1")
    made_from = staleness._unpacked(text)
    if made_from is not None and not isinstance(made_from, dict):
        raise AssertionError("what a take is made from is no object")
    if made_from is not None:
        staleness._compared(made_from, to_json(Performance(duration=2.0)), [])


def _read_mapping(root: Path, path: Path) -> None:
    from addon.capture import operators

    operators.read_mapping(str(path))
    operators._mappings.clear()


def _png(folder: Path) -> list[str]:
    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + bytes(32) for _ in range(8))
    parts = (
        part(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 6, 0, 0, 0)),
        part(b"IDAT", zlib.compress(rows)),
        part(b"IEND", b""),
    )
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return ["a.png"]


def _read_png(root: Path, path: Path) -> None:
    from addon.capture.studio import whole_picture

    whole_picture.is_whole(path, 8, 8)


def _fingerprint(folder: Path) -> list[str]:
    (folder / "a.txt").write_text("a.safetensors|12|0123456789abcdef0123456789abcdef|1700000000000000000")
    return ["a.txt"]


def _read_fingerprint(root: Path, path: Path) -> None:
    from addon.scene import content as contents

    text = content(path).decode(errors="replace")
    (root / "b.safetensors").write_bytes(bytes(12))
    contents.same_content(root / "b.safetensors", text)


def _read_replies(root: Path, path: Path) -> None:
    from addon.backend import client

    events: queue.Queue[dict] = queue.Queue()
    client._read_replies(io.BytesIO(content(path)), events)
    last = None
    while not events.empty():
        last = events.get()
    if last is None or last.get("event") != "closed":
        raise AssertionError("the reader of replies ended without a word")


def _replies(folder: Path) -> list[str]:
    from .readers_core import _frames

    return _frames(folder)


_reader = functools.partial(Reader, needs="bpy", per_byte=64)
ADDON = (
    _reader("preset", _text("a.json", _PRESET), _read_preset),
    _reader("pace", _text("pace.json", {"listening": 0.1, "moving": 0.2, "beside": 1.5}), _read_pace, refuses=()),
    _reader("au_shown", _text("a.json", {"emodifftalk.au_values": "0123456789abcdef"}), _read_shown, refuses=()),
    _reader("made_from", _made_from, _read_made_from, refuses=()),
    _reader("addon_mapping", _text("a.json", {"jawOpen": "Mouth_Open"}), _read_mapping),
    _reader("studio_picture", _png, _read_png, refuses=()),
    _reader("fingerprint", _fingerprint, _read_fingerprint, refuses=()),
    _reader("replies", _replies, _read_replies, refuses=()),
)
