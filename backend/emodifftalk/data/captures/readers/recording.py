"""What a reader finds in a data set, in its own world, before it becomes a capture in ours."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ....core import opening
from ....core.camera import Camera
from ....core.errors import UserError
from .calibration import REASON, within_reason
from .lens import Lens
from .picture import StoredPicture

SETTINGS = "dataset.json"
_DIGITS = 18
_MOST_PICTURES = 10**9


@dataclass(frozen=True)
class Device:
    """A calibrated camera in the data set's world, its whole picture. split: `train`, `test` or empty (not said)."""

    camera: Camera
    lens: Lens | None = None
    split: str = ""


@dataclass(frozen=True)
class Sight:
    """Where a picture is, and its matte (None: its own alpha)."""

    color: StoredPicture
    matte: StoredPicture | None = None


class Tracked(Protocol):
    """Meshes with one vertex order, one per moment, in the world of the cameras."""

    where: str

    def names(self) -> set[str]:
        """The moments that have a mesh."""

    def triangles(self) -> np.ndarray:
        """(F, 3) int, counter-clockwise from outside. Raises UserError."""

    def vertices(self, moment: str) -> np.ndarray:
        """(N, 3) float64 at a moment. Raises UserError."""


@dataclass
class Recording:
    """What a data set holds, in its own world and unit.

    layout: what it is called in messages.
    folder, name: where it lies, and what the subject is called unless somebody says otherwise.
    cameras: by name.
    moments: name to camera to picture, in the order of time.
    meshes: of the moments.
    credit: whom to thank, in words.
    photographed: all moments with pictures, those that are left out later too.
    fps: pictures per second where the layout says it.
    metric: its unit is the metre.
    extra, extra_colors: (M, 3) points of a reconstruction and their colours 0..1.
    notes: sentences a person should read about what was left out or guessed.
    """

    layout: str
    folder: Path
    name: str
    cameras: dict[str, Device]
    moments: dict[str, dict[str, Sight]]
    meshes: Tracked
    credit: str = ""
    photographed: list[str] = field(default_factory=list)
    fps: float | None = None
    metric: bool = False
    extra: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    extra_colors: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DatasetSettings:
    """What a person may choose, as arguments of `open_dataset` or in `dataset.json` beside the data.

    name, credit: for the Subject.
    licence, consent: under what terms it may be used and whose consent there is, in words.
    eye_centers: middles of the left and the right eyeball, two [x, y, z] in the data set's world.
    synthetic: True when no camera saw a person.
    neutral: the moment of the relaxed face.
    held_out: cameras to measure with.
    cameras: the only ones to use.
    most_pictures: how many are learned from at most.
    openface: a CSV beside the data.
    fps: pictures per second.
    each: every picture is a moment of its own.
    """

    name: str = ""
    credit: str = ""
    licence: str = ""
    consent: str = ""
    eye_centers: tuple[tuple[float, ...], ...] = ()
    synthetic: bool = False
    neutral: str = ""
    held_out: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    most_pictures: int = 600
    openface: str = "openface.csv"
    fps: float = 0.0
    each: bool = False


def read_settings(folder: Path, given: dict[str, object]) -> DatasetSettings:
    """`dataset.json` beside the data, overruled by the arguments. Raises UserError naming a setting that is wrong."""
    data: dict[str, Any] = {}
    if (folder / SETTINGS).exists():
        data = read_json(folder / SETTINGS)
    known: dict[str, type] = {f.name: type(f.default) for f in fields(DatasetSettings)}
    checked: dict[str, object] = {}
    said: dict[str, Any] = {**data, **given}
    for key, value in said.items():
        if key not in known:
            raise UserError(f"{SETTINGS} has no “{key}”: known are {', '.join(known)}.")
        kind = known[key]
        if key == "eye_centers":
            checked[key] = _eye_centers(value)
        elif kind is tuple and isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
            checked[key] = tuple(value)
        elif kind is float and isinstance(value, int | float) and 0 <= value < 1e4:
            checked[key] = float(value)
        elif (type(value) is int and 0 < value < _MOST_PICTURES) if kind is int else type(value) is kind:
            checked[key] = value
        else:
            raise UserError(f"{SETTINGS}: “{key}” cannot be {repr(value)[:100]}.")
    return DatasetSettings(**checked)  # type: ignore[arg-type]


def _eye_centers(value: object) -> tuple[tuple[float, ...], ...]:
    places = np.array(value, np.float64) if _triples(value) else np.zeros(0)
    if places.shape != (2, 3) or not within_reason(places):
        raise UserError(
            f"{SETTINGS}: “eye_centers” must be two [x, y, z], the middles of the left and the right eyeball."
        )
    return tuple(map(tuple, places.tolist()))


def _triples(value: object) -> bool:
    return isinstance(value, list | tuple) and all(
        isinstance(v, list | tuple) and len(v) == 3 and all(type(x) in (int, float) and abs(x) < REASON for x in v)
        for v in value
    )


def read_json(path: Path) -> dict:
    """The object in a JSON file. Raises UserError when it is missing, damaged or no object."""
    data = opening.read_json(path, what="The file")
    if not isinstance(data, dict):
        raise UserError(f"{path} is no JSON object.")
    return data


def is_number(word: str) -> bool:
    """Whether a name counts something: digits that `int` reads, and no more of them than a counter has."""
    return word.isdecimal() and len(word) <= _DIGITS
