"""From the data set's world into ours: metres, z up, the face looking along -y, x to the head's left.

`landmarks.json` beside the data says where a few places of the neutral face are, each as a vertex number of the tracked
mesh or as [x, y, z] in the data set's world. It may also give `to_ours`, the (4, 4) similarity itself, row by row.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....core.errors import UserError
from ....core.template import load_template
from ...face.registration import LANDMARK_NAMES
from ...similarity import Similarity, fit_similarity
from .calibration import REASON, within_reason
from .recording import read_json

FILE = "landmarks.json"
PLACES: dict[str, tuple[str, int]] = {
    "eye_inner_left": ("lid_upper_left", 0),
    "eye_outer_left": ("lid_upper_left", -1),
    "eye_inner_right": ("lid_upper_right", -1),
    "eye_outer_right": ("lid_upper_right", 0),
    "mouth_corner_left": ("lip_inner_upper", -1),
    "mouth_corner_right": ("lip_inner_upper", 0),
    "nose_tip": ("nose_tip", 0),
    "chin": ("chin", 0),
}
"""Landmarks that fix the world, and where our template has them."""
LEAST = 4
"""Landmarks that fix a world."""
FARTHEST = 0.03
"""Metres that a landmark may lie from where the average face has it."""


def read_landmarks(folder: Path, vertices: np.ndarray) -> tuple[dict[str, np.ndarray], Similarity | None]:
    """Landmarks, name to (3,) on the neutral mesh's `vertices` (N, 3), and the similarity when the file gives it.

    Raises UserError when the file is missing or names what is not there.
    """
    path = folder / FILE
    if not path.exists():
        raise UserError(
            f"Add {FILE} to {folder}: at least {LEAST} of {', '.join(PLACES)}, each a vertex number of the tracked "
            "mesh or its [x, y, z] on the neutral face."
        )
    data = read_json(path)
    given = _matrix(path, data.pop("to_ours")) if "to_ours" in data else None
    landmarks: dict[str, np.ndarray] = {}
    for name, value in data.items():
        if name not in LANDMARK_NAMES and name not in PLACES:
            known = ", ".join(dict.fromkeys((*PLACES, *LANDMARK_NAMES)))
            raise UserError(f"{path} names “{name}”: known are {known}.")
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(vertices):
            landmarks[name] = vertices[value]
        elif isinstance(value, list) and len(value) == 3 and all(_is_place(v) for v in value):
            landmarks[name] = np.array(value, np.float64)
        else:
            raise UserError(f"{path}: “{name}” is neither [x, y, z] nor one of the mesh's {len(vertices)} vertices.")
    fixing = [name for name in landmarks if name in PLACES]
    if given is None and len(fixing) < LEAST:
        raise UserError(
            f"{path} names {len(fixing)} places that fix the head, {LEAST} are needed of {', '.join(PLACES)}."
        )
    return landmarks, given


def find_world(folder: Path, landmarks: dict[str, np.ndarray], vertices: np.ndarray, metric: bool) -> Similarity:
    """The similarity that lays the landmarks on those of our template; its scale is kept where the unit is the metre.

    vertices: (N, 3) of the neutral mesh. Raises UserError when the landmarks do not look like a face, or when left and
    right are exchanged.
    """
    template = load_template()
    names = [name for name in landmarks if name in PLACES]
    source = np.stack([landmarks[name] for name in names])
    target = np.stack([template.neutral[template.landmarks[PLACES[n][0]][PLACES[n][1]]] for n in names]).astype(float)
    if np.ptp(source, axis=0).max() < 1e-9 or not within_reason(vertices):
        raise UserError(f"{folder / FILE}: the landmarks do not lie as on a face, they are all in one place.")
    world = fit_similarity(source, target, scaled=True)
    if metric and 0.6 < world.scale < 1.6:
        world = fit_similarity(source, target, scaled=False)
    # Umeyama's fit; when it misses, a mirrored one that fits twice as well says that left and right are exchanged.
    error = np.linalg.norm(world.points(source) - target, axis=1)
    if error.max() > FARTHEST:
        mirror = fit_similarity(source, target, scaled=True, mirrored=True)
        if np.linalg.norm(mirror.points(source) - target, axis=1).max() < 0.5 * error.max():
            raise UserError(_exchanged(folder))
        raise UserError(
            f"{folder / FILE}: the landmarks do not lie as on a face, the farthest off is {names[int(error.argmax())]} "
            f"({1000 * error.max():.0f} mm)."
        )
    # Eyes and mouth lie in a plane, which fits from behind as well: the rest of the head must be behind it.
    if world.points(vertices)[:, 1].mean() < world.points(source)[:, 1].mean():
        raise UserError(_exchanged(folder))
    return world


def _is_place(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < REASON


def _exchanged(folder: Path) -> str:
    return f"{folder / FILE}: left and right are exchanged (left means the person's own left)."


def _matrix(path: Path, value: object) -> Similarity:
    try:
        matrix = np.asarray(value, np.float64) if isinstance(value, list) else np.zeros(0)
    except (TypeError, ValueError, OverflowError):
        matrix = np.zeros(0)
    # Its volume at least that of micrometres: what is turned round by it must stay finite.
    if matrix.shape != (4, 4) or not within_reason(matrix) or np.linalg.det(matrix[:3, :3]) < 1e-27:
        raise UserError(f"{path}: “to_ours” must be a 4 × 4 similarity.")
    # A similarity is s R: det (s R) = s³, and what is left after s must be orthogonal.
    scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
    rotation = matrix[:3, :3] / scale
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3):
        raise UserError(f"{path}: “to_ours” must turn, move and scale evenly, nothing else.")
    return Similarity(scale, rotation, matrix[:3, 3])
