"""`python -m addon.capture`: render a multi-view capture of a CC0 head posed by action units.

Resumable: pictures that exist are kept. Run from the repository root with the environment of run.py.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import bpy
import numpy as np

from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import ARTICULATIONS, AU_INDEX
from emodifftalk.core.subject import OTF_GROUPS
from emodifftalk.data.actor import Actor
from emodifftalk.data.capture import Capture, CaptureFrame, save_capture

from ..colour_space import display_colour
from .actor_scene import ActorScene
from .colours import Places
from .dome import apply_camera, dome_cameras, light

CREDIT = "captured from the CC0 MakeHuman base mesh"
SEEDS = {
    "surround": 4200,
    "hair": 3000,
    "cavity": 250,
    "eye": 450,
    "teeth_upper": 320,
    "teeth_lower": 280,
    "tongue": 220,
}

# A range of motion: each unit where it shows, the feelings, and mouth shapes of speech.
POSES: list[tuple[str, dict[str, float]]] = [
    ("neutral", {}),
    ("blink", {"AU45": 1.0}),
    ("half_blink", {"AU45": 0.5}),
    ("brows_up", {"AU01": 1.0, "AU02": 1.0, "AU05": 0.9}),
    ("inner_brows", {"AU01": 1.0}),
    ("frown", {"AU04": 1.0, "AU07": 0.5}),
    ("happy", {"AU06": 0.9, "AU12": 1.0}),
    ("laugh", {"AU06": 1.0, "AU10": 0.4, "AU12": 1.0, "AU25": 0.8, "AU26": 0.4}),
    ("sad", {"AU01": 0.9, "AU04": 0.6, "AU15": 1.0, "AU17": 0.6}),
    ("angry", {"AU04": 1.0, "AU05": 0.5, "AU07": 0.6, "AU23": 0.8, "AU24": 0.5}),
    ("surprised", {"AU01": 1.0, "AU02": 0.9, "AU05": 1.0, "AU26": 0.8, "AU25": 0.5}),
    ("disgusted", {"AU09": 1.0, "AU10": 0.7, "AU17": 0.5}),
    ("afraid", {"AU01": 0.9, "AU02": 0.5, "AU04": 0.6, "AU05": 1.0, "stretch": 0.7, "AU25": 0.6}),
    ("contempt", {"AU12": 0.35, "AU14": 1.0}),
    ("pressed", {"AU24": 1.0, "lip_press": 0.6}),
    ("ah", {"AU26": 1.0, "AU25": 0.6}),
    ("eh", {"AU26": 0.45, "AU25": 0.7, "stretch": 0.4}),
    ("ee", {"AU25": 0.6, "AU12": 0.35, "stretch": 0.6}),
    ("oh", {"AU26": 0.5, "funnel": 0.7, "pucker": 0.3}),
    ("oo", {"pucker": 1.0, "AU26": 0.15, "AU25": 0.2}),
    ("ff", {"lip_bite": 1.0, "AU10": 0.25, "AU25": 0.15}),
    ("grin", {"AU10": 0.8, "AU12": 0.7, "AU25": 0.8}),
    ("test_smile_talk", {"AU06": 0.5, "AU12": 0.6, "AU25": 0.5, "AU26": 0.3}),
    ("test_worried_talk", {"AU01": 0.7, "AU04": 0.5, "AU15": 0.4, "AU25": 0.5, "AU26": 0.2}),
]


def main() -> int:
    """Parse the command line, capture, return the exit code."""
    parser = argparse.ArgumentParser(prog="addon.capture", description=__doc__)
    parser.add_argument("--actor", required=True, help="cc0_heads.npz")
    parser.add_argument("--identity", default="african_male_young")
    parser.add_argument("--out", required=True, help="capture folder to write")
    parser.add_argument("--size", type=int, default=512, help="pixels, square")
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--views", type=int, default=4, help="cameras per expressive pose")
    parser.add_argument("--only", help="render only this pose, from the front cameras (to look at it)")
    options = parser.parse_args()
    try:
        capture(options)
    except UserError as error:
        print(f"capture: {error}", file=sys.stderr)
        return 1
    return 0


def capture(options: argparse.Namespace) -> None:
    """Build the studio, render every picture that is missing, write the capture files."""
    out = Path(options.out)
    scene = _studio(options)
    stage = ActorScene(scene, Actor.load(options.actor, options.identity))
    places = Places.of(stage.actor)
    centre = np.array([0.0, places.eye[1] + 0.075, places.eye[2] - 0.020])
    light(scene, centre)
    cameras = {c.name: c for c in dome_cameras(centre, 0.312, options.size)}
    plan = _plan(list(cameras.values()), options)
    frames, points = [], []
    began, done, total = time.monotonic(), 0, sum(len(views) for _, _, views in plan)
    for index, (name, units, views) in enumerate(plan):
        aus, articulations = _vectors(units)
        points.append(stage.pose(aus, articulations))
        pictures = {}
        for camera in views:
            path = out / "pictures" / f"{index:02d}_{name}_{camera}.png"
            if not path.exists():
                apply_camera(scene, cameras[camera].camera)
                scene.render.filepath = str(path)
                bpy.ops.render.render(write_still=True)
            pictures[camera] = path
            done += 1
            left = (time.monotonic() - began) / done * (total - done)
            print(f"capture: {done}/{total} {path.name}, {left / 60:.1f} min left", flush=True)
        frames.append(CaptureFrame(name, aus, pictures))
    seeds, colours, groups = stage.seeds(SEEDS)
    group_index = np.array([OTF_GROUPS.index(g) for g in groups], np.uint8)
    colours = display_colour(colours)
    save_capture(
        out,
        Capture(options.identity, CREDIT, True, cameras, frames, np.stack(points), seeds, colours, group_index),
    )


def _plan(cameras: list, options: argparse.Namespace) -> list[tuple[str, dict[str, float], list[str]]]:
    """Which pose is seen by which cameras: neutral by all, others by the front, more in turn, and the tests."""
    names = [c.name for c in cameras if c.split == "train"]
    tests = [c.name for c in cameras if c.split == "test"]
    if options.only:
        poses = dict(POSES)
        return [(options.only, poses[options.only], ["ring05", "ring03", "test_left"])]
    rotating = [n for n in names if n != "ring05" and n not in ("ring00", "ring10")]
    plan = []
    for i, (name, units) in enumerate(POSES):
        if i == 0:
            views = names + tests
        elif name.startswith("test_"):
            views = tests
        else:
            views = ["ring05"] + [rotating[(i * 5 + k * 4) % len(rotating)] for k in range(options.views - 1)]
            views = list(dict.fromkeys(views)) + (["test_left"] if i % 3 == 0 else [])
        plan.append((name, units, views))
    return plan


def _vectors(units: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    aus, articulations = np.zeros(17, np.float32), np.zeros(len(ARTICULATIONS), np.float32)
    for name, value in units.items():
        if name in AU_INDEX:
            aus[AU_INDEX[name]] = value
        else:
            articulations[ARTICULATIONS.index(name)] = value
    return aus, articulations


def _studio(options: argparse.Namespace) -> bpy.types.Scene:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = options.samples
    scene.cycles.use_denoising = True
    scene.cycles.max_bounces = 5
    scene.cycles.use_adaptive_sampling = True
    scene.render.use_persistent_data = True
    scene.render.film_transparent = True
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.filter_size = 1.2
    return scene


if __name__ == "__main__":
    sys.exit(main())
