"""The shot queue's runner or one of its Blenders is killed; the same command goes on to the end."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import PIL.Image

import addon
from emodifftalk.shots.complete_picture import is_complete
from tests.helpers.small_shots import save_shot
from tests.kill.campaign import KILLS, Round, RunRound, marked, start, undisturbed

_SHOTS, _FRAMES = ("sh010", "sh020"), 4


def queue(folder: Path) -> RunRound:
    """Frames: none lost, none rendered again once it was finished, none half, each as undisturbed."""
    addon.register()
    save_shot(folder / "film", frames=_FRAMES)
    shots = [{"name": name, "blend": "scene.blend"} for name in _SHOTS]
    listing = folder / "film" / "list.json"
    listing.write_text(json.dumps({"shots": shots, "jobs": 2}))
    seconds = undisturbed("emodifftalk.shots", "run", listing, "--out", folder / "wanted")
    wanted = _pictures(folder / "wanted")

    def one(round_: Round) -> None:
        run = ("emodifftalk.shots", "run", listing, "--out", round_.folder)
        process = start(*run)
        if round_.rng.random() < 0.5:
            round_.kill_somewhere(process, seconds)
        else:
            _kill_a_blender(round_, process.pid, seconds)
            process.wait(300)
        half = [path.name for path in round_.folder.glob("*/[!.]*.png") if not is_complete(path)]
        round_.expect(not half, f"half pictures: {half}")
        stamps = {path: path.stat().st_mtime_ns for path in round_.folder.glob("*/[!.]*.png")}
        undisturbed(*run)
        now = _pictures(round_.folder)
        lost = sorted(name for name in wanted if wanted[name] != now.get(name))
        round_.expect(not lost, f"lost or other than undisturbed: {lost[:3]}")
        round_.expect(len(now) == len(wanted), "more pictures than frames")
        again = [path.name for path, stamp in stamps.items() if path.stat().st_mtime_ns != stamp]
        round_.expect(not again and not _twice(round_.folder), f"rendered twice: {again or _twice(round_.folder)}")
        round_.expect_nothing_left(round_.folder, "after the next run")
        round_.expect_nothing_left(folder / "film", "beside the .blend")
        round_.expect_nobody_left()

    return one


def _kill_a_blender(round_: Round, runner: int, seconds: float) -> None:
    time.sleep(round_.rng.uniform(0.2 * seconds, 0.9 * seconds))
    blenders = [pid for pid in marked() if pid != runner]
    if blenders:
        try:
            os.kill(round_.rng.choice(blenders), round_.rng.choice((*KILLS, signal.SIGSEGV)))
            round_.killed = True
        except ProcessLookupError:
            pass  # it was quicker


def _pictures(folder: Path) -> dict[str, bytes]:
    """Pixels by file: beside them a picture says when it was rendered."""
    found = {}
    for path in folder.glob("*/[!.]*.png"):
        with PIL.Image.open(path) as picture:
            found[str(path.relative_to(folder))] = picture.tobytes()
    return found


def _twice(folder: Path) -> list[str]:
    """Frames that a Blender began after they were finished."""
    again = []
    for path in folder.glob("*/log/journal.jsonl"):
        finished = set()
        for line in path.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # torn by a kill
            if entry["event"] == "frame":
                finished.add(entry["frame"])
            elif entry["event"] == "began frame" and entry["frame"] in finished:
                again.append(f"{path.parent.parent.name} {entry['frame']}")
    return again
