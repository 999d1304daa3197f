"""The plan of a capture: what the backend asks Blender to photograph. One JSON file in the capture's folder."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .dome import Place
from .errors import UserError
from .opening import read_json
from .range_of_motion import ScheduledPose
from .whole_file import whole_file

SCHEMA = 1
NAME = "plan.json"
MESHES = "meshes.safetensors"
"""What Blender measured of the character, beside the plan."""
ENGINES: tuple[str, ...] = ("cycles", "eevee")
_SETTINGS = (
    "character", "size", "samples", "engine", "studio_light", "places", "mapping", "spoken", "voice_hash",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]{0,99}")
"""What may be part of a file's name."""
_HEAVIEST = 100.0
"""Of the weights of shape keys and of intensities."""
SAY = "@capture "
"""Begins every line of the photographing Blender that is meant for the backend; JSON follows."""


@dataclass(frozen=True)
class Plan:
    """What to photograph.

    character: name of an object or collection, empty for the one there is.
    size: pixels, square.
    samples, engine: how it is rendered; engine is one of ENGINES.
    studio_light: light the head afresh.
    places: where the cameras stand.
    shots: what the face does, and which cameras see it.
    mapping: the animator's own names of shapes (see `addon/capture/shape_names`).
    spoken: how many shots were asked of the voice.
    voice_hash: which recording that is.
    """

    character: str
    size: int
    samples: int
    engine: str
    studio_light: bool
    places: tuple[Place, ...]
    shots: tuple[ScheduledPose, ...]
    mapping: dict[str, Any]
    spoken: int = 0
    voice_hash: str = ""

    @property
    def pictures(self) -> int:
        """How many pictures there will be."""
        return sum(len(shot.cameras) for shot in self.shots)

    def differences(self, other: Plan) -> list[str]:
        """Names of the settings in which two plans differ; the same settings may be planned in other shots."""
        pairs = ((key, getattr(self, key), getattr(other, key)) for key in _SETTINGS)
        return [key for key, mine, theirs in pairs if mine != theirs]


def save_plan(folder: str | os.PathLike[str], plan: Plan) -> None:
    """Write the plan into a folder, whole or not at all. Raises UserError when it cannot be written."""
    path = Path(folder) / NAME
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:
            stream.write(json.dumps({"schema": SCHEMA, **asdict(plan)}, indent=1).encode())
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error


def load_plan(folder: str | os.PathLike[str]) -> Plan:
    """The plan in a folder. Raises UserError when there is none, or when it is damaged."""
    path = Path(folder) / NAME
    data = read_json(path, what="The plan")
    try:
        if data.pop("schema") != SCHEMA:
            raise ValueError("made by another version")
        places = tuple(Place(**item) for item in data.pop("places"))
        shots = tuple(ScheduledPose(s["name"], s["units"], tuple(s["cameras"])) for s in data.pop("shots"))
        plan = Plan(places=places, shots=shots, **data)
        _check(plan)
        return plan
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({str(error)[:200]}): capture into another folder.") from error


def expect_mapping(mapping: object) -> None:
    """Raise ValueError unless a mapping has names, and shape keys with weights, where they belong."""
    if not isinstance(mapping, dict):
        raise ValueError("it must be one JSON object: shape names to shape keys")
    for name, value in mapping.items():
        weights = value.values() if isinstance(value, dict) else ()
        words = value if isinstance(value, list) else () if isinstance(value, dict) else (value,)
        if not all(isinstance(word, str) for word in words) or not all(_is_number(w, _HEAVIEST) for w in weights):
            raise ValueError(f"“{name}” needs a shape key, a list of them, or names with weights")


def _check(plan: Plan) -> None:
    """Raise ValueError for what no plan of ours says: names become names of files, numbers poses."""
    words = (plan.character, plan.engine, plan.voice_hash)
    counts = (plan.size, plan.samples, plan.spoken)
    if not all(isinstance(word, str) for word in words) or not all(type(n) is int and 0 <= n < 2**16 for n in counts):
        raise ValueError("a setting of another kind")
    if plan.engine not in ENGINES or not isinstance(plan.studio_light, bool):
        raise ValueError("an engine that there is not")
    for place in plan.places:
        if not _is_name(place.name) or place.split not in ("train", "test"):
            raise ValueError("a camera without a name, or neither for “train” nor for “test”")
        if not (_is_number(place.azimuth, 360) and _is_number(place.elevation, 360)):
            raise ValueError(f"camera {place.name} stands nowhere")
    cameras = {place.name for place in plan.places}
    for shot in plan.shots:
        if not _is_name(shot.name) or not set(shot.cameras) <= cameras:
            raise ValueError("a shot without a name, or of a camera that is not there")
        if not all(isinstance(unit, str) and _is_number(value, _HEAVIEST) for unit, value in shot.units.items()):
            raise ValueError(f"shot {shot.name} has a unit that is no number")
    expect_mapping(plan.mapping)


def _is_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _is_number(value: object, most: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= most
