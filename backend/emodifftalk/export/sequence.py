"""A shot as numbered files of Gaussians: named for the programs that read them, resumable, never half written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from ..core.axes import AXES, turned
from ..core.errors import Cancelled, UserError
from ..core.opening import read_json
from ..core.watch import UNWATCHED, Watch
from ..core.whole_file import folder_for_files, whole_file, whole_path
from .cast import Cast
from .frame_formats import FRAME_FORMATS


class Kind(Protocol):
    """What is said of every format."""

    @property
    def axes(self) -> str:
        """One of `core.axes.AXES`, what its readers expect."""

    @property
    def loss(self) -> str:
        """What is lost, in words; empty when nothing is."""

    @property
    def ordered(self) -> bool:
        """Whether row i is the same Gaussian in every frame."""


@dataclass(frozen=True)
class ExportOptions:
    """How a shot is exported.

    format: one of `FRAME_FORMATS`, or of `shot_files.SHOT_FORMATS` for `export_shot`.
    name: files are NAME.0001.ply and so on.
    first, step: number of the first frame, and from one to the next.
    fps: frames per second.
    axes: one of `core.axes.AXES`, "" for what the format's readers expect.
    scale: lengths are multiplied by it.
    keep: share of the Gaussians, 0..1.
    overwrite: replace another export's files; frames of this very export that are there already are never written
    twice.
    """

    format: str = "ply"
    name: str = "shot"
    first: int = 1
    step: int = 1
    fps: float = 25.0
    axes: str = ""
    scale: float = 1.0
    keep: float = 1.0
    overwrite: bool = False


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    files: of all frames.
    manifest: the file beside them that says what they are.
    written: how many frames now, the others were there.
    bytes, seconds: of those written.
    notes: sentences on what the format loses.
    """

    files: list[Path]
    manifest: Path
    written: int
    bytes: int
    seconds: float
    notes: list[str] = field(default_factory=list)


def export_sequence(
    cast: Cast, out: str | os.PathLike, options: ExportOptions = ExportOptions(), watch: Watch = UNWATCHED
) -> ExportReport:
    """Write each frame of the cast into folder `out`, and a manifest NAME.json beside them.

    Interrupted, the same call goes on with the first frame that is missing. Raises UserError when a file of another
    export is in the way, the disk is too small, or nothing can be written; Cancelled. Whole frames are left behind then
    and the manifest that says they are not all: without one frame, nothing, and another export's files stay.
    """
    if options.format not in FRAME_FORMATS:
        raise UserError(f"There is no format “{options.format}”: choose {', '.join(FRAME_FORMATS)}.")
    check_options(options)
    kind = FRAME_FORMATS[options.format]
    cast, folder, files_named = cast.thinned(options.keep), Path(out), f"{options.name}.####{kind.ending}"
    numbers = [options.first + options.step * i for i in range(len(cast))]
    files = [folder / f"{options.name}.{number:04d}{kind.ending}" for number in numbers]
    manifest, about = folder / f"{options.name}.json", shot_manifest(cast, options, kind, files_named, numbers)
    began, size, written = time.perf_counter(), 0, 0
    try:
        with folder_for_files(folder):
            missing = _missing(files, manifest, about, options)
            if not missing:
                write_manifest(manifest, about | {"complete": True})
            for count, i in enumerate(missing):
                if watch.cancelled():
                    raise Cancelled(f"{count} of {len(missing)} frames are written, the same export goes on from there")
                gaussians = turned(cast.gaussians(i), "blender", about["axes"], options.scale)
                # The first frame is made before anything changes: what cannot be written then leaves all as it was.
                with whole_path(files[i], kind.ending) as part:
                    kind.write(part, gaussians)
                    if count == 0:
                        _make_way([files[i] for i in missing], manifest, about)
                        write_manifest(manifest, about | {"complete": False})
                size, written = size + files[i].stat().st_size, written + 1
                if count == 0:
                    others = len(missing) - 1
                    expect_room(folder, size * others, f"The other {others} frames")
                watch.say((count + 1) / len(missing), f"Writing {files[i].name}")
            if missing:
                write_manifest(manifest, about | {"complete": True})
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return ExportReport(files, manifest, written, size, time.perf_counter() - began, notes_on(kind))


