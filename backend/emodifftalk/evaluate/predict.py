"""What a subject does and looks like when a variant performs the held-out clips."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..appearance.decoder import AppearanceDecoder
from ..core.subject import Subject, load_subject, pose
from ..core.take import Take, load_take
from ..perform.pipeline import PerformSettings, perform
from ..splat.render import render
from .held_out_set import Clip, HeldOutSet, Moment, Sitter
from .variants import Variant, dressed, untuned

BLACK = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Performed:
    """A clip performed.

    take: what came out.
    offsets: (T, V, 3) metres.
    aus: (T, 17), the edited codes.
    seconds: of wall time that `perform` took.
    processor: seconds of processor time that it took.
    """

    take: Take
    offsets: np.ndarray
    aus: np.ndarray
    seconds: float
    processor: float


def perform_clip(subject: Path, clip: Clip, variant: Variant, takes: Path, steps: int) -> Performed:
    """The clip's voice through the whole deployed chain, `perform`; the take lies in the folder `takes` until the next
    clip's, for a take of ten seconds is 40 MB. Raises UserError.
    """
    if not variant.tuned:
        subject = untuned(subject, takes)
    out = takes / f"{variant.motion}_{variant.tuned}.take.safetensors"
    began = time.process_time()
    report = perform(subject, clip.performance, out, PerformSettings(motion=variant.motion, steps=steps))
    processor = time.process_time() - began
    take = load_take(out)
    offsets = np.stack([take.frame(i).offsets for i in range(take.frames)])
    return Performed(take, offsets, take.aus, sum(report.stages.values()), processor)


class Portraits:
    """Draws a subject's moments for one variant on black."""

    def __init__(
        self, path: Path, sitter: Sitter, held_out: HeldOutSet, variant: Variant, backend: str = "auto"
    ) -> None:
        self.subject: Subject = load_subject(path)
        self._sitter, self._backend = sitter, backend
        self._decoder = None
        if not variant.codes_for_opacity:
            self.subject = dressed(variant, self.subject, held_out.folder, sitter.name)
            self._decoder = AppearanceDecoder.from_subject(self.subject)

    def draw(self, moment: Moment, take: Take) -> np.ndarray:
        """The moment (S, S, 3), 0..1, from the take of its clip."""
        frame = take.frame(moment.frame)
        if self._decoder is None:
            gaussians = frame.gaussians(self.subject)
        else:
            decoded = self._decoder.decode(frame.aus, frame.offsets)
            gaussians = pose(self.subject, frame.offsets, *decoded)
        return render(gaussians, self._sitter.cameras[moment.camera], BLACK, backend=self._backend)[0]
