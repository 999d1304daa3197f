"""Capturing a Blender character: planned here, photographed by Blender, its template points fitted here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from ...core import tensors
from ...core.blender_process import BlenderDied, find_blender, find_script
from ...core.camera import Camera
from ...core.checks import expect, expect_format, expect_indices
from ...core.errors import UserError
from ...core.facs import AU_NAMES
from ...core.opening import parse_json
from ...core.plan import MESHES, Plan
from ...core.range_of_motion import intensities
from ...core.subject import OTF_GROUPS
from ...core.watch import UNWATCHED, Watch
from ..face.attachment import Attachment
from ..face.registration import register_template
from .capture import Capture, CaptureCamera, CaptureFrame, save_capture
from .photographer import SCRIPT, command, photograph
from .plan import CaptureRequest, plan_capture
from .readers.picture import Picture

_MEASURED, _PHOTOGRAPHED = 0.03, 0.99
"""Shares of the work: where the first picture begins and the last one ends."""
_ON_FACE = 0.006
"""Metres from the template within which its own Gaussians show the skin."""
_SURROUND = 7500


@dataclass(frozen=True)
class CaptureReport:
    """What was captured.

    folder: of the capture.
    pictures, frames, cameras: how many.
    missing: action units the character has no shapes for.
    """

    folder: Path
    pictures: int
    frames: int
    cameras: int
    missing: tuple[str, ...]


def capture_character(
    blend: str | os.PathLike,
    out: str | os.PathLike,
    settings: CaptureRequest,
    watch: Watch = UNWATCHED,
    overwrite: bool = False,
    blender: str = "",
    script: str = "",
    credit: str = "",
) -> CaptureReport:
    """Capture a character of a .blend file into folder `out`; a capture begun there with these settings goes on.

    blender: the program, empty to look for it.
    script: the add-on's, empty for the one beside this backend.
    credit: whom to thank for the character, in words.

    Raises UserError for anything a person can mend, Cancelled; the pictures taken are kept either way.
    """
    program, path = find_blender(blender), find_script(*SCRIPT, chosen=script)
    out = Path(out)
    watch.say(0.0, "Planning")
    plan = plan_capture(out, settings, overwrite)
    registered: list[Attachment] = []
    said, taken = (0.0, "Starting Blender"), False
    watch.say(*said)

    def hear(event: dict) -> None:
        nonlocal said, taken
        if event["event"] == "measured":
            # Before the first picture: a face our template does not fit is said now, not after hours.
            said = (_MEASURED, "Fitting the template to the face")
            watch.say(*said)
            registered.append(_register(out, plan))
        elif event["event"] == "progress":
            share = event["done"] / max(event["total"], 1)
            said = (_MEASURED + share * (_PHOTOGRAPHED - _MEASURED), _progress_text(event))
            taken = taken or event["done"] > 0
            watch.say(*said)
        else:
            watch.say(*said)  # whoever listens would take a long silence for a standstill

    try:
        photograph(command(program, path, Path(blend).absolute(), out.absolute()), hear, watch)
    except BlenderDied as death:
        if plan.engine == "eevee" and registered and not taken:
            raise UserError("EEVEE cannot render here, it needs a graphics card: choose Cycles.") from death
        raise
    watch.say(_PHOTOGRAPHED, "Writing the capture")
    return _finish(out, plan, registered[0], credit)


def _progress_text(event: dict) -> str:
    if not event["done"]:
        return event["text"]
    left = event["left"]
    time = f", {left / 60:.0f} min left" if left > 90 else f", {left:.0f} s left" if left else ""
    return f"picture {event['done']} of {event['total']}{time} ({event['text']})"


def _register(out: Path, plan: Plan) -> Attachment:
    arrays, units, _, _ = _measured(out, plan)
    moved = dict(zip(units, arrays["moved"], strict=True))
    eyes = {"left": arrays["eyes"][0], "right": arrays["eyes"][1]}
    return register_template(arrays["neutral"], arrays["triangles"], moved, {}, eyes)


def _measured(out: Path, plan: Plan) -> tuple[dict[str, np.ndarray], list[str], list[int], str]:
    """What Blender measured: the arrays, units of `moved`, shots that are photographed, the character's name."""
    file = tensors.TensorFile(out / MESHES)
    expect_format(file, "meshes", 1)
    units, shots = _listed(file, "units", str), _listed(file, "shots", int)
    if not all(0 <= index < len(plan.shots) for index in shots):
        raise UserError(f"{file.path} belongs to another plan: capture into another folder.")
    arrays = {"neutral": expect(file, "neutral", (None, 3))}
    points = len(arrays["neutral"])
    shapes: dict[str, tuple[int | None, ...]] = {
        "moved": (len(units), points, 3),
        "frames": (len(shots), points, 3),
        "triangles": (None, 3),
        "eyes": (2, 3),
        "viewmats": (len(plan.places), 4, 4),
        "Ks": (len(plan.places), 3, 3),
        "seed_points": (None, 3),
        "seed_colors": (None, 3),
        "seed_group": (None,),
    }
    arrays |= {name: expect(file, name, shape) for name, shape in shapes.items()}
    expect_indices(file, "triangles", arrays["triangles"], points)
    expect_indices(file, "seed_group", arrays["seed_group"], len(OTF_GROUPS))
    return arrays, units, shots, file.metadata.get("name", "")


