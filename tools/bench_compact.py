"""What compact takes lose and cost: points, lips, lids and pictures against the whole take, and seconds.

Run it with `python -m tools.bench_compact`. It fills the table of docs/formats/takes.md.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from emodifftalk.core.facs import AU_INDEX
from emodifftalk.core.performance import Performance, Prompt, VoiceStrip
from emodifftalk.core.subject import Subject, load_subject
from emodifftalk.core.take import Take, load_take
from emodifftalk.emotion.edit import closure
from emodifftalk.export.framing import portrait_camera
from emodifftalk.perform.pipeline import perform
from emodifftalk.splat.metrics import psnr
from emodifftalk.splat.render import render

SAMPLES = Path(__file__).resolve().parents[1] / "sample_scenes"
VOICES = (VoiceStrip(SAMPLES / "evening.wav"), VoiceStrip(SAMPLES / "hello.wav", start=5.5))
FEELINGS = ("calm", "delighted", "furious", "sad")
CHANGES = ((3, "proud"), (1, "disgusted"), (2, "terrified"), (0, "sleepy"), (3, "amused"), (1, "shy"), (2, "bored"),
           (3, "ecstatic"), (2, "astonished"), (0, "tender"))  # fmt: skip
"""Which prompt is reworded, and how, one after the other."""
EACH = 9
"""Pictures of each ninth frame are compared."""


def main() -> None:
    """Measure both sample subjects and print it line by line."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("nora", "kofi"):
            _measure(name, SAMPLES / "subjects" / f"{name}.safetensors", Path(folder))


def _measure(name: str, path: Path, folder: Path) -> None:
    subject = load_subject(path)
    whole, compact = folder / "whole.safetensors", folder / "compact.safetensors"
    work = {}
    for _ in range(2):  # the first time reads models
        for small, out in ((False, whole), (True, compact)):
            began = time.process_time()
            perform(path, _shot(FEELINGS), out, compact=small)
            work[small] = time.process_time() - began
    print(f"{name}: {load_take(whole).frames} frames; {_megabytes(whole)} whole, {work[False]:.1f} s of the processor")
    print(f"  {_megabytes(compact)} compact, {work[True]:.1f} s of the processor")
    _compare("  made at once", subject, load_take(whole), load_take(compact))
    words, last = list(FEELINGS), compact
    for number, (prompt, word) in enumerate(CHANGES):
        words[prompt] = word
        before, last = last, folder / f"change_{number}.safetensors"
        began = time.process_time()
        report = perform(path, _shot(words), last, previous=before, compact=True)
        worked, others = time.process_time() - began, _altered(load_take(before), load_take(last)) - report.recomputed
        print(f"  “{word}”: {report.recomputed} frames anew, {worked:.1f} s of the processor, {_megabytes(last)}")
        print(f"    {others} others altered", flush=True)
    perform(path, _shot(words), whole)
    _compare(f"  after {len(CHANGES)} changes", subject, load_take(whole), load_take(last))


def _shot(words: tuple[str, ...] | list[str]) -> Performance:
    return Performance(VOICES, tuple(Prompt(word, start=3.0 * i) for i, word in enumerate(words)))


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"


def _altered(before: Take, after: Take) -> int:
    """Frames that two takes do not play the same to the last bit."""
    names = ("offsets", "rotations", "opacities")
    pairs = ((before.frame(i), after.frame(i)) for i in range(before.frames))
    return sum(any(getattr(a, n).tobytes() != getattr(b, n).tobytes() for n in names) for a, b in pairs)


def _compare(what: str, subject: Subject, whole: Take, compact: Take) -> None:
    template, camera = subject.template, portrait_camera(subject, 512)
    lips = template.landmarks["lip_inner_upper"], template.landmarks["lip_inner_lower"]
    lids = (np.concatenate([template.landmarks[f"lid_{which}_{side}"] for side in ("left", "right")])
            for which in ("upper", "lower"))  # fmt: skip
    apart = {"lips": lips, "lids": tuple(lids)}
    shut = {"lips": closure(whole.aus, against=4.0) >= 0.9, "lids": whole.aus[:, AU_INDEX["AU45"]] >= 0.9}
    points, turned = [], []
    gaps: dict[str, list[tuple[float, float]]] = {"lips": [], "lids": []}
    pictures = []
    for i in range(whole.frames):
        frames = whole.frame(i), compact.frame(i)
        points.append(1e3 * np.linalg.norm(frames[0].offsets - frames[1].offsets, axis=1).max())
        agree = np.abs((frames[0].rotations * frames[1].rotations).sum(axis=1)).clip(0, 1)
        turned.append(np.percentile(2 * np.degrees(np.arccos(agree)), 99))
        for name, (upper, lower) in apart.items():
            if shut[name][i]:
                heights = [(template.neutral + frame.offsets)[:, 2] for frame in frames]
                one, other = (1e3 * float((height[upper] - height[lower]).max()) for height in heights)
                gaps[name].append((one, other))
        if i % EACH == 0:
            drawn = [render(frame.gaussians(subject), camera, (0.2, 0.2, 0.2))[0] for frame in frames]
            pictures.append(float(psnr(drawn[1], drawn[0])))
    print(
        f"{what}: points {max(points):.3f} mm at worst, rotations {np.max(turned):.1f}° (99 of 100 in the worst frame)"
    )
    for name, pairs in gaps.items():
        if pairs:
            most, more = np.array(pairs).max(axis=0), np.abs(np.diff(pairs, axis=1)).max()
            print(
                f"    {name} shut in {len(pairs)} frames: widest gap {most[0]:.3f} mm whole, {most[1]:.3f} mm compact"
            )
            print(f"    in one frame they differ by {more:.3f} mm at most")
    print(
        f"    {len(pictures)} pictures, 512²: {min(pictures):.1f} dB at worst, {np.mean(pictures):.1f} dB mean",
        flush=True,
    )


if __name__ == "__main__":
    main()
