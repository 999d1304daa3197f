"""`train all`: from a capture to a subject that performs, one stage after the other, resumable at every point.

Finished stages are kept in a folder beside the output, with a hash of everything they were made from; the same call
goes on where the last one ended. When all is done the folder goes, the subject and its report page stay.
"""

from __future__ import annotations

import os
import shutil
import time
from hashlib import sha256
from pathlib import Path

import numpy as np

from ... import __version__
from ...core.errors import UserError
from ...core.opening import read_json
from ...core.subject import file_hash
from ...core.watch import UNWATCHED, Watch
from ...core.whole_file import whole_path
from ...data.captures.capture import Capture, load_capture, read_picture
from ...data.speech.recordings import read_recordings
from .report import write_whole_report
from .stages import AllSettings, Stage, StageWork, Task, expect_expressions, stages_of
from .work_folder import WorkFolder, key_of

_REPORT_SHARE = 60.0
"""Seconds that measuring and drawing the report takes at 512 pixels."""


def train_all(
    dataset: str | os.PathLike,
    out: str | os.PathLike,
    settings: AllSettings | None = None,
    watch: Watch = UNWATCHED,
    afresh: bool = False,
) -> dict:
    """Train every stage on a capture, write the Subject to `out`, its report beside it, and return the report.

    `OUT.training/` holds what is done until all is done: the same call goes on from there, `afresh` throws it away.
    Raises UserError before anything is learned when the capture cannot lead to a subject or `out` exists, and
    Cancelled; all finished stages are kept then.
    """
    settings, out, dataset = settings or AllSettings(), Path(out), Path(dataset)
    work = Path(f"{out}.training")
    if out.exists():
        if not afresh and work.is_dir() and file_hash(out) in map(file_hash, work.glob("*.safetensors")):
            WorkFolder(work).remove()  # killed when all was done but this
            return dict(read_json(f"{out}.report.json"))
        raise UserError(f"{out} exists already: choose another name, or move it away to train it again.")
    if out.suffix != ".safetensors":
        raise UserError(f"A subject is a .safetensors file: call it {out.stem}.safetensors.")
    capture = load_capture(dataset)
    expect_expressions(capture, dataset.name)
    task = Task(dataset, capture, read_recordings(dataset), settings)
    _open_pictures(capture, watch.part(0.0, 0.0, "Capture"))
    if afresh and work.is_dir():
        WorkFolder(work).remove()
    return _Run(task, stages_of(task), WorkFolder(work), watch).to(out)


class _Run:
    """Works through the stages and divides the progress between them."""

    def __init__(self, task: Task, stages: tuple[Stage, ...], work: WorkFolder, watch: Watch) -> None:
        self._task, self._stages, self._work, self._watch = task, stages, work, watch
        report = _REPORT_SHARE * (task.settings.canonical.size / 512) ** 2
        self._whole, self._done = sum(stage.share for stage in self._stages) + report, 0.0

    def to(self, out: Path) -> dict:
        """The whole way; returns the report."""
        key, before, reports = key_of(__version__, capture_fingerprint(self._task.capture)), None, list[dict]()
        for stage in self._stages:
            key = key_of(key, stage.name, stage.made_from)
            reports.append({"stage": stage.name, "title": stage.title} | self._run(stage, key, before))
            before = self._work.subject_path(stage.name)
            self._done += stage.share
        watch, trained = self._part("Report", self._whole - self._done), self._work.subject_path(self._stages[-1].name)
        report = write_whole_report(out, self._task, trained, reports, watch)
        _copy(trained, out)
        self._work.remove()
        self._watch.part(1.0, 1.0, "Report").say(1.0, "Done")
        return report

    def _run(self, stage: Stage, key: str, before: Path | None) -> dict:
        watch = self._part(stage.title, stage.share)
        if (report := self._work.finished(stage.name, key)) is not None:
            watch.say(1.0, "done before, kept")
            return {**report, "resumed": True}
        watch.check()
        began = time.monotonic()
        watch.say(0.0, "begins")
        work = StageWork(self._task, before, self._work.scratch(key), watch)
        subject, report = stage.run(work)
        report = {**report, "minutes": round((time.monotonic() - began) / 60, 2)}
        self._work.keep(stage.name, key, subject, report)
        return {**report, "resumed": False}

    def _part(self, title: str, share: float) -> Watch:
        """The watch over what comes next and takes `share` seconds of the whole."""
        return self._watch.part(self._done / self._whole, (self._done + share) / self._whole, title)


def capture_fingerprint(capture: Capture) -> str:
    """A hash of all that is learned from a capture: cameras, action units, points, and its pictures by name, size and
    time. Where the capture lies does not matter."""
    digest = sha256(repr((capture.name, capture.synthetic, capture.licence, capture.consent)).encode())
    for name, seen in sorted(capture.cameras.items()):
        lens = seen.camera
        placed = (lens.viewmat.tolist(), lens.K.tolist(), lens.width, lens.height)
        digest.update(repr((name, seen.split, placed)).encode())
    for frame in capture.frames:
        head = None if frame.head is None else np.asarray(frame.head).tolist()
        digest.update(repr((frame.name, np.asarray(frame.aus).tolist(), frame.gaze, head)).encode())
        for camera, picture in sorted(frame.pictures.items()):
            parts = [picture] if isinstance(picture, Path) else [p.path for p in (picture.color, picture.matte) if p]
            stats = [(part.name, part.stat().st_size, part.stat().st_mtime_ns) for part in parts]
            digest.update(repr((camera, stats)).encode())
    for array in (capture.points, capture.seed_points, capture.seed_colors, capture.seed_group, capture.eye_centers):
        digest.update(np.ascontiguousarray(array, np.float32).tobytes())
    return digest.hexdigest()


def _open_pictures(capture: Capture, watch: Watch) -> None:
    """Raise UserError for the first broken picture: some are not looked at before hours have been spent."""
    pictures = [picture for frame in capture.frames for picture in frame.pictures.values()]
    for done, picture in enumerate(pictures):
        watch.check()
        if done % 20 == 0:
            watch.say(0.0, f"opening picture {done + 1} of {len(pictures)}")
        read_picture(picture, 64)


def _copy(trained: Path, out: Path) -> None:
    """Whole or not at all: the subject appears under its name when everything else is done."""
    try:
        with whole_path(out) as part:
            shutil.copyfile(trained, part)
    except OSError as error:
        raise UserError(f"{out} cannot be written: {error.strerror or error}.") from error
