"""What a face does over time, from other tools: Live Link Face, ARKit JSON, Audio2Face, OpenFace, action units.

Each becomes action units over seconds, by the names of its columns; columns that tell of none of ours are listed.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..arkit import ARKIT, from_arkit
from ..arrays import Floats, Mask
from ..errors import UserError
from ..facs import AU_NAMES
from ..performance import Curve, Performance
from .openface import read_openface

_MOST_BYTES = 512 << 20
_MOST_FRAMES = 2_000_000
_RATES = (24, 25, 30, 48, 50, 60, 120)
_TIMECODE = re.compile(r"^(\d+):(\d+):(\d+):(\d+(?:\.\d+)?)$")
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
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UserError(f"{path.name} is too large to be read.")
        if path.suffix.lower() in (".usd", ".usda", ".usdc"):
            return _usd(path)
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise UserError(f"The face curves {path} cannot be read: {error.strerror}.") from error
    if text.lstrip().startswith("{"):
        return _checked(path, *_json(path, text))
    return _csv(path, text)


def _csv(path: Path, text: str) -> FaceCurves:
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise UserError(f"{path.name} is damaged: {error}.") from error
    names = [name.strip() for name in rows[0]] if rows else []
    lower = [name.lower() for name in names]
    if "timestamp" in lower and any(name.endswith("_r") and name.startswith("au") for name in lower):
        track = read_openface(path)
        known = np.array([f"{au.lower()}_r" in lower for au in AU_NAMES])
        gaze = _openface_gaze(rows, names, len(track.times))
        return FaceCurves(track.times - track.times[0], track.aus, known, gaze, "OpenFace", track.notes)
    table = [row + [""] * (len(names) - len(row)) for row in rows[1:]]
    if not table:
        raise UserError(f"{path.name} has no rows of face curves.")
    if "timecode" in lower and _TIMECODE.match(table[0][lower.index("timecode")].strip()):
        times, kind = _timecodes(path, [row[lower.index("timecode")] for row in table]), "Live Link Face"
        skipped = {"timecode", "blendshapecount"}
    else:
        key = next((name for name in ("seconds", "time", "timecode", "timestamp") if name in lower), None)
        if key is None:
            raise UserError(
                f"{path.name} is no table of face curves we know: it needs a column Timecode, seconds, time or "
                "timestamp, and columns named after ARKit's shapes or action units."
            )
        times = _column([row[lower.index(key)] for row in table])
        kind, skipped = "", {key, "frame"}
    # values (T, S): every other column as numbers, whatever it is called; which of them are known is asked later.
    columns = [i for i, name in enumerate(lower) if name not in skipped and name]
    values = np.stack([_column([row[i] for row in table]) for i in columns], axis=1) if columns else None
    if values is None:
        raise UserError(f"{path.name} has no columns of face curves.")
    return _checked(path, times, [names[i] for i in columns], values, kind)


def _column(cells: list[str]) -> Floats:
    """Numbers of a column; cells that hold none are NaN."""
    numbers = np.full(len(cells), np.nan)
    for i, cell in enumerate(cells):
        try:
            numbers[i] = float(cell)
        except ValueError:
            continue
    return numbers


def _timecodes(path: Path, cells: list[str]) -> Floats:
    """Seconds of hours:minutes:seconds:frames. The rate is the lowest usual one that has so many frames."""
    matches = [_TIMECODE.match(cell.strip()) for cell in cells]
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
        data = json.loads(text)
        if "weightMat" in data:  # Audio2Face
            values = np.array(data["weightMat"], np.float64)
            rate = float(data.get("exportFps", 30.0))
            return np.arange(len(values)) / rate, [str(name) for name in data["facsNames"]], values, "Audio2Face"
        frames, names = data["frames"], [str(name) for name in data["names"]]
        if isinstance(frames[0], dict):  # LAM_Audio2Expression, ARKit recorders
            rate = float(data.get("metadata", {}).get("fps", data.get("fps", 30.0)))
            values = np.array([frame["weights"] for frame in frames], np.float64)
            times = [frame.get("time", i / rate) for i, frame in enumerate(frames)]
            return np.array(times, np.float64), names, values, "ARKit"
        rate = float(data.get("fps", 25.0))
        return np.arange(len(frames)) / rate, names, np.array(frames, np.float64), "Action units"
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, ZeroDivisionError, RecursionError) as error:
        raise UserError(f"{path.name} is no JSON of face curves we know ({type(error).__name__}: {error}).") from error


def _usd(path: Path) -> FaceCurves:
    try:
        from pxr import Tf, Usd, UsdSkel
    except ImportError as error:
        raise UserError("Reading USD needs usd-core: export the curves as CSV or JSON instead.") from error
    try:
        stage = Usd.Stage.Open(str(path))
    except Tf.ErrorException as error:
        raise UserError(f"{path.name} is no USD file, or damaged.") from error
    for prim in stage.Traverse():
        animation = UsdSkel.Animation(prim)
        names = animation.GetBlendShapesAttr().Get() if prim.IsA(UsdSkel.Animation) else None
        codes = animation.GetBlendShapeWeightsAttr().GetTimeSamples() if names else []
        if names and codes and len(codes) <= _MOST_FRAMES:
            values = [animation.GetBlendShapeWeightsAttr().Get(code) for code in codes]
            if any(len(row) != len(names) for row in values):
                raise UserError(f"{path.name} is damaged: its weights do not fit its blend shapes.")
            rate = stage.GetTimeCodesPerSecond() or 24.0
            return _checked(path, np.array(codes) / rate, list(names), np.array(values, np.float64), "USD blend shapes")
    raise UserError(f"{path.name} holds no animation of blend shapes.")


def _checked(path: Path, times: Floats, names: list[str], values: Floats, kind: str) -> FaceCurves:
    """Curves by the names of their columns. Raises UserError when they do not fit, or none is known."""
    if values.ndim != 2 or values.shape != (len(times), len(names)) or not 0 < len(times) <= _MOST_FRAMES:
        raise UserError(f"{path.name} is damaged: its frames do not fit its {len(names)} columns.")
    if not np.isfinite(times).all() or (np.diff(times) < 0).any():
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
        match = re.fullmatch(r"au_?0*(\d+)(_r)?", name.lower())
        if match and (au := f"AU{int(match[1]):02d}") in AU_NAMES:
            # OpenFace's columns end in _r and go to 5; plain AU columns go to 1.
            scale = 5.0 if match[2] else 1.0
            aus[:, AU_NAMES.index(au)], known[AU_NAMES.index(au)] = (values[:, i] / scale).clip(0, 1), True
            used.add(i)
    return aus, known, None, tuple(name for i, name in enumerate(names) if i not in used)


def _openface_gaze(rows: list[list[str]], names: list[str], count: int) -> Floats | None:
    """OpenFace's angles: x to the picture's right is the head's left, y downwards; radians."""
    if "gaze_angle_x" not in names or "gaze_angle_y" not in names or len(rows) - 1 != count:
        return None
    x, y = (_column([row[names.index(name)] for row in rows[1:]]) for name in ("gaze_angle_x", "gaze_angle_y"))
    gaze: Floats = np.nan_to_num(np.stack([x, -y], axis=1)).astype(np.float32)
    return gaze
