"""Readers of the queue: lists of shots and the queue's own files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from emodifftalk.core.dome import VIEWS, layout
from emodifftalk.core.plan import NAME, Plan, load_plan, save_plan
from emodifftalk.core.range_of_motion import POSES, schedule
from emodifftalk.shots import command
from emodifftalk.shots.complete_picture import is_complete
from emodifftalk.shots.file_lock import FileLock, is_held
from emodifftalk.shots.journal import Journal
from emodifftalk.shots.planning import Planner
from emodifftalk.shots.queue_folder import QueueFolder
from emodifftalk.shots.shot_list import Shot, load_list
from emodifftalk.shots.snapshot import Snapshots
from emodifftalk.shots.work import shot_status

from .reader import Reader

_LIST = {
    "schema": 1, "output": "renders", "jobs": 2,
    "shots": [
        {"name": "sh", "blend": "a.blend", "scene": "Scene", "camera": "Front", "frames": [1, 6], "step": 1,
         "takes": {"Nora": "first"}, "format": "PNG", "movie": True, "codec": "H264", "output": "x", "enabled": True},
        {"name": "two", "blend": "a.blend"},
    ],
}  # fmt: skip
_STATUS = {
    "state": "rendering", "pid": 1, "host": "x", "began": 1.0, "seconds": 2.0, "left": None, "jobs": 1, "blenders": [1],
    "shots": [{"name": "sh", "state": "done", "done": 1, "total": 6, "rendered": 1, "seconds": 1.5,
               "failed": {"3": "why"}, "low": [3],
               "notes": ["n"], "problem": "", "folder": "renders/x", "movie": "", "log": ""}],
}  # fmt: skip


def _list(folder: Path) -> list[str]:
    (folder / "a.blend").write_bytes(b"BLENDER")
    (folder / "a.json").write_text(json.dumps(_LIST), encoding="utf-8")
    return ["a.json"]


def _read_list(root: Path, path: Path) -> None:
    for shot in load_list(path).shots:
        shot.picture(1), shot.movie_path


def _shot(root: Path) -> Shot:
    return Shot("sh", root / "a.blend", root / "renders", frames=None, movie=True)


def _journal(folder: Path) -> list[str]:
    (folder / "a.blend").write_bytes(b"BLENDER")
    journal = Journal(_shot(folder))
    Planner(Snapshots(folder), "keep").plan(_shot(folder))
    fingerprint = journal.begun()["fingerprint"]
    journal.append(event="begun", fingerprint=fingerprint, frames=[1, 6])
    for frame in range(1, 4):
        journal.append(event="frame", frame=frame, seconds=0.1, confidence=None)
    journal.append(event="movie", frames=[1, 6])
    return [journal.path.relative_to(folder).as_posix()]


def _read_journal(root: Path, path: Path) -> None:
    journal = Journal(_shot(root))
    journal.begun(), journal.has_movie(range(1, 7)), journal.seconds(1), journal.has_pictures()
    for changed in ("refuse", "keep"):
        work = Planner(Snapshots(root), changed).plan(_shot(root))
        json.dumps(shot_status(work))


def _queue(name: str, content: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        _list(folder)
        path = folder / "renders" / ".queue" / name
        path.parent.mkdir(parents=True)
        path.write_text(content, encoding="utf-8")
        return [path.relative_to(folder).as_posix()]

    return make


def _read_status(root: Path, path: Path) -> None:
    QueueFolder(root / "renders").status()
    for as_json in (True, False):
        command._status(argparse.Namespace(list=str(root / "a.json"), out="", json=as_json))


def _read_lock(root: Path, path: Path) -> None:
    folder = QueueFolder(root / "renders")
    folder.running, FileLock(path).holder, is_held(path), folder.living_workers()


def _pictures(folder: Path) -> list[str]:
    from PIL import Image

    pixels = Image.fromarray((np.arange(24 * 24 * 3) % 251).astype(np.uint8).reshape(24, 24, 3))
    names = ["a.png", "a.jpg", "a.webp", "a.tif"]
    for name in names:
        pixels.save(folder / name)
    (folder / "a.exr").write_bytes(_exr())
    return [*names, "a.exr"]


def _exr() -> bytes:
    """An OpenEXR picture of 4 × 4, one channel of halves, uncompressed."""

    def attribute(name: str, kind: str, value: bytes) -> bytes:
        return name.encode() + b"\0" + kind.encode() + b"\0" + len(value).to_bytes(4, "little") + value

    box = np.array([0, 0, 3, 3], "<i4").tobytes()
    channel = b"R\0" + np.array([1, 0, 1, 1], "<i4").tobytes() + b"\0"
    head = b"\x76\x2f\x31\x01\x02\0\0\0" + attribute("channels", "chlist", channel)
    head += attribute("compression", "compression", b"\0") + attribute("dataWindow", "box2i", box)
    head += attribute("displayWindow", "box2i", box) + attribute("lineOrder", "lineOrder", b"\0")
    head += attribute("pixelAspectRatio", "float", np.float32(1).tobytes())
    head += attribute("screenWindowCenter", "v2f", bytes(8)) + attribute("screenWindowWidth", "float", bytes(4)) + b"\0"
    rows = [np.array([y, 8], "<i4").tobytes() + bytes(8) for y in range(4)]
    begin = len(head) + 4 * 8
    return head + np.array([begin + 16 * y for y in range(4)], "<u8").tobytes() + b"".join(rows)


def _plan(folder: Path) -> list[str]:
    places = tuple(layout(VIEWS[0]))
    shots = tuple(schedule(dict(list(POSES.items())[:4]), list(places)))
    save_plan(folder, Plan("Ada", 256, 16, "cycles", True, places, shots, {"jawOpen": "Jaw"}, 0, "abc"))
    return [NAME]


def _read_plan(root: Path, path: Path) -> None:
    plan = load_plan(root)
    plan.pictures, plan.differences(plan)


SHOTS = (
    Reader("shot_list", _list, _read_list, per_byte=64),
    Reader("journal", _journal, _read_journal, per_byte=64),
    Reader("queue_status", _queue("status.json", json.dumps(_STATUS)), _read_status, per_byte=64),
    Reader("queue_asked", _queue("asked", "pause"), lambda root, path: QueueFolder(root / "renders").asked()),
    Reader("queue_lock", _queue("lock", "process 12 on x"), _read_lock),
    Reader("complete_picture", _pictures, lambda root, path: is_complete(path), refuses=()),
    Reader("capture_plan", _plan, _read_plan, per_byte=64),
)
