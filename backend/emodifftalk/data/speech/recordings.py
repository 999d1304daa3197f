"""Recordings of the captured person with their action units, beside a capture: what stage 1 can be tuned to.

speech/NAME.wav (or .flac, .ogg, .mp3)
speech/NAME.csv            OpenFace's CSV, or 25 rows a second under the names of action units, 0 to 1
speech/NAME.safetensors    or “aus” (T, 17), 25 rows a second, 0 to 1
"""

from __future__ import annotations

import csv
import io
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core import tensors
from ...core.checks import expect
from ...core.errors import UserError
from ...core.facs import AU_INDEX, AU_NAMES, FPS
from ...core.formats.openface import read_openface
from ...core.opening import is_plain_file, read_text
from ...speech.audio import SAMPLE_RATE, load_audio
from ..numpy_files import phrase

FOLDER = "speech"
_SOUNDS = (".wav", ".flac", ".ogg", ".mp3")
_SLACK = 0.25
"""Share by which a recording and its action units may differ in length: more means they do not belong together."""


@dataclass(frozen=True)
class SpeechRecording:
    """A recording of the captured person.

    name: of its file.
    wave: (S,) float32 at 16 kHz.
    aus: (T, 17) 0..1 at 25 a second, NaN where nobody measured them.
    """

    name: str
    wave: np.ndarray
    aus: np.ndarray

    @property
    def seconds(self) -> float:
        """How long both last."""
        return len(self.aus) / FPS


def recording_files(dataset: str | os.PathLike) -> list[Path]:
    """The sounds in the folder `speech` of a capture (beside it, when the capture is a file), by name."""
    dataset = Path(dataset)
    folder = (dataset if dataset.is_dir() else dataset.parent) / FOLDER
    return sorted(p for p in folder.glob("*") if p.suffix.lower() in _SOUNDS) if folder.is_dir() else []


def read_recordings(dataset: str | os.PathLike) -> list[SpeechRecording]:
    """Every recording of a capture with its action units; none when it has no folder `speech`.

    Raises UserError, one sentence, naming the first recording that is broken or lacks its action units.
    """
    return [_read(path) for path in recording_files(dataset)]


def _read(path: Path) -> SpeechRecording:
    wave = load_audio(path)
    if is_plain_file(table := path.with_suffix(".safetensors")):
        aus = expect(tensors.TensorFile(table), "aus", (None, len(AU_NAMES)), finite=False).astype(np.float32)
    elif is_plain_file(table := path.with_suffix(".csv")):
        aus = _from_csv(table, len(wave) / SAMPLE_RATE)
    else:
        raise UserError(f"{path.name} has no action units: add {path.stem}.csv or {path.stem}.safetensors beside it.")
    measured = aus[~np.isnan(aus)]
    if not measured.size or measured.min() < -1e-3 or measured.max() > 1 + 1e-3:
        raise UserError(f"{table.name} has no action units, or some outside 0 to 1.")
    seconds = len(wave) / SAMPLE_RATE
    if not len(aus) or abs(len(aus) / FPS - seconds) > max(_SLACK * seconds, 0.5):
        raise UserError(
            f"{path.name} lasts {seconds:.1f} s, its action units {len(aus) / FPS:.1f} s: {FPS} rows make one."
        )
    # Cut to what both have: whole frames of 40 ms.
    frames = min(len(aus), math.ceil(seconds * FPS))
    return SpeechRecording(path.stem, wave[: frames * SAMPLE_RATE // FPS], aus[:frames].clip(0, 1))


def _from_csv(path: Path, seconds: float) -> np.ndarray:
    reader = csv.reader(io.StringIO(read_text(path, what="The action units"), newline=""))
    try:
        names = [name.strip() for name in next(reader, [])]
        if "timestamp" in names:
            return _from_openface(path, names, seconds)
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise UserError(f"{path.name} cannot be read: {error}.") from error
    if unknown := [name for name in names or [""] if name not in AU_INDEX]:
        raise UserError(
            f"{path.name} has a column “{unknown[0][:100]}”: its first row must name action units (AU01, …)."
        )
    aus = np.full((len(rows), len(AU_NAMES)), np.nan, np.float32)
    try:
        aus[:, [AU_INDEX[name] for name in names]] = np.array(rows, float).reshape(len(rows), len(names))
    except ValueError as error:
        raise UserError(f"{path.name} is damaged: {phrase(error)}.") from error
    return aus


def _from_openface(path: Path, names: list[str], seconds: float) -> np.ndarray:
    track = read_openface(path)
    if track.times[-1] < (1 - _SLACK) * seconds - 0.5:
        raise UserError(f"{path.name} ends after {track.times[-1]:.1f} s, its recording lasts {seconds:.1f} s.")
    aus = track.at((np.arange(math.ceil(seconds * FPS)) + 0.5) / FPS)
    for name, column in AU_INDEX.items():
        if f"{name}_r" not in names:
            aus[:, column] = np.nan
    return aus
