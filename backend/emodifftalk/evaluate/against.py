"""Anybody's rendered frames, scored with the very protocol of our own: `run.py evaluate --against DIR`.

DIR holds frames named like the true pictures (png, webp, jpg), and may hold `landmarks.json` for LMD:

    {"format": "emodifftalk.landmarks", "schema": 1,
     "frames": {"nora_slt01_031_test01": [[x, y], ...], ...},
     "truth": {"nora_slt01_031_test01": [[x, y], ...], ...}}

with lip landmarks in pixels, as many and in the same order in `frames` and `truth`, found by the same detector in both;
without `truth` they are those of our template, in the order of `held_out_set.lip_landmarks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import UserError
from ..core.opening import read_json
from ..core.watch import UNWATCHED, Watch
from .held_out_set import HeldOutSet, Moment, Sitter
from .landmarks import landmark_distance, sees_lips
from .perceptual import Lpips
from .picture_scores import Scores, mean, picture_score, read_on_black
from .tables import frame_counts, picture_protocol, picture_row, picture_table, rounded

_ENDINGS = (".png", ".webp", ".jpg", ".jpeg")
_LANDMARKS = "landmarks.json"


@dataclass(frozen=True)
class Against:
    """What a folder of frames was scored.

    name: the folder's.
    held_out: what its frames were compared with.
    scores: by subject, of those it has frames of, and by picture name.
    lpips: why its column is empty, or "".
    lmd: how LMD was measured, or why it was not.
    """

    name: str
    held_out: HeldOutSet
    scores: dict[str, dict[str, Scores]]
    lpips: str
    lmd: str


def score_folder(folder: Path, held_out: HeldOutSet, lpips: Lpips, watch: Watch = UNWATCHED) -> Against:
    """Score the frames in `folder`, of every subject that it has frames of.

    Raises UserError when there are none, when some of a subject's are missing, or one is damaged or of another size,
    and Cancelled.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"The folder {folder} does not exist.")
    files = {p.stem: p for p in sorted(folder.iterdir()) if p.suffix.lower() in _ENDINGS}
    sitters = [s for s in held_out.sitters.values() if any(m.picture in files for m in s.moments)]
    if not sitters:
        example = next(m.picture for s in held_out.sitters.values() for m in s.moments)
        raise UserError(f"{folder} has no frame named like the true pictures, such as {example}.png.")
    theirs, truth = _landmarks(folder / _LANDMARKS)
    moments = [(sitter, index, moment) for sitter in sitters for index, moment in enumerate(sitter.moments)]
    absent = [moment.picture for _, _, moment in moments if moment.picture not in files]
    if absent:
        raise UserError(f"{folder} lacks {len(absent)} of {len(moments)} frames, the first is {absent[0]}.png.")
    scores: dict[str, dict[str, Scores]] = {sitter.name: {} for sitter in sitters}
    for done, (sitter, index, moment) in enumerate(moments):
        watch.check()
        watch.say(done / len(moments), moment.picture)
        picture = read_on_black(files[moment.picture], held_out.size)
        values = picture_score(picture, read_on_black(held_out.picture_path(moment), held_out.size), lpips)
        if theirs and sees_lips(moment.camera):
            values["lmd"] = _distance(sitter, index, moment, theirs, truth)
        scores[sitter.name][moment.picture] = values
    lmd = "LMD is empty: the frames come without landmarks.json, and no landmark detector is used."
    if theirs:
        whose = "found by a detector of theirs in both" if truth else "of our template, as they came with the frames"
        lmd = (
            f"LMD: lip landmarks {whose}; each set centred on its own middle, not scaled; mean distance in pixels at "
            f"{held_out.size} × {held_out.size}; only cameras within 90 degrees of the front."
        )
    return Against(folder.resolve().name, held_out, scores, lpips.missing, lmd)


def _landmarks(path: Path) -> tuple[dict, dict]:
    """`frames` and `truth` of a landmarks file, both empty when there is none."""
    if not path.exists():
        return {}, {}
    data = read_json(path, what="The landmarks file")
    try:
        if data["format"] != "emodifftalk.landmarks" or data["schema"] != 1:
            raise ValueError("another format or schema")
        frames, truth = (
            {name: _points(points) for name, points in data.get(part, {}).items()} for part in ("frames", "truth")
        )
        return frames, truth
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UserError(f"{path} is not a landmarks file that can be read: {str(error)[:200]}.") from error


def _points(values: object) -> np.ndarray:
    points = np.asarray(values, float)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points) or not np.isfinite(points).all():
        raise ValueError("landmarks are lists of [x, y]")
    return points


def _distance(sitter: Sitter, index: int, moment: Moment, theirs: dict, truth: dict) -> float:
    if truth:
        true = truth.get(moment.picture)
    else:
        true = sitter.cameras[moment.camera].project(sitter.lips[index].astype(float))[:, :2]
    ours = theirs.get(moment.picture)
    if ours is None or true is None or ours.shape != true.shape:
        raise UserError(f"{_LANDMARKS} lacks landmarks of {moment.picture}, or they are not as many as the true ones.")
    return float(landmark_distance(ours, true))


def markdown(against: Against) -> str:
    """The table of a folder's frames, with its protocol."""
    everything = {name: value for one in against.scores.values() for name, value in one.items()}
    rows = [picture_row(f"**{n.capitalize()}**", mean(one.values())) for n, one in against.scores.items()]
    if len(rows) > 1:
        rows.append(picture_row("**all**", mean(everything.values())))
    protocol = picture_protocol(against.held_out.size, against.lpips, against.lmd)
    frames = frame_counts(against.held_out, list(against.scores))
    return f"## Frames of “{against.name}”\n\n{picture_table(rows)}\n\n{protocol}\n\n{frames}\n"


def as_json(against: Against) -> dict:
    """The same with every picture."""
    return {
        "format": "emodifftalk.evaluation",
        "schema": 1,
        "against": against.name,
        "protocol": {
            "pictures": picture_protocol(against.held_out.size, against.lpips, against.lmd),
            "frames": frame_counts(against.held_out, list(against.scores)),
        },
        "pictures": {name: rounded(mean(one.values())) for name, one in against.scores.items()},
        "by_picture": {n: rounded(value) for one in against.scores.values() for n, value in one.items()},
    }
