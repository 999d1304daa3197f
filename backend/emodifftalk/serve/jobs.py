"""What the backend can be asked to do, as functions of plain data: the add-on's requests end here.

Arrays that came with a request are in params["arrays"]; arrays of a result go under its "arrays".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.camera import Camera
from ..core.errors import UserError
from ..core.facs import AU_NAMES
from ..core.fields import whole
from ..core.gaussians import Gaussians
from ..core.limits import FARTHEST_SECOND
from ..core.performance import from_json
from ..core.watch import Watch
from .asked import number_of, settings_of, text_of, truth_of

_MOST_PIXELS = 1 << 15
Job = Callable[[dict, Watch], dict[str, Any]]


def ping(params: dict, watch: Watch) -> dict:
    """{} → {"pong": true}."""
    return {"pong": True}


def text_to_au(params: dict, watch: Watch) -> dict:
    """{"text"} → {"prompt", "aus": {name: 0..1}, "encoder", "known": bool, "nearest": [feelings], "answer"}.

    aus: intensities by action unit.
    known: whether the words speak of a face or a feeling, as far as the model can tell.
    nearest: feelings the model knows that come nearest, best first.
    answer: a sentence to show when the words are not known, else empty.
    """
    from ..emotion.controller import load_text_to_au, read_words

    text, encoder = text_of(params, "text"), text_of(params, "encoder", "auto")
    meaning = read_words(text, encoder)
    aus = {name: round(float(v), 4) for name, v in zip(AU_NAMES, meaning.aus, strict=True)}
    reading = {"prompt": text, "aus": aus, "encoder": load_text_to_au(encoder).name}
    return {**reading, "known": meaning.known, "nearest": list(meaning.nearest), "answer": meaning.answer}


def drive(params: dict, watch: Watch) -> dict:
    """{"subject", "performance", "out", "settings"?, "previous"?, "compact"?} → {"take", "frames", "seconds",
    "stages", "models", "recomputed", "note", "stretched", "unread"}, see `pipeline.TakeReport`.

    seconds: of wall time, all stages together.
    stretched: frames beyond the subject's training.
    previous: an earlier take of the shot, whose frames are copied where they stay the same.
    compact: whether the take is made compact.
    """
    from ..core.take import STRETCHED
    from ..perform.pipeline import PerformSettings, perform

    settings = settings_of(PerformSettings, params.get("settings"), "for a take")
    performance = from_json(params.get("performance"))
    out, previous = text_of(params, "out"), text_of(params, "previous", "") or None
    compact = truth_of(params, "compact")
    report = perform(text_of(params, "subject"), performance, out, settings, watch, previous, compact)
    return {
        "take": str(report.take),
        "frames": report.frames,
        "seconds": sum(report.stages.values()),
        "stages": report.stages,
        "models": report.models,
        "recomputed": report.recomputed,
        "note": report.note,
        "stretched": int((report.confidence < STRETCHED).sum()),
        "unread": list(report.unread),
    }


def preview(params: dict, watch: Watch) -> dict:
    """{"subject", "performance", "seconds", "settings"?, "previous"?} → {"confidence", "unread", "milliseconds"} and
    the arrays of a `core.take.TakeFrame`: see `preview.preview_frame`."""
    from ..perform.pipeline import PerformSettings
    from ..perform.preview import preview_frame

    settings = settings_of(PerformSettings, params.get("settings"), "for a take")
    performance, previous = from_json(params.get("performance")), text_of(params, "previous", "") or None
    seconds = number_of(params, "seconds", -FARTHEST_SECOND, FARTHEST_SECOND, "for a preview")
    seen = preview_frame(text_of(params, "subject"), performance, seconds, previous, settings, watch)
    arrays = {name: rows for name, rows in vars(seen.frame).items() if rows is not None}
    report = {"confidence": seen.confidence, "unread": list(seen.unread), "milliseconds": seen.milliseconds}
    return {**report, "arrays": arrays}


def capture(params: dict, watch: Watch) -> dict:
    """{"blend", "out", "settings", "blender", "script", "overwrite"?, "credit"?} → {"folder", "pictures", "frames",
    "missing"}; settings as in `data.captures.plan.CaptureRequest`."""
    from ..data.captures.character import capture_character
    from ..data.captures.plan import CaptureRequest

    report = capture_character(
        text_of(params, "blend"),
        text_of(params, "out"),
        settings_of(CaptureRequest, params.get("settings"), "for a capture"),
        watch.part(0.0, 1.0, "capture"),
        overwrite=bool(params.get("overwrite", False)),
        blender=text_of(params, "blender", ""),
        script=text_of(params, "script"),
        credit=text_of(params, "credit", ""),
    )
    missing = list(report.missing)
    return {"folder": str(report.folder), "pictures": report.pictures, "frames": report.frames, "missing": missing}


def train_subject(params: dict, watch: Watch) -> dict:
    """{"capture", "out", "settings"?} → {"subject", "page", "report"}: all stages of a subject, as `emodifftalk train
    all`; what is done is kept beside `out` until all is, and the same request goes on from there.

    settings: fields of `train.subject.stages.AllSettings`, those of its `canonical` as an object.
    """
    from ..train.rig.steps import CanonicalSettings
    from ..train.subject.all_stages import train_all
    from ..train.subject.stages import AllSettings

    what, given = "to train a subject", params.get("settings")
    if isinstance(given, dict):
        given = {**given, "canonical": settings_of(CanonicalSettings, given.get("canonical"), what)}
    settings = settings_of(AllSettings, given, what)

    def titled(fraction: float, stage: str, text: str) -> None:
        watch.progress(fraction, stage, f"{stage}: {text}")

    out = Path(text_of(params, "out"))
    report = train_all(text_of(params, "capture"), out, settings, replace(watch, progress=titled))
    return {"subject": str(out), "page": f"{out}.report.html", "report": report}


def export(params: dict, watch: Watch) -> dict:
    """{"heads": [{"subject", "take", "seconds": [F], "gaze": [[2]], "matrices"?: [[4][4]], "rest"?: [F]}], "out",
    "options"} → {"files", "folder", "written", "bytes", "seconds", "notes"}.

    heads: each with F frames; seconds of its take, gaze in radians, rest 0..1, see `export.cast.Head`.
    options: fields of `export.sequence.ExportOptions`; its format is one of those of frames, of shots, or of face
    curves (of the first head).
    files, written: how many files there are, and how many frames were written now.
    bytes, seconds: of those written.
    """
    from ..export.cast import cast_of_many
    from ..export.face_tracks import FORMATS, write_face_track
    from ..export.sequence import ExportOptions, export_sequence
    from ..export.shot_files import SHOT_FORMATS, export_shot

    out = Path(text_of(params, "out"))
    try:
        heads, options = params["heads"], settings_of(ExportOptions, params.get("options"), "to export")
        columns = {key: _stacked(heads, key) for key in ("seconds", "gaze", "matrices", "rest")}
        files = [(str(head["subject"]), str(head.get("take") or "")) for head in heads]
        if columns["seconds"] is None or columns["gaze"] is None:
            raise ValueError("a head lacks its seconds or its gaze")
        cast = cast_of_many(files, columns["seconds"], columns["gaze"], columns["matrices"], columns["rest"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UserError(f"The request to export makes no sense ({error}).") from error

    if options.format in FORMATS:
        path = write_face_track(out, cast.heads[0], options.format, options.fps, options.overwrite)
        report = {"written": 1, "bytes": path.stat().st_size, "seconds": 0.0, "notes": []}
        return {"files": 1, "folder": str(path.parent), **report}
    write = export_shot if options.format in SHOT_FORMATS else export_sequence
    done = write(cast, out, options, watch.part(0.0, 1.0, "export"))
    folder = str(done.manifest.parent)
    report = {"written": done.written, "bytes": done.bytes, "seconds": done.seconds, "notes": done.notes}
    return {"files": len(done.files), "folder": folder, **report}


def rasterize(params: dict, watch: Watch) -> dict:
    """{"viewmat", "K", "width", "height"} and the arrays means, quats, scales, opacities, colors of the Gaussians →
    {"rasterizer"} and the arrays rgba and depth.

    viewmat: (4, 4), world to camera.
    K: (3, 3) pixels.
    rgba: (H, W, 4), premultiplied display-referred sRGB.
    depth: (H, W) metres.
    """
    from ..splat.rasterize import choose_rasterizer
    from ..splat.render import render

    names = ("means", "quats", "scales", "opacities", "colors")
    try:
        gaussians = Gaussians(*(params["arrays"][name] for name in names))
        for array, columns in zip(vars(gaussians).values(), ((3,), (4,), (3,), (), (3,)), strict=True):
            if array.shape != (len(gaussians), *columns) or array.dtype.kind != "f":
                raise ValueError("its Gaussians do not fit together")
        width, height = (whole(params[side], 1, _MOST_PIXELS) for side in ("width", "height"))
        camera = Camera(np.array(params["viewmat"], float), np.array(params["K"], float), width, height)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UserError(f"The request to draw a picture makes no sense ({error}).") from error
    image, alpha, depth = render(gaussians, camera)
    return {"rasterizer": choose_rasterizer("auto"), "arrays": {"rgba": np.dstack([image, alpha]), "depth": depth}}


def _stacked(heads: list[dict], key: str) -> np.ndarray | None:
    """What every head gives under a key, one after the other; None when one of them gives nothing."""
    return np.array([head[key] for head in heads], float) if all(head.get(key) is not None for head in heads) else None


JOBS: dict[str, Job] = {
    "ping": ping,
    "text_to_au": text_to_au,
    "drive": drive,
    "preview": preview,
    "capture": capture,
    "train_subject": train_subject,
    "export": export,
    "rasterize": rasterize,
}
SOON = frozenset(("ping", "text_to_au", "preview"))
"""Jobs of a moment, with a person watching: they are done in the midst of a longer one."""
