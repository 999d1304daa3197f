"""The plan of a capture: what the backend asks Blender to photograph. One JSON file in the capture's folder."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .dome import Place
from .errors import UserError
from .range_of_motion import ScheduledPose

SCHEMA = 1
NAME = "plan.json"
MESHES = "meshes.safetensors"
"""What Blender measured of the character, beside the plan."""
ENGINES: tuple[str, ...] = ("cycles", "eevee")
_SETTINGS = (
    "character", "size", "samples", "engine", "studio_light", "places", "mapping", "spoken", "voice_hash",
)  # fmt: skip
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
    partial = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({"schema": SCHEMA, **asdict(plan)}, indent=1), encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from error


def load_plan(folder: str | os.PathLike[str]) -> Plan:
    """The plan in a folder. Raises UserError when there is none, or when it is damaged."""
    path = Path(folder) / NAME
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("schema") != SCHEMA:
            raise ValueError("made by another version")
        places = tuple(Place(**item) for item in data.pop("places"))
        shots = tuple(ScheduledPose(s["name"], s["units"], tuple(s["cameras"])) for s in data.pop("shots"))
        return Plan(places=places, shots=shots, **data)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is damaged ({error}): capture into another folder.") from error
