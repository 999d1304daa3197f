"""A Subject with all that turns motion into frames of it, made once and kept while the file stays the same."""

from __future__ import annotations

import os
from functools import cached_property, lru_cache

import numpy as np

from ..appearance.decoder import AppearanceDecoder
from ..core.errors import UserError
from ..core.subject import file_hash, load_subject
from ..core.take import pack_opacities, pack_rotations, pack_tints
from ..motion.guard import Guard
from ..motion.seal import LipSeal
from ..speech.one_thread import one_thread


class ReadySubject:
    """A Subject ready to perform. Raises UserError when its file cannot be read.

    subject: the Subject in the file.
    hash: the file's.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.subject, self.hash = load_subject(path), file_hash(path)

    @cached_property
    def guard(self) -> Guard:
        """Keeps codes and motion inside the subject's range."""
        return Guard(self.subject)

    @cached_property
    def decoder(self) -> AppearanceDecoder:
        """Its appearance, safe to share between threads. Raises UserError when it has none."""
        decoder = AppearanceDecoder.from_subject(self.subject)
        # Its first answer takes notes, which must not depend on the number of threads either.
        with one_thread():
            decoder.decode(np.zeros(len(self.subject.au_range)), np.zeros_like(self.subject.template.neutral))
        return decoder

    @cached_property
    def _seal(self) -> LipSeal:
        return LipSeal(self.subject.template)

    def offsets(self, moved: np.ndarray, aus: np.ndarray, sealed: bool = True) -> tuple[np.ndarray, np.ndarray]:
        """What a take keeps of its motion, (n, V, 3) float16, and the motion's term of the confidence (n,).

        moved: (n, V, 3) metres, as the motion model gives it; what is kept is inside the range.
        aus: (n, 17) codes.
        sealed: whether lips that the codes close are closed.
        """
        offsets, stray = self.guard.motion(self._seal(moved, aus) if sealed else moved)
        return offsets.astype(np.float16), stray

    def look(self, aus: np.ndarray, offsets: np.ndarray) -> dict[str, np.ndarray]:
        """What a take keeps of one frame's looks, packed, decoded from what it keeps of its motion.

        aus: (17,) codes.
        offsets: (V, 3) metres.
        """
        decoded = self.decoder.decode(aus, offsets.astype(np.float32))
        packed = {"rotations": pack_rotations(decoded.rotations), "opacities": pack_opacities(decoded.opacities)}
        return packed if decoded.tints is None else {**packed, "tints": pack_tints(decoded.tints)}


def ready_subject(path: str | os.PathLike) -> ReadySubject:
    """The subject at `path`, read again when the file has changed. Raises UserError when it cannot be read."""
    try:
        stat = os.stat(path)
    except FileNotFoundError as error:
        raise UserError(f"The file {path} does not exist.") from error
    except OSError as error:
        raise UserError(f"The file {path} cannot be read: {error.strerror}.") from error
    return _ready(os.fspath(path), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=2)
def _ready(path: str, changed: int, size: int) -> ReadySubject:
    return ReadySubject(path)


def forget() -> None:
    """Read subjects anew from now on."""
    _ready.cache_clear()
