"""`python -m sample_scenes.heads.cc0`: render a multi-view capture of a CC0 head posed by action units.

Resumable: pictures that exist are kept. Run from the repository root with the environment of run.py.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from addon.capture.studio.lights import studio_light
from addon.capture.studio.photograph import photograph, picture_path, prepare
from emodifftalk.core.colour_space import display_colour
from emodifftalk.core.dome import VIEWS, Place, calibrate, layout
from emodifftalk.core.errors import UserError
from emodifftalk.core.range_of_motion import (
    GAZE_POSES,
    HELD_OUT_POSES,
    POSES,
    ScheduledPose,
    gaze_of,
    intensities,
    schedule,
)
from emodifftalk.core.subject import OTF_GROUPS
from emodifftalk.data.captures.capture import Capture, CaptureCamera, CaptureFrame, save_capture
from emodifftalk.data.face.actor import Actor

from .actor_scene import ActorScene
from .colours import Places

CREDIT = "captured from the CC0 MakeHuman base mesh"
SEEDS = {
    "surround": 7500,
    "shirt": 4200,
    "hair": 16000,
    "cavity": 400,
    "eye": 1200,
    "teeth_upper": 2200,
    "teeth_lower": 1800,
    "tongue": 700,
}


class Cc0Character:
    """A CC0 head as a character: its face points are the template's own, so nothing has to be registered."""

    def __init__(self, scene: bpy.types.Scene, actor: Actor) -> None:
        self.name, self.to_world = actor.name, np.eye(4)
        self.stage = ActorScene(scene, actor)

    def pose(self, units: dict[str, float]) -> None:
        """Pose everything."""
        self.points(units)

    def points(self, units: dict[str, float]) -> np.ndarray:
        """Pose everything; returns the template points (V, 3) of this pose, metres."""
        self.stage.turn_eyes(gaze_of(units))
        return self.stage.pose(*intensities(units))

    def frame(self) -> tuple[np.ndarray, float]:
        """Middle (3,) and height, metres, of what the pictures show: from the chest to above the hair."""
        places = Places.of(self.stage.actor)
        return np.array([0.0, places.eye[1] + 0.075, places.eye[2] - 0.052]), 0.356


def main() -> int:
    """Parse the command line, capture, return the exit code."""
    parser = argparse.ArgumentParser(prog="sample_scenes.heads.cc0", description=__doc__)
    parser.add_argument("--actor", required=True, help="cc0_heads.npz")
    parser.add_argument("--identity", default="african_male_young")
    parser.add_argument("--out", required=True, help="capture folder to write")
    parser.add_argument("--views", type=int, choices=VIEWS, default=24, help="cameras of the dome")
    parser.add_argument("--size", type=int, default=512, help="pixels, square")
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--only", help="render only this pose, from cameras in front (to look at it)")
    options = parser.parse_args()
    try:
        capture(options)
    except UserError as error:
        print(f"capture: {error}", file=sys.stderr)
        return 1
    return 0


def capture(options: argparse.Namespace) -> None:
    """Build the studio, render every picture that is missing, write the capture files. Raises UserError."""
    out, scene = Path(options.out), empty_scene()
    prepare(scene, "cycles", options.samples)
    character = Cc0Character(scene, Actor.load(options.actor, options.identity))
    centre, height = character.frame()
    studio_light(scene, centre, character.to_world)
    places = layout(options.views)
    cameras = calibrate(places, centre, height, options.size)
    shots = _one_pose(options.only, places) if options.only else schedule(POSES, places, gazes=GAZE_POSES)
    points = np.stack([character.points(shot.units) for shot in shots])
    photograph(scene, character, list(enumerate(shots)), cameras, out, _report)
    if not options.only:
        _save(out, character, places, cameras, shots, points)


def _save(
    out: Path, character: Cc0Character, places: list[Place], cameras: dict, shots: list[ScheduledPose], points
) -> None:
    frames = [
        CaptureFrame(
            shot.name,
            intensities(shot.units)[0],
            {camera: picture_path(out, index, shot.name, camera) for camera in shot.cameras},
            gaze=gaze_of(shot.units),
        )
        for index, shot in enumerate(shots)
    ]
    seeds, colours, groups = character.stage.seeds(SEEDS)
    group_index = np.array([OTF_GROUPS.index(g) for g in groups], np.uint8)
    dome = {place.name: CaptureCamera(place.name, cameras[place.name], place.split) for place in places}
    seen = (dome, frames, points, seeds, display_colour(colours), group_index)
    eyes = character.stage.eye_centers
    consent = "no person: the actor is a synthetic model"
    made = Capture(character.name, CREDIT, True, *seen, eye_centers=eyes, licence="CC0-1.0", consent=consent)
    save_capture(out, made)


def _one_pose(name: str, places: list[Place]) -> list[ScheduledPose]:
    poses = {"neutral": {}, **POSES, **HELD_OUT_POSES, **GAZE_POSES}
    if name not in poses:
        raise UserError(f"There is no pose “{name}”, there are {', '.join(poses)}.")
    front = sorted((place for place in places if place.split == "train"), key=lambda place: place.from_front)
    return [ScheduledPose(name, poses[name], tuple(place.name for place in front[:3]))]


def empty_scene() -> bpy.types.Scene:
    """A new file's scene, its colours shown as they are."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    view: Any = scene.view_settings  # the stubs know a single view
    view.view_transform = "Standard"
    return scene


def _report(done: int, total: int, name: str, left: float) -> None:
    print(f"capture: {done}/{total} {name}, {left / 60:.1f} min left", flush=True)


if __name__ == "__main__":
    sys.exit(main())
