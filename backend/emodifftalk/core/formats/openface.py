"""Action units of a recording from OpenFace 2.x, the CSV that its FeatureExtraction writes.

Columns are found by name, the blanks before names taken off: `timestamp` (seconds), `success`, `confidence` and
`AU01_r` … `AU45_r`, intensities 0 to 5. AU20 has no place among our units and AU24 is not in the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..arrays import Floats
from ..errors import UserError
from ..facs import AU_NAMES
from ..limits import FARTHEST_SECOND
from .table import Table, read_table

LEAST_CONFIDENCE = 0.7


@dataclass(frozen=True)
class AuTrack:
    """Action units as OpenFace saw them.

    times: (T,) seconds, rising.
    aus: (T, 17) 0..1, in AU_NAMES order.
    notes: sentences for the animator.
    """

    times: Floats
    aus: Floats
    notes: tuple[str, ...]

    def at(self, seconds: Floats) -> Floats:
        """Intensities (F, 17) float32 at moments (F,) in seconds, straight lines between rows."""
        return np.stack([np.interp(seconds, self.times, column) for column in self.aus.T], axis=1).astype(np.float32)


def read_openface(path: Path) -> AuTrack:
    """Read and check a CSV. Frames that were not tracked are drawn as straight lines between those that were.

    Raises UserError when it is missing, no such file, has several faces, or no tracked frame.
    """
    table = read_table(path, "The action units")
    names = table.names
    if "timestamp" not in names or "AU12_r" not in names:
        raise UserError(
            f"{path.name} is no CSV of OpenFace's FeatureExtraction with action units: it needs the columns timestamp "
            "and AU01_r to AU45_r (run FeatureExtraction with -aus)."
        )
    _must_be_whole(path, table)
    if "face_id" in names and len(np.unique(table.column("face_id"))) > 1:
        raise UserError(f"{path.name} follows several faces: keep one.")
    times = table.column("timestamp")
    if not np.isfinite(times).all() or np.abs(times).max() > FARTHEST_SECOND:
        raise UserError(f"{path.name}: its timestamps are no seconds of a recording.")
    if (np.diff(times) <= 0).any():
        raise UserError(f"{path.name}: its timestamps do not rise at row {int(np.argmin(np.diff(times) > 0)) + 3}.")
    aus = np.zeros((len(times), len(AU_NAMES)))
    missing = [name for name in AU_NAMES if f"{name}_r" not in names]
    for i, name in enumerate(AU_NAMES):
        if name not in missing:
            aus[:, i] = table.column(f"{name}_r") / 5
    # good (T,): rows with all numbers, a face, and one OpenFace is sure enough of.
    good = np.isfinite(aus).all(axis=1)
    for column, least in (("success", 0.5), ("confidence", LEAST_CONFIDENCE)):
        if column in names:
            good &= table.column(column) >= least
    if not good.any():
        raise UserError(f"{path.name}: OpenFace tracked the face in no frame.")
    # Each unit (T,) drawn anew through the tracked rows alone: gaps become straight lines, ends are held.
    aus = np.stack([np.interp(times, times[good], column[good]) for column in aus.T], axis=1).clip(0, 1)
    return AuTrack(times, aus.astype(np.float32), _notes(path, missing, names, len(good), int((~good).sum())))


def _must_be_whole(path: Path, table: Table) -> None:
    if table.ragged is not None:
        row, width = table.ragged
        raise UserError(f"{path.name} is cut short: row {row + 2} has {width} of {len(table.names)} columns.")
    if table.worded is not None:
        row, cell = table.worded
        raise UserError(f"{path.name}: row {row + 2} holds something that is no number: “{cell}”.")
    if not len(table.numbers):
        raise UserError(f"{path.name} has no rows.")


def _notes(path: Path, missing: list[str], names: list[str], count: int, lost: int) -> tuple[str, ...]:
    notes = []
    if missing:
        notes.append(f"{path.name} has no {', '.join(missing)}: taken as 0 throughout.")
    if "AU20_r" in names:
        notes.append(f"{path.name} has AU20, which is not among our units: left out.")
    if lost:
        notes.append(f"{path.name}: {lost} of {count} frames were not tracked, drawn as straight lines between others.")
    return tuple(notes)
