"""What a face does over time, from other tools: Live Link Face, ARKit JSON, Audio2Face, OpenFace, action units.

Each becomes action units over seconds, by the names of its columns; columns that tell of none of ours are listed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..arkit import ARKIT, from_arkit
from ..arrays import Floats, Mask
from ..errors import UserError
from ..facs import AU_NAMES
from ..limits import FARTHEST_SECOND
from ..opening import MOST_TEXT, opened, parse_json, read_text
from ..outside import ask_outside
from ..performance import Curve, Performance
from .openface import read_openface
from .table import MOST_ROWS, Table, read_table

_MOST_USD = 256 << 20
_MOST_VALUE = 1e6
_RATES = (24, 25, 30, 48, 50, 60, 120)
_TIMECODE = re.compile(r"([0-9]{1,3}):([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,4}(?:\.[0-9]{1,9})?)")
_ARKIT_LOWER = {name.lower() for name in ARKIT}


@dataclass(frozen=True)
class FaceCurves:
    """What a file tells of a face.

    times: (T,) seconds from 0, rising.
    aus: (T, 17) 0..1, in AU_NAMES order.
    known: (17,) bool, those that the file tells of.
    gaze: (T, 2) yaw to the head's left and pitch upwards, radians, or None.
    kind, notes: of the file, in words for the animator.
    """

    times: Floats
    aus: Floats
    known: Mask
    gaze: Floats | None = None
    kind: str = ""
    notes: tuple[str, ...] = field(default=())

    def curves(self) -> dict[str, Curve]:
        """Keys (seconds, value) of every action unit that is known; where a value stands still only its ends."""
        return {au: thinned(self.times, self.aus[:, k]) for k, au in enumerate(AU_NAMES) if self.known[k]}


def thinned(times: Floats, values: Floats) -> Curve:
    """Keys (seconds, value) of a track; where the value stands still, only the ends of that."""
    # A key goes when both neighbours have its value: straight lines between the others are the same curve.
    keep = np.ones(len(values), bool)
    if len(values) > 2:
        keep[1:-1] = (values[1:-1] != values[:-2]) | (values[1:-1] != values[2:])
    return tuple((float(t), float(v)) for t, v in zip(times[keep], values[keep], strict=True))


def perform_with(performance: Performance, imported: FaceCurves, mode: str = "replace") -> Performance:
    """The Performance with these curves: `replace` what voice and feelings give the units the file tells of, or `add`
    to it. Without a voice it lasts as long as they do."""
    curves = imported.curves()
    duration = performance.duration
    if duration is None and not performance.voice:
        duration = float(imported.times[-1]) + 1 / 25
    if mode == "replace":
        return replace(performance, au_curves={**performance.au_curves, **curves}, duration=duration)
    return replace(performance, au_offsets={**performance.au_offsets, **curves}, duration=duration)


def read_face_curves(path: Path | str) -> FaceCurves:
    """Read a file of face curves of any kind we know. Raises UserError, one sentence, when it is none or damaged."""
    path = Path(path)
    if path.suffix.lower() in (".usd", ".usda", ".usdc"):
        return _usd(path)
    text = read_text(path, MOST_TEXT, "The face curves")
    if text.lstrip()[:1] in ("{", "["):
        return _checked(path, *_json(path, text))
    return _csv(path, text)


def _csv(path: Path, text: str) -> FaceCurves:
    table = read_table(path, "The face curves", ("timecode",), text)
    names, lower = table.names, [name.lower() for name in table.names]
    if "timestamp" in lower and any(name.endswith("_r") and name.startswith("au") for name in lower):
        track = read_openface(path)
        known = np.array([f"{au.lower()}_r" in lower for au in AU_NAMES])
        gaze = _openface_gaze(table, len(track.times))
        return FaceCurves(track.times - track.times[0], track.aus, known, gaze, "OpenFace", track.notes)
    if not len(table.numbers):
        raise UserError(f"{path.name} has no rows of face curves.")
    codes = table.texts.get("timecode", [""])
    if _TIMECODE.fullmatch(codes[0].strip()):
        times, kind = _timecodes(path, codes), "Live Link Face"
        skipped = {"timecode", "blendshapecount"}
    else:
        key = next((name for name in ("seconds", "time", "timecode", "timestamp") if name in lower), None)
        if key is None:
            raise UserError(
                f"{path.name} is no table of face curves we know: it needs a column Timecode, seconds, time or "
                "timestamp, and columns named after ARKit's shapes or action units."
            )
        times = table.numbers[:, lower.index(key)]
        kind, skipped = "", {key, "frame"}
    # values (T, S): every other column as numbers, whatever it is called; which of them are known is asked later.
    columns = [i for i, name in enumerate(lower) if name not in skipped and name]
    if not columns:
        raise UserError(f"{path.name} has no columns of face curves.")
    return _checked(path, times, [names[i] for i in columns], table.numbers[:, columns], kind)


def _timecodes(path: Path, cells: list[str]) -> Floats:
    """Seconds of hours:minutes:seconds:frames. The rate is the lowest usual one that has so many frames."""
    matches = [_TIMECODE.fullmatch(cell.strip()) for cell in cells]
    if not all(matches):
        row = next(i for i, match in enumerate(matches) if not match)
        raise UserError(f"{path.name}: row {row + 2} has no timecode like 11:53:37:12.5.")
    parts = np.array([[float(group) for group in match.groups()] for match in matches if match])
    # parts (T, 4): hours, minutes, seconds, frames. The rate stands nowhere; a count of 29 cannot be of 24 a second.
    most = parts[:, 3].max()
    rate = next((rate for rate in _RATES if most < rate), 240)
    seconds: Floats = parts[:, 0] * 3600 + parts[:, 1] * 60 + parts[:, 2] + parts[:, 3] / rate
    return seconds


def _json(path: Path, text: str) -> tuple[Floats, list[str], Floats, str]:
    try:
        data = parse_json(text)
        if "weightMat" in data:  # Audio2Face
            values = _numbers(data["weightMat"])
            rate = _rate(data.get("exportFps", 30.0))
            return np.arange(len(values)) / rate, [str(name) for name in data["facsNames"]], values, "Audio2Face"
        frames, names = data["frames"], [str(name) for name in data["names"]]
        if isinstance(frames[0], dict):  # LAM_Audio2Expression, ARKit recorders
            rate = _rate(data.get("metadata", {}).get("fps", data.get("fps", 30.0)))
            values = _numbers([frame["weights"] for frame in frames])
            times = [[frame.get("time", i / rate)] for i, frame in enumerate(frames)]
            return _numbers(times)[:, 0], names, values, "ARKit"
        rate = _rate(data.get("fps", 25.0))
        return np.arange(len(frames)) / rate, names, _numbers(frames), "Action units"
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(f"{path.name} is no JSON of face curves we know ({type(error).__name__}: {error}).") from error


def _numbers(rows: Any) -> Floats:
    """A table (T, S) of numbers. Raises ValueError when it is none, TypeError for what are no lists."""
    width = len(rows[0]) if rows else 0
    if len(rows) > MOST_ROWS or any(type(row) is not list or len(row) != width for row in rows):
        raise ValueError("its rows differ in length, or are too many")
    if any(type(cell) not in (int, float) or abs(cell) > _MOST_VALUE for row in rows for cell in row):
        raise ValueError("something in its rows is no number")
    return np.array(rows, np.float64).reshape(len(rows), width)


def _rate(value: Any) -> float:
    if type(value) not in (int, float) or not 0.1 <= value <= 10_000:
        raise ValueError("its frame rate makes no sense")
    return float(value)


def _usd(path: Path) -> FaceCurves:
    """Read by a process of its own: the library for USD crashes on damaged files."""
    with opened(path, _MOST_USD, "The face curves"):
        pass
    whole = os.path.abspath(path)
    header, arrays = ask_outside("emodifftalk.core.formats.usd_curves", [whole], path.name)
    try:
        names, codes, values = [str(name) for name in header["names"]], arrays["codes"], arrays["values"]
        times = codes / _rate(header["rate"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path.name} is damaged: its animation makes no sense.") from error
    return _checked(path, times, names, values, "USD blend shapes")


def _checked(path: Path, times: Floats, names: list[str], values: Floats, kind: str) -> FaceCurves:
    """Curves by the names of their columns. Raises UserError when they do not fit, or none is known."""
    if values.ndim != 2 or values.shape != (len(times), len(names)) or not 0 < len(times) <= MOST_ROWS:
        raise UserError(f"{path.name} is damaged: its frames do not fit its {len(names)} columns.")
    if not np.isfinite(times).all() or np.abs(times).max() > FARTHEST_SECOND or (np.diff(times) < 0).any():
        raise UserError(f"{path.name}: its times do not rise, or are no numbers.")
    # Of rows with the same time the first stays: curves need times that rise.
    first = np.concatenate([[True], np.diff(times) > 1e-9])
    times, values, notes = (times - times[0])[first], values[first], []
    # A cell without a number counts as 0 and is said; a file of nothing but such cells is refused.
    blank = ~np.isfinite(values)
    if blank.all():
        raise UserError(f"{path.name} holds no numbers.")
    if blank.any():
        notes.append(f"{int(blank.any(axis=1).sum())} rows lack numbers: taken as 0.")
    aus, known, gaze, unused = _by_name(names, np.nan_to_num(values, posinf=1.0, neginf=0.0))
    if not known.any():
        raise UserError(f"{path.name} has no column we know: name them after ARKit's 52 shapes or AU01 to AU45.")
    if unused:
        notes.append(f"Not used: {', '.join(unused[:60])}{' …' if len(unused) > 60 else ''}.")
    missing = [au for au, there in zip(AU_NAMES, known, strict=True) if not there]
    if missing:
        notes.append(f"It does not tell of {', '.join(missing)}: they stay with the voice and the feelings.")
    return FaceCurves(times, aus, known, gaze, kind or "Action units", tuple(notes))


def _by_name(names: list[str], values: Floats) -> tuple[Floats, Mask, Floats | None, tuple[str, ...]]:
    plain = [name.split(".")[-1].strip() for name in names]
    if any(name.lower() in _ARKIT_LOWER for name in plain):
        units = from_arkit(names, values)
        return units.aus, units.known, units.gaze, units.unused
    aus, known, used = np.zeros((len(values), len(AU_NAMES)), np.float32), np.zeros(len(AU_NAMES), bool), set()
    for i, name in enumerate(plain):
        match = re.fullmatch(r"au_?0{0,2}([0-9]{1,2})(_r)?", name.lower())
        if match and (au := f"AU{int(match[1]):02d}") in AU_NAMES:
            # OpenFace's columns end in _r and go to 5; plain AU columns go to 1.
            scale = 5.0 if match[2] else 1.0
            aus[:, AU_NAMES.index(au)], known[AU_NAMES.index(au)] = (values[:, i] / scale).clip(0, 1), True
            used.add(i)
    return aus, known, None, tuple(name for i, name in enumerate(names) if i not in used)


def _openface_gaze(table: Table, count: int) -> Floats | None:
    """OpenFace's angles: x to the picture's right is the head's left, y downwards; radians."""
    if "gaze_angle_x" not in table.names or "gaze_angle_y" not in table.names or len(table.numbers) != count:
        return None
    angles = np.stack([table.column("gaze_angle_x"), -table.column("gaze_angle_y")], axis=1)
    gaze: Floats = np.nan_to_num(angles, posinf=0.0, neginf=0.0).clip(-np.pi, np.pi).astype(np.float32)
    return gaze
