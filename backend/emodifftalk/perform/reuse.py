"""What an earlier take of the same shot saves: listening again, and every frame whose inputs are the same.

A take keeps what its motion was made from (speech features in half precision, the AU codes that were asked for) and two
hashes: of all that the listening depended on, and of all that the motion depended on beside the codes. Where both are
the same, only the windows that hold a frame with other codes are computed anew; all else is copied byte by byte: from
a whole take its frames, from a compact one their weights.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator

import numpy as np

from .. import __version__
from ..core import tensors
from ..core.checks import expect
from ..core.compact_take import Mended, worn_out
from ..core.errors import UserError
from ..core.facs import AU_NAMES
from ..core.opening import is_plain_file, opened, parse_json
from ..core.performance import Performance, to_json
from ..core.take import Take, load_take, runs
from ..motion.denoiser import FEATURES
from ..motion.generate import MotionModel

_STAGES = 4
"""Raised when a stage gives something else for the same inputs."""
_LOOKS = ("rotations", "opacities", "tints")
_ROWS = 16
"""Frames copied at a time."""


def voice_hash(wave: np.ndarray, frames: int, seed: int, ears: tuple[str, ...], model: str | os.PathLike) -> str:
    """Of all that the AU codes and features of a voice depend on.

    wave: (S,) float32.
    frames: how many the take has.
    seed: of gestures and blinks.
    ears: the front end's name, the subject's hash where it has a model of its own, and how lively it is.
    model: the front end's file.
    """
    digest = _digest("voice", frames, seed, ears)
    digest.update(np.ascontiguousarray(wave, np.float32).tobytes())
    if is_plain_file(model):
        with opened(model, None, "The model") as stream:
            for piece in iter(lambda: stream.read(1 << 20), b""):
                digest.update(piece)
    return digest.hexdigest()


def motion_hash(voice: str, subject: str, model: MotionModel, steps: int, seed: int) -> str:
    """Of all that the motion and the looks of a take depend on beside its AU codes; voice, subject: their hashes."""
    digest = _digest("motion", voice, subject, model.kind, model.own, steps, seed)
    for name, value in model.network.state_dict().items():
        digest.update(name.encode() + value.detach().cpu().numpy().tobytes())
    digest.update(model.basis.components.tobytes() + model.basis.spread.tobytes())
    return digest.hexdigest()


def inputs_hash(subject_hash: str, performance: Performance, wave: np.ndarray, models: dict[str, str]) -> str:
    """SHA-256 over everything a take depends on: subject, voice samples, performance and models."""
    data = to_json(performance)
    for strip in data["voice"]:
        strip.pop("path")  # the samples count, not where they lie
    for prompt in data["prompts"]:
        prompt.pop("id")
    digest = hashlib.sha256(subject_hash.encode())
    digest.update(json.dumps([data, models, __version__], sort_keys=True).encode())
    digest.update(np.ascontiguousarray(wave, np.float32).tobytes())
    return digest.hexdigest()


def _digest(*parts: object) -> hashlib._Hash:
    return hashlib.sha256(repr((_STAGES, __version__, *parts)).encode())


class Earlier:
    """An earlier take to copy from, or none. note: why nothing, or not all, was taken over; empty when all is well."""

    def __init__(self, path: str | os.PathLike | None) -> None:
        self.note = ""
        self._take: Take | None = None
        if path is None or not str(path).strip():
            return
        try:
            take = load_take(path)
            if take.compact and "features" not in take.file.shapes:
                self._forget("it is a compact one of an earlier version")
                return
            self._asked = expect(take.file, "asked", (take.frames, len(AU_NAMES)))
            self._features = expect(take.file, "features", (take.frames, FEATURES))
            self._heard_by = str(parse_json(take.metadata["models"])["front_end"])
            self._take = take
        except (KeyError, TypeError, ValueError):
            self._forget("it does not say what it was made with")
        except UserError as error:
            self._forget(str(error))

    def voice(self, key: str) -> tuple[np.ndarray, np.ndarray, str] | None:
        """What was heard, (T, 17) and (T, 128) float32, and by which front end, when it was the same voice."""
        if self._take is None or self._take.metadata.get("voice_hash") != key:
            return None
        return self._take.aus_voice, self._features.astype(np.float32), self._heard_by

    def changed(self, key: str, asked: np.ndarray, compact: bool = False) -> np.ndarray:
        """Frames (T,) bool whose AU codes (T, 17) are others; all of them where something else differs too.

        compact: whether the take that is to be made is a compact one.
        """
        everything = np.ones(len(asked), bool)
        if self._take is None:
            return everything
        if self._take.metadata.get("motion_hash") != key or self._asked.shape != asked.shape:
            self._forget("it was made with another voice, seed, subject or model")
            return everything
        if self._take.compact and not compact:
            self._forget("it is a compact one, which does not keep its frames as they were made")
            return everything
        if self._take.compact and worn_out(self._take):
            self._forget("so much of it was made anew, time after time, that it is no longer compact")
            return everything
        if not self._take.compact and not all(np.isfinite(rows).all() for _, rows in self._rows("offsets", everything)):
            self._forget(f"{self._take.path.name} is damaged")
            return everything
        return (self._asked != asked).any(axis=1)

    def copy(self, writer: tensors.TensorWriter, mask: np.ndarray) -> None:
        """Copy the frames of a mask (T,) of a whole take as they are. Raises UserError when it has gone meanwhile."""
        if self._take is None or self._take.compact:
            return
        for name in ("offsets", *self._looks()) if mask.any() else ():
            for start, rows in self._rows(name, mask):
                writer.write(name, rows, start)

    def mended(self, anew: np.ndarray) -> Mended | None:
        """What a compact take that makes frames (T,) bool anew takes over from a compact one; None when nothing."""
        if self._take is None or not self._take.compact or anew.all():
            return None
        return Mended(self._take.file, anew)

    @property
    def _file(self) -> tensors.TensorFile:
        """The earlier take's, where there is one."""
        assert self._take is not None
        return self._take.file

    def _rows(self, name: str, wanted: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        for first, end in runs(wanted):
            for start in range(first, end, _ROWS):
                yield start, self._file.read_rows(name, start, min(start + _ROWS, end))

    def confidence(self) -> np.ndarray | None:
        """(T,) of the earlier take; None without one."""
        return None if self._take is None else self._take.confidence

    def looks(self, frame: int, aus: np.ndarray, offsets: np.ndarray) -> dict[str, np.ndarray] | None:
        """The packed looks of a frame, by tensor, when its aus (17,) float32 and offsets (V, 3) float16 are the same as
        they were."""
        if self._take is None or self._take.compact or not np.array_equal(self._take.aus[frame], aus):
            return None
        before = self._row("offsets", frame)
        # By their bits: as numbers -0 equals 0, and what is not a number differs from itself.
        if not np.array_equal(before.view(np.uint16), offsets.view(np.uint16)):
            return None
        return {name: self._row(name, frame) for name in self._looks()}

    def _looks(self) -> list[str]:
        return [name for name in _LOOKS if name in self._file.shapes]

    def _row(self, name: str, frame: int) -> np.ndarray:
        return self._file.read_rows(name, frame, frame + 1)[0]

    def _forget(self, why: str) -> None:
        self.note = f"no frame was taken over from the earlier take: {why}"
        self._take = None
