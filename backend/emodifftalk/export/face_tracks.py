"""What a take's face does, for rigs of other tools: action units, ARKit's 52 shapes, blend shape animation in USD.

Action units are those of the take. ARKit's shapes need more than 17 units: how far lips pucker, funnel or stretch is
read off the take's points. Left and right move together; the gaze comes along where it is keyed.
"""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path

import numpy as np

from ..core.arkit import ARKIT, arkit_of
from ..core.errors import UserError
from ..core.facs import AU_NAMES
from ..core.unit_reader import UnitReader
from ..core.whole_file import folder_for_files, whole_file
from .cast import Head

FORMATS = {
    "au-csv": ".csv",
    "au-json": ".json",
    "arkit-csv": ".csv",
    "arkit-json": ".json",
    "usd-blendshapes": ".usda",
}
_BLOCK = 100
_LIVE_LINK_RATE = 60


def au_track(head: Head) -> np.ndarray:
    """Action units (F, 17) of a head's frames, between the take's where they lie between."""
    take = _take_of(head)
    # Each unit (T,) by straight lines between its frames, at the shot's positions (F,): `Take.at` plays it in that way.
    position = np.clip(head.seconds * take.fps, 0, take.frames - 1)
    frames = np.arange(take.frames)
    return np.stack([np.interp(position, frames, column) for column in take.aus.T], axis=1).astype(np.float32)


def shape_track(head: Head) -> np.ndarray:
    """ARKit's shapes (F, 52) of a head's frames."""
    take, reader, aus = _take_of(head), UnitReader(head.subject.template), au_track(head)
    units = np.zeros((len(aus), len(reader)), np.float32)
    for start in range(0, len(aus), _BLOCK):
        seconds = head.seconds[start : start + _BLOCK]
        units[start : start + _BLOCK] = reader.units(np.stack([take.at(float(s)).offsets for s in seconds]))
    # Of the 23 units read off the points only the 6 articulations stay: the 17 are known without reading.
    units[:, : len(AU_NAMES)] = aus
    return arkit_of(units, head.gaze)


def write_face_track(path: str | os.PathLike, head: Head, kind: str, fps: float, overwrite: bool = False) -> Path:
    """Write one of `FORMATS` to `path`, the ending added when there is none; returns where it is.

    Raises UserError when it exists (unless `overwrite`), the head has no take, or it cannot be written.
    """
    if kind not in FORMATS:
        raise UserError(f"There are no face curves “{kind}”: choose {', '.join(FORMATS)}.")
    path = Path(path)
    path = path if path.suffix else path.with_name(path.name + FORMATS[kind])
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists already: choose another name or allow overwriting.")
    names, values = (ARKIT, shape_track(head)) if kind not in ("au-csv", "au-json") else (AU_NAMES, au_track(head))
    try:
        with folder_for_files(path.parent), whole_file(path) as stream:
            stream.write(_WRITERS[kind](names, values, fps).encode())
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


def _take_of(head: Head):
    if head.take is None:
        raise UserError(f"{head.subject.name} has no take: there are no face curves to write.")
    return head.take


def _au_csv(names: tuple[str, ...], values: np.ndarray, fps: float) -> str:
    return _table(("seconds", *names), ((f"{i / fps:.6f}", *_numbers(row)) for i, row in enumerate(values)))


def _au_json(names: tuple[str, ...], values: np.ndarray, fps: float) -> str:
    return json.dumps({"fps": fps, "names": list(names), "frames": np.round(values.astype(float), 5).tolist()}) + "\n"


def _arkit_json(names: tuple[str, ...], values: np.ndarray, fps: float) -> str:
    frames = [
        {"weights": np.round(row.astype(float), 5).tolist(), "time": round(i / fps, 6), "rotation": []}
        for i, row in enumerate(values)
    ]
    about = {"fps": fps, "frame_count": len(values), "blendshape_names": list(names)}
    return json.dumps({"names": list(names), "metadata": about, "frames": frames}) + "\n"


def _live_link_csv(names: tuple[str, ...], values: np.ndarray, fps: float) -> str:
    """The layout of Live Link Face: 60 rows a second by timecode, 52 shapes with a capital, then head and eyes."""
    seconds = np.arange(max(1, round((len(values) - 1) / fps * _LIVE_LINK_RATE) + 1)) / _LIVE_LINK_RATE
    resampled = np.stack([np.interp(seconds * fps, np.arange(len(values)), column) for column in values.T], axis=1)
    turns = [f"{part}{axis}" for part in ("Head", "LeftEye", "RightEye") for axis in ("Yaw", "Pitch", "Roll")]
    header = ("Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in names), *turns)
    rows = ((_timecode(i), str(len(names)), *_numbers(row), *["0"] * len(turns)) for i, row in enumerate(resampled))
    return _table(header, rows)


def _timecode(i: int) -> str:
    seconds, frame = divmod(i, _LIVE_LINK_RATE)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}.000"


def _table(header: tuple[str, ...], rows) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()


def _numbers(row: np.ndarray) -> list[str]:
    return [f"{value:.5f}" for value in row]


def _usd(names: tuple[str, ...], values: np.ndarray, fps: float) -> str:
    """A skeleton's animation that holds blend shape weights alone; rigs bind it by the shapes' names."""
    try:
        from pxr import Usd, UsdSkel, Vt
    except ImportError as error:
        raise UserError("USD is written by usd-core, which this backend lacks: run “pip install usd-core”.") from error
    stage = Usd.Stage.CreateInMemory()
    stage.SetTimeCodesPerSecond(fps)
    stage.SetFramesPerSecond(fps)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(len(values) - 1)
    animation = UsdSkel.Animation.Define(stage, "/Face")
    stage.SetDefaultPrim(animation.GetPrim())
    animation.CreateBlendShapesAttr().Set(list(names))
    weights = animation.CreateBlendShapeWeightsAttr()
    for i, row in enumerate(values):
        weights.Set(Vt.FloatArray.FromNumpy(np.ascontiguousarray(row, np.float32)), i)
    text: str = stage.GetRootLayer().ExportToString()
    return text


_WRITERS = {
    "au-csv": _au_csv,
    "au-json": _au_json,
    "arkit-csv": _live_link_csv,
    "arkit-json": _arkit_json,
    "usd-blendshapes": _usd,
}
