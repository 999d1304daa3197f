"""What the add-on costs Blender: switching it on, assembling a frame, keeping a take. NumPy alone, no backend.

Run it with `python -m tools.bench_addon`, or with the rasterizers as `run.py bench`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from addon.start_up import ROOT, ensure_core
from tools.complete_blender import complete_blender
from tools.environments import Missing

ensure_core()

from emodifftalk.core import tensors  # noqa: E402
from emodifftalk.core.gaussians import Gaussians  # noqa: E402
from emodifftalk.core.subject import Subject, load_subject, pose  # noqa: E402
from emodifftalk.core.take import Take, TakeFrame, load_take, save_take  # noqa: E402

SAMPLES = ROOT / "sample_scenes"
STARTS = 7
FRAMES = 60
REGISTER = (
    "import sys, time, bpy; sys.path[:0] = [{root!r}, {backend!r}]; import addon; "
    "began = time.perf_counter(), time.thread_time(); addon.register(); "
    "print('register', time.perf_counter() - began[0], time.thread_time() - began[1]); addon.unregister()"
)


def main() -> None:
    """Measure everything and print it line by line."""
    _say_register("Blender as a module", [sys.executable, "-c"])
    try:
        blender = complete_blender()
        _say_register("complete Blender", [blender, "-b", "--factory-startup", "--python-expr"])
    except Missing as problem:
        print(f"complete Blender: not measured, {problem}")
    subject, take = load_subject(SAMPLES / "subjects" / "nora.safetensors"), load_take(_a_take())
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.safetensors"
        save_whole(take, whole)
        _frames("Nora", subject, take, load_take(whole))
        wide = widened(subject, 60_000)
        rows = np.concatenate([np.arange(subject.n_face), np.arange(wide.n_face - subject.n_face)])
        save_whole(take, whole, rows)
        _frames("synthetic (Nora, some of her Gaussians twice)", wide, load_take(whole))
        for kind, path in (("compact", _a_take()), ("whole", _saved(take, whole))):
            minute = Path(folder) / f"minute-{kind}.safetensors"
            last_a_minute(path, minute)
            size = f"{minute.stat().st_size / 1e6:.0f} MB on the disk"
            print(f"memory of a minute's {kind} take of Nora ({size}), played through: {memory(minute)}", flush=True)


def _say_register(where: str, command: list[str]) -> None:
    walls, works = zip(*register_times(command), strict=True)
    _say(f"{where}: register()", list(walls))
    _say(f"{where}: register(), processor time alone", list(works))


def register_times(command: list[str]) -> list[tuple[float, float]]:
    """Milliseconds that `register` takes in fresh processes, after one that fills the caches: on the clock, which busy
    machines stretch, and of the processor."""
    code = REGISTER.format(root=str(ROOT), backend=str(ROOT / "backend"))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    times = []
    for start in range(STARTS + 1):
        said = subprocess.run([*command, code], capture_output=True, text=True, env=environment, timeout=120).stdout
        lines = [line.split() for line in said.splitlines() if line.startswith("register")]
        seconds = [(1000 * float(line[1]), 1000 * float(line[2])) for line in lines]
        if start:
            times += seconds
    return times


def _say(what: str, times: list[float]) -> None:
    figures = (
        f"{statistics.median(times):.1f} ms (best {min(times):.1f}) of {len(times)}" if times else "it did not run"
    )
    print(f"{what}: median {figures}", flush=True)


def _frames(name: str, subject: Subject, *takes: Take) -> None:
    """Time the assembly of frames between those of the takes: each is mixed from two."""
    for take in takes:
        moments = np.linspace(0.02, take.duration - 0.1, FRAMES)
        times = [_milliseconds(partial(assembled, subject, take, float(at))) for at in moments]
        kind = "compact" if take.compact else "whole"
        _say(f"a frame of {len(subject.gaussians)} Gaussians, {name}, {kind} take", times[2:])


def assembled(subject: Subject, take: Take, seconds: float) -> Gaussians:
    """What playback does for a moment that it has not seen."""
    frame = take.at(seconds)
    return pose(subject, frame.offsets, frame.rotations, frame.opacities, frame.tints)


def _milliseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)


def _a_take() -> Path:
    """The take that ships with the sample shot."""
    return SAMPLES / "takes" / "hello.safetensors"


def widened(subject: Subject, count: int) -> Subject:
    """The subject with `count` Gaussians: its first facial ones are there twice."""
    # The first facial ones come again behind the facial ones, before the others: rows of all Gaussians, faces of the
    # facial ones alone, which have a triangle and a place in it.
    twice = np.arange(count - len(subject.gaussians))
    faces = np.concatenate([np.arange(subject.n_face), twice])
    rows = np.concatenate([faces, np.arange(subject.n_face, len(subject.gaussians))])
    parts = Gaussians(*(values[rows] for values in vars(subject.gaussians).values()))
    return replace(subject, gaussians=parts, triangle=subject.triangle[faces], bary=subject.bary[faces])


def save_whole(take: Take, path: Path, rows: np.ndarray | slice = slice(None)) -> None:
    """Write a take frame by frame as the backend makes them, with these rows of its facial Gaussians."""
    frames: list[TakeFrame] = [take.frame(i) for i in range(take.frames)]
    tints = None if frames[0].tints is None else np.stack([frame.tints[rows] for frame in frames])
    save_take(
        path,
        take.aus,
        take.aus_voice,
        np.stack([frame.offsets for frame in frames]),
        np.stack([frame.rotations[rows] for frame in frames]),
        np.stack([frame.opacities[rows] for frame in frames]),
        {},
        tints=tints,
    )


def _saved(take: Take, path: Path) -> Path:
    save_whole(take, path)
    return path


def last_a_minute(path: Path, to: Path) -> None:
    """Write a take again and again into one of a minute."""
    arrays, about = tensors.load(path)
    frames, wanted = len(arrays["aus"]), 60 * 25
    for name, values in arrays.items():
        if len(values) == frames:
            arrays[name] = np.resize(values, (wanted, *values.shape[1:]))
    tensors.save(to, arrays, about)


PLAY = """
import sys
from emodifftalk.core.take import load_take

def most():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

before = most()
take = load_take(sys.argv[1])
for i in range(take.frames):
    take.frame(i)
print(most() - before)
"""


def memory(path: Path) -> str:
    """Megabytes by which a fresh process grows at most while it opens a take and plays every frame."""
    if sys.platform != "linux":
        return "measured on Linux only"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "backend")}
    command = [sys.executable, "-c", PLAY, str(path)]
    said = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return f"{float(said.stdout) / 1000:.0f} MB"


if __name__ == "__main__":
    main()