def check_options(options: ExportOptions) -> None:
    """Raises UserError when a name, axes or a number cannot be used."""
    if not options.name or Path(options.name).name != options.name or options.name.startswith("."):
        raise UserError(f"The name “{options.name}” must be a plain file name.")
    if options.axes and options.axes not in AXES:
        raise UserError(f"There are no axes “{options.axes}”: choose {', '.join(AXES)}.")
    if not 0 < options.keep <= 1 or not 1e-6 < options.scale < 1e6 or options.step < 1:
        raise UserError("The share to keep goes from 0 to 1, the scale is more than 0, the step 1 or more.")


def shot_manifest(cast: Cast, options: ExportOptions, kind: Kind, files: str, numbers: list[int]) -> dict:
    """What is exported, from what, under which licence and consent. files: their name, #### for the number."""
    heads = []
    digest = hashlib.sha256(json.dumps(asdict(options) | {"overwrite": False}, sort_keys=True).encode())
    for head in cast.heads:
        subject, take = head.subject, head.take
        canonical = subject.gaussians
        for array in (head.seconds, head.gaze, head.matrices, head.jaw_rest, canonical.means, canonical.colors):
            digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        made_from = take.metadata.get("inputs_hash", "") if take is not None else ""
        digest.update(b"" if take is None else made_from.encode() + take.aus.tobytes())
        heads.append(
            {
                "subject": subject.name,
                "licence": subject.licence,
                "credit": subject.credit,
                "consent": subject.consent,
                "synthetic": subject.synthetic,
                "take": take.path.name if take is not None else "",
                "take_inputs": made_from,
            }
        )
    return {
        "format": options.format,
        "files": files,
        "frames": {"first": numbers[0], "last": numbers[-1], "step": options.step, "count": len(numbers)},
        "fps": options.fps,
        "splats": cast.splats,
        "axes": options.axes or kind.axes,
        "scale": options.scale,
        "same_order_in_every_frame": kind.ordered,
        "loss": kind.loss,
        "heads": heads,
        "export": digest.hexdigest(),
    }


def _missing(files: list[Path], manifest: Path, about: dict, options: ExportOptions) -> list[int]:
    """Which frames are still to be written. Raises UserError when files of another export are in the way."""
    standing = [path for path in files if path.exists()]
    try:
        same = read_json(manifest).get("export") == about["export"]
    except (UserError, AttributeError):
        same = False
    if same:
        return [i for i, path in enumerate(files) if not path.exists()]
    if standing and not options.overwrite:
        raise UserError(f"{standing[0]} exists already: choose another folder or name, or allow overwriting.")
    return list(range(len(files)))


def _make_way(files: list[Path], manifest: Path, about: dict) -> None:
    """What is left of another export must not pass for frames of this one."""
    standing = [path for path in files if path.exists()]
    if standing:
        # Of no export until they are gone: killed in between, neither that one nor this one would go on from them.
        write_manifest(manifest, about | {"export": "", "complete": False})
    for path in standing:
        path.unlink()


def expect_room(folder: Path, size: int, what: str) -> None:
    """Raises UserError when `size` bytes do not fit on the disk of `folder`; what: the sentence's subject."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise UserError(
            f"{what} need {size / 1e9:.1f} GB and the disk of {folder} has {free / 1e9:.1f} GB free: make room, or "
            "export fewer frames or another format."
        )


def write_manifest(path: Path, data: dict) -> None:
    """Write a manifest, whole or not at all."""
    with whole_file(path) as stream:
        stream.write((json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode())


def notes_on(kind: Kind) -> list[str]:
    """Sentences on what a format does to the Gaussians."""
    notes = [f"This format is not exact: {kind.loss}."] if kind.loss else []
    if not kind.ordered:
        notes.append("Its frames hold the Gaussians in different orders: a Gaussian cannot be followed through them.")
    return notes