def _listed(file: tensors.TensorFile, name: str, kind: type) -> list:
    try:
        values = parse_json(file.metadata.get(name, "[]"))
    except ValueError:
        values = None
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise UserError(f"{file.path} is damaged: its “{name}” make no sense; capture into another folder.")
    return values


def _finish(out: Path, plan: Plan, attachment: Attachment, credit: str) -> CaptureReport:
    """Write the capture files for what was photographed."""
    arrays, units, shots, name = _measured(out, plan)
    points = np.stack([attachment.follow(vertices) for vertices in arrays["frames"]])
    cameras = {
        place.name: CaptureCamera(place.name, Camera(viewmat, K, plan.size, plan.size), place.split)
        for place, viewmat, K in zip(plan.places, arrays["viewmats"], arrays["Ks"], strict=True)
    }
    frames = []
    for index in shots:
        shot = plan.shots[index]
        shown = {unit: value for unit, value in shot.units.items() if unit in units}
        pictures: dict[str, Path | Picture] = {
            name: out / "pictures" / f"{index:03d}_{shot.name}_{name}.png" for name in shot.cameras
        }
        frames.append(CaptureFrame(shot.name, intensities(shown)[0], pictures))
    rows = _seed_rows(arrays["seed_points"], arrays["seed_group"], points[0])
    seeds, colors, group = (arrays[name][rows] for name in ("seed_points", "seed_colors", "seed_group"))
    name, eyeballs = plan.character or name, {OTF_GROUPS.index(f"eye_{side}") for side in ("left", "right")}
    eyes = arrays["eyes"] if eyeballs <= set(group.tolist()) else np.zeros((0, 3), np.float32)
    save_capture(out, Capture(name, credit, True, cameras, frames, points, seeds, colors, group, eye_centers=eyes))
    count = sum(len(frame.pictures) for frame in frames)
    missing = tuple(au for au in AU_NAMES if au not in units)
    return CaptureReport(out, count, len(frames), len(cameras), missing)


def _seed_rows(seeds: np.ndarray, group: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Indices of the seeds (M, 3) to keep: none that the face (V, 3) covers, and not too many around it."""
    # The face's own Gaussians show what lies within 6 mm of it: seeds there would be a second skin over the first.
    surround = group == OTF_GROUPS.index("surround")
    beside = np.flatnonzero(surround & (cKDTree(face).query(seeds)[0] > _ON_FACE))
    if len(beside) > _SURROUND:
        beside = np.random.default_rng(0).choice(beside, _SURROUND, replace=False)
    return np.concatenate([np.sort(beside), np.flatnonzero(~surround)])
