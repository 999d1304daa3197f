"""The facial template: our own topology with eye and mouth openings, labels, UVs and an AU basis."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from . import tensors
from .arrays import Array, Floats, Ints
from .checks import expect, expect_format, expect_indices
from .errors import UserError
from .facs import ARTICULATIONS, AU_NAMES
from .opening import parse_json

SCHEMA = 1
REGIONS: tuple[str, ...] = (
    "skin",
    "lips_outer",
    "lips_inner_upper",
    "lips_inner_lower",
    "lid_upper_left",
    "lid_lower_left",
    "lid_upper_right",
    "lid_lower_right",
    "brow_left",
    "brow_right",
    "jaw",
    "chin",
    "nose",
    "cheek_left",
    "cheek_right",
    "forehead",
)
LANDMARKS: tuple[str, ...] = (
    "lip_inner_upper",
    "lip_inner_lower",
    "lip_outer",
    "lid_upper_left",
    "lid_lower_left",
    "lid_upper_right",
    "lid_lower_right",
    "brow_left",
    "brow_right",
    "jaw",
    "nose_tip",
    "chin",
)
SHIPPED = Path(__file__).parent.parent / "models" / "template.safetensors"


@dataclass(frozen=True)
class FacialTemplate:
    """A face mesh in metres, z up, looking along -y, x to the head's left.

    neutral: (V, 3) float32 positions of the relaxed face.
    faces: (F, 3) int32 triangles, counter-clockwise seen from outside.
    uv: (V, 2) float32 in 0..1.
    regions: (V,) uint8 index into REGIONS.
    landmarks: name to ordered int32 vertex indices; inner lips and lids are paired index by index, corner to corner.
    au_basis: (17, V, 3) float32 displacement of each action unit at intensity 1, in AU_NAMES order.
    articulation_basis: (6, V, 3) float32, in ARTICULATIONS order.
    """

    neutral: Floats
    faces: Ints
    uv: Floats
    regions: Ints
    landmarks: dict[str, Ints]
    au_basis: Floats
    articulation_basis: Floats

    def displace(self, aus: Floats, articulations: Floats | None = None) -> Floats:
        """Offsets (..., V, 3) in metres of AU intensities (..., 17) and articulations (..., 6): the linear basis."""
        # (..., 17) times (17, V, 3), summed over the units: offsets (..., V, 3). Linear, as FACS adds muscles up; what
        # is not linear in a face is left to the motion model.
        offsets = np.tensordot(np.asarray(aus, np.float32), self.au_basis, axes=1)
        if articulations is not None:
            offsets += np.tensordot(np.asarray(articulations, np.float32), self.articulation_basis, axes=1)
        return offsets

    def lip_opening(self, offsets: Floats) -> Floats:
        """Mean gap (...,) in metres between the paired inner lips, over the middle third of the mouth.

        offsets: (..., V, 3). The gap is signed along z (upper minus lower), so crossing lips count as closed.
        """
        # Upper minus lower z of the pairs in the middle third: at the corners lips meet whatever the mouth does.
        upper, lower = self.landmarks["lip_inner_upper"], self.landmarks["lip_inner_lower"]
        third = len(upper) // 3
        middle = slice(third, len(upper) - third)
        # Cut at 0 before the mean: lips that cross on one side must not hide a gap on the other.
        points = self.neutral[:, 2] + np.asarray(offsets)[..., 2]
        gap: Floats = np.maximum(points[..., upper[middle]] - points[..., lower[middle]], 0.0).mean(axis=-1)
        return gap

    def tensors(self) -> dict[str, Array]:
        """The arrays of the template under the names a file uses."""
        arrays: dict[str, Array] = {
            "template.neutral": self.neutral.astype(np.float32),
            "template.faces": self.faces.astype(np.int32),
            "template.uv": self.uv.astype(np.float32),
            "template.regions": self.regions.astype(np.uint8),
            # Half precision: displacements of centimetres to a hundredth of a millimetre, at half the size.
            "template.au_basis": self.au_basis.astype(np.float16),
            "template.articulation_basis": self.articulation_basis.astype(np.float16),
        }
        for name, indices in self.landmarks.items():
            arrays[f"template.landmark.{name}"] = np.asarray(indices, np.int32)
        return arrays


def read_template(file: tensors.TensorFile) -> FacialTemplate:
    """The template inside an opened file. Raises UserError for wrong shapes, NaN, indices out of range."""
    _expect_names(file, "au_names", AU_NAMES)
    _expect_names(file, "articulations", ARTICULATIONS)
    neutral = expect(file, "template.neutral", (None, 3)).astype(np.float32)
    count = len(neutral)
    faces = expect_indices(file, "template.faces", expect(file, "template.faces", (None, 3)), count)
    regions = expect_indices(file, "template.regions", expect(file, "template.regions", (count,)), len(REGIONS))
    landmarks: dict[str, Ints] = {}
    for name in LANDMARKS:
        key = f"template.landmark.{name}"
        landmarks[name] = expect_indices(file, key, expect(file, key, (None,)), count).astype(np.int32)
    for upper, lower in (
        ("lip_inner_upper", "lip_inner_lower"),
        ("lid_upper_left", "lid_lower_left"),
        ("lid_upper_right", "lid_lower_right"),
    ):
        if len(landmarks[upper]) != len(landmarks[lower]) or len(landmarks[upper]) < 3:
            raise UserError(f"{file.path.name}: the landmarks {upper} and {lower} are not paired.")
    return FacialTemplate(
        neutral=neutral,
        faces=faces.astype(np.int32),
        uv=expect(file, "template.uv", (count, 2)).astype(np.float32),
        regions=regions.astype(np.uint8),
        landmarks=landmarks,
        au_basis=expect(file, "template.au_basis", (len(AU_NAMES), count, 3)).astype(np.float32),
        articulation_basis=expect(file, "template.articulation_basis", (len(ARTICULATIONS), count, 3)).astype(
            np.float32
        ),
    )


def name_metadata() -> dict[str, str]:
    """The AU and articulation names a file carries, so that order is never trusted by position alone."""
    return {"au_names": json.dumps(AU_NAMES), "articulations": json.dumps(ARTICULATIONS)}


@lru_cache(maxsize=4)
def load_template(path: str | os.PathLike[str] | None = None) -> FacialTemplate:
    """The template at `path`, by default the one shipped with the backend. Raises UserError when damaged."""
    file = tensors.TensorFile(path or SHIPPED)
    expect_format(file, "template", SCHEMA)
    return read_template(file)


def _expect_names(file: tensors.TensorFile, key: str, names: tuple[str, ...]) -> None:
    try:
        listed = tuple(parse_json(file.metadata.get(key, "null")) or ())
    except (ValueError, TypeError):
        listed = ()
    if listed != names:
        raise UserError(f"{file.path.name} lists other {key.replace('_', ' ')} than this version knows.")
