"""`python -m sample_scenes.heads.held_out`: make the held-out set that `run.py evaluate` measures on.

Three held-out voices speak, the CC0 heads of the sample subjects act what is said, and the very studio that captured
them photographs about 32 moments each, one held-out camera a moment. Resumable: recordings and pictures that exist are
kept; delete the folders to start again. Run from the repository root with the environment of run.py; needs espeak-ng,
flite and festival.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from addon.capture.studio.lights import studio_light
from addon.capture.studio.photograph import photograph, picture_path, prepare
from emodifftalk.core.dome import calibrate, layout
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import ARTICULATIONS, AU_NAMES
from emodifftalk.core.range_of_motion import ScheduledPose, Units
from emodifftalk.data.face.actor import Actor
from emodifftalk.evaluate.held_out_set import (
    SHIPPED,
    Clip,
    HeldOutSet,
    Moment,
    Sitter,
    lip_landmarks,
    load_held_out,
    save_held_out,
)
from emodifftalk.evaluate.recording import STRIPS, choose_held_out_moments, record_clips

from .cc0 import Cc0Character, empty_scene

SITTERS = {"nora": "caucasian_female_young", "kofi": "african_male_young"}
"""Which CC0 head each sample subject was captured from."""


def main() -> int:
    """Parse the command line, make the set, return the exit code."""
    parser = argparse.ArgumentParser(
        prog="sample_scenes.heads.held_out", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--actor", required=True, help="cc0_heads.npz")
    parser.add_argument("--out", default=str(SHIPPED), help="folder of the set (default: the shipped one)")
    parser.add_argument("--work", default="out/held_out", help="folder for the lossless pictures")
    parser.add_argument("--size", type=int, default=512, help="pixels, square")
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--subjects", default=",".join(SITTERS), help="comma separated")
    parser.add_argument("--most", type=int, help="take only so many pictures of each subject (to try it)")
    options = parser.parse_args()
    try:
        make(options)
    except UserError as error:
        print(f"held out: {error}", file=sys.stderr)
        return 1
    return 0


def make(options: argparse.Namespace) -> None:
    """Speak, pose and photograph whatever is missing. Raises UserError."""
    folder = Path(options.out)
    known = load_held_out(folder) if (folder / "set.json").exists() else None
    if known is None or known.size != options.size:
        folder.mkdir(parents=True, exist_ok=True)
        save_held_out(HeldOutSet(folder, options.size, record_clips(folder), {}))
        # Read back as it was written, so that going on later poses the very same faces.
        known = load_held_out(folder)
    # What was once spoken stays: another version of a synthesizer would say it otherwise.
    clips, sitters = known.clips, dict(known.sitters)
    for name in options.subjects.split(","):
        if name not in SITTERS:
            raise UserError(f"There is no sample subject “{name}”, there are {', '.join(SITTERS)}.")
        moments = choose_held_out_moments(name, clips)[: options.most]
        sitters[name] = _sit(name, clips, moments, folder, options)
        save_held_out(HeldOutSet(folder, options.size, clips, sitters))


def _sit(
    name: str, clips: dict[str, Clip], moments: tuple[Moment, ...], folder: Path, options: argparse.Namespace
) -> Sitter:
    """Photograph one subject's moments in the studio of its capture."""
    scene = empty_scene()
    prepare(scene, "cycles", options.samples)
    character = Cc0Character(scene, Actor.load(options.actor, SITTERS[name]))
    centre, height = character.frame()
    studio_light(scene, centre, character.to_world)
    places = [place for place in layout(24) if place.split == "test"]
    cameras = calibrate(places, centre, height, options.size)
    shots = [ScheduledPose(m.picture, _units(clips[m.clip], m.frame), (m.camera,)) for m in moments]
    marks = lip_landmarks(character.stage.template)
    lips = np.stack([character.points(shot.units)[marks] for shot in shots])
    work = Path(options.work) / name
    _must_be_the_same(work, shots)
    photograph(scene, character, list(enumerate(shots)), cameras, work, _report)
    (folder / "pictures").mkdir(exist_ok=True)
    for index, shot in enumerate(shots):
        _on_black(picture_path(work, index, shot.name, shot.cameras[0]), folder / "pictures" / f"{shot.name}.webp")
    strip = "{}{:02d}".format(*STRIPS[name])
    return replace(Sitter(name, SITTERS[name], strip, cameras, moments), lips=lips.astype(np.float32))


def _units(clip: Clip, frame: int) -> Units:
    """What the face does in a frame of a clip, by name."""
    values = np.concatenate([clip.true_aus[frame], clip.true_articulations[frame]]).astype(float)
    return {name: float(value) for name, value in zip((*AU_NAMES, *ARTICULATIONS), values, strict=True) if value > 0}


def _must_be_the_same(work: Path, shots: list[ScheduledPose]) -> None:
    """Pictures taken earlier show what the clips said then."""
    path, now = work / "poses.json", [[shot.name, shot.units] for shot in shots]
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    if any(one != other for one, other in zip(now, before, strict=False)):
        raise UserError(f"The pictures in {work} are of other poses: delete that folder, or name another with --work.")
    work.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(max(now, before, key=len)), encoding="utf-8")


def _on_black(source: Path, target: Path) -> None:
    with Image.open(source) as picture:
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        black.alpha_composite(picture.convert("RGBA"))
        black.convert("RGB").save(target, lossless=True, method=6)


def _report(done: int, total: int, name: str, left: float) -> None:
    print(f"held out: {done}/{total} {name}, {left / 60:.1f} min left", flush=True)


if __name__ == "__main__":
    sys.exit(main())
