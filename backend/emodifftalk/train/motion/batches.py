"""Training batches of the motion room: clips, heads, and the truth in coefficients."""

from __future__ import annotations

import math

import numpy as np
import torch

from ...core.facs import ARTICULATIONS, AU_NAMES
from ...core.template import FacialTemplate
from ...core.windows import LENGTH
from ...data.speech.spoken_motion import LabelledUtterance, MotionSample, draw_sample
from ...motion.basis import HEAD_NUMBERS, fit_basis, head_code
from ...motion.contact import TouchingFace
from .losses import Batch

_TOUCH = 2e-4  # metres
_OTHER_HEADS = 0.35  # share of samples on a head with other gaps than the shipped one's
_INTENSITIES = len(AU_NAMES) + len(ARTICULATIONS)
_MOUTH_AUS = [AU_NAMES.index(name) for name in ("AU10", "AU24", "AU25", "AU26")]


class Batches:
    """Draws training batches; the truth is made from drivers, never from all points."""

    def __init__(
        self,
        corpus: list[LabelledUtterance],
        template: FacialTemplate,
        rng: np.random.Generator,
        own: np.ndarray | None = None,
    ) -> None:
        """own: the code (3,) of the one head all batches are of; None for the shipped head and others like it."""
        self.template, self.face, self.rng, self.own = template, TouchingFace(template), rng, own
        self.spoken = [one for one in corpus if one.voiced]
        self.rooms = [one for one in corpus if not one.voiced]
        self.usage = self._usage()
        self.basis = fit_basis(self.face.generators, self.usage)
        flat = self.face.generators.reshape(len(self.face.generators), -1)
        self._project = (flat @ self.basis.components.T / self.basis.spread).astype(np.float32)
        self.linear = torch.from_numpy(self._project[: len(AU_NAMES)].T.copy())

    def _usage(self) -> np.ndarray:
        """Second moment (D, D) of the drivers."""
        clips = [self._clip() for _ in range(300)]
        drivers = np.concatenate([self.face.drivers(clip.true_aus, clip.articulations) for clip in clips])
        moment = drivers.T @ drivers / len(drivers)
        # A little of every intensity, so that no direction is foreign to the basis.
        moment[range(_INTENSITIES), range(_INTENSITIES)] += 1e-3
        return moment

    def _clip(self) -> MotionSample:
        return draw_sample(self.spoken, self.rooms, LENGTH, self.rng)

    def next(self, size: int) -> Batch:
        """A batch of `size` windows."""
        clips = [self._clip() for _ in range(size)]
        rests, codes = zip(*(self._head() for _ in clips), strict=True)
        drivers = [
            self.face.drivers(clip.true_aus, clip.articulations, rest) for clip, rest in zip(clips, rests, strict=True)
        ]
        clean = np.stack(drivers) @ self._project
        aus = np.stack([clip.true_aus for clip in clips])
        articulations = np.stack([clip.articulations for clip in clips])
        gap = np.stack([self.face.gaps(one, rest) for one, rest in zip(drivers, rests, strict=True)])
        touching = (gap < _TOUCH) & (np.stack(rests)[:, None] > _TOUCH)  # corners always touch and tell nothing
        speaking = (articulations.max(-1) > 0.02) | (aus[..., _MOUTH_AUS].max(-1) > 0.02)
        features = np.stack([clip.features for clip in clips])
        features = features + self.rng.normal(0, 0.05, features.shape)  # other front ends say it a little differently
        arrays = (np.stack([clip.aus for clip in clips]), features, np.stack(codes), clean, touching, speaking)
        return Batch(*(torch.from_numpy(np.ascontiguousarray(array, np.float32)) for array in arrays))

    def _head(self) -> tuple[np.ndarray, np.ndarray]:
        """Gaps at rest (P,) metres and code (3,) of some head, often the shipped one's."""
        rest = self.face.neutral_gaps.copy()
        if self.own is not None:
            return rest, self.own
        if self.rng.random() > _OTHER_HEADS:
            return rest, np.zeros(HEAD_NUMBERS, np.float32)
        count = self.face.lips
        arch = np.sin(np.linspace(0, math.pi, count)).astype(np.float32)
        rest[:count] = np.maximum(rest[:count] + self.rng.uniform(-0.0005, 0.003) * arch, 0)
        eyes = (len(rest) - count) // 2
        rest[count : count + eyes] *= self.rng.uniform(0.75, 1.35)
        rest[count + eyes :] *= self.rng.uniform(0.75, 1.35)
        third = count // 3
        means = (rest[third : count - third], rest[count : count + eyes], rest[count + eyes :])
        return rest, head_code(self.template, *(float(part.mean()) for part in means))
