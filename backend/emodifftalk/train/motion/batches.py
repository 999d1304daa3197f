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
        # From drivers to coefficients (D, K): generators (D, 3 V) onto the components, in units of their spread.
        # Offsets of all points, which are many times as many numbers, are never made.
        flat = self.face.generators.reshape(len(self.face.generators), -1)
        self._project = (flat @ self.basis.components.T / self.basis.spread).astype(np.float32)
        self.linear = torch.from_numpy(self._project[: len(AU_NAMES)].T.copy())

    def _usage(self) -> np.ndarray:
        """Second moment (D, D) of the drivers."""
        clips = [self._clip() for _ in range(300)]
        drivers = np.concatenate([self.face.drivers(clip.true_aus, clip.articulations) for clip in clips])
        # E[d dᵀ] over real clips: the basis spends its components on movements that occur.
        moment = drivers.T @ drivers / len(drivers)
        # A little of every intensity, so that no direction is foreign to the basis.
        moment[range(_INTENSITIES), range(_INTENSITIES)] += 1e-3
        return moment

    def _clip(self) -> MotionSample:
        return draw_sample(self.spoken, self.rooms, LENGTH, self.rng)

    def next(self, size: int) -> Batch:
        """A batch of `size` windows."""
        clips = [self._clip() for _ in range(size)]
        gaps_of, codes = zip(*(self._head() for _ in clips), strict=True)
        drivers = [
            self.face.drivers(clip.true_aus, clip.articulations, neutral_gaps)
            for clip, neutral_gaps in zip(clips, gaps_of, strict=True)
        ]
        clean = np.stack(drivers) @ self._project
        aus = np.stack([clip.true_aus for clip in clips])
        articulations = np.stack([clip.articulations for clip in clips])
        gap = np.stack([self.face.gaps(one, neutral_gaps) for one, neutral_gaps in zip(drivers, gaps_of, strict=True)])
        touching = (gap < _TOUCH) & (np.stack(gaps_of)[:, None] > _TOUCH)  # corners always touch and tell nothing
        speaking = (articulations.max(-1) > 0.02) | (aus[..., _MOUTH_AUS].max(-1) > 0.02)
        features = np.stack([clip.features for clip in clips])
        features = features + self.rng.normal(0, 0.05, features.shape)  # other front ends say it a little differently
        arrays = (np.stack([clip.aus for clip in clips]), features, np.stack(codes), clean, touching, speaking)
        return Batch(*(torch.from_numpy(np.ascontiguousarray(array, np.float32)) for array in arrays))

    def _head(self) -> tuple[np.ndarray, np.ndarray]:
        """Gaps at rest (P,) metres and code (3,) of some head, often the shipped one's."""
        neutral_gaps = self.face.neutral_gaps.copy()
        if self.own is not None:
            return neutral_gaps, self.own
        if self.rng.random() > _OTHER_HEADS:
            return neutral_gaps, np.zeros(HEAD_NUMBERS, np.float32)
        count = self.face.lips
        # Lips apart in an arch, most in the middle; lids by a factor for each eye: what heads differ in most at rest.
        arch = np.sin(np.linspace(0, math.pi, count)).astype(np.float32)
        neutral_gaps[:count] = np.maximum(neutral_gaps[:count] + self.rng.uniform(-0.0005, 0.003) * arch, 0)
        eyes = (len(neutral_gaps) - count) // 2
        neutral_gaps[count : count + eyes] *= self.rng.uniform(0.75, 1.35)
        neutral_gaps[count + eyes :] *= self.rng.uniform(0.75, 1.35)
        third = count // 3
        means = (neutral_gaps[third : count - third], neutral_gaps[count : count + eyes], neutral_gaps[count + eyes :])
        return neutral_gaps, head_code(self.template, *(float(part.mean()) for part in means))
