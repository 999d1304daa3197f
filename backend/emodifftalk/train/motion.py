"""Stage 2 (EmoDiffTalk 3.4 and supplement 7, Equations 24 to 30): AU-prompt diffusion of facial point offsets.

Which term is which, all in square millimetres, x the true and x̂ the predicted clean offsets of a window:

- vertex, Equation 24: mean over frames and points of |x - x̂|². Computed on coefficients of an orthonormal basis, which
  is the same number. Weight 1.0.
- motion, Equations 25 to 27: the same for first differences, plus second differences. Weight 0.5.
- lip, Equation 28: points of the lips only, over the frames T_lip in which the voice moves the mouth; frames in which
  the lips touch count four times. Weight 0.8.
- deform, Equation 29: the paper names a "deformation regularization" without giving it. Ours is the mean squared error
  of the offsets' differences along mesh edges: the face may not stretch where it should not. Weight 0.1.
- ours: `gap`, the mean squared error of the gaps between paired inner lips and lid margins, weight 0.5 (times six where
  they should touch), because a point's error of a millimetre is nothing on a cheek and everything between two lips.

Deviations: the network predicts coefficients (see motion.basis); 128 embedded speech features stand for HuBERT's; no
classifier-free guidance (the paper has none); cosine learning rate from 1e-3, not 1e-4, for minutes instead of a day.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..core import tensors
from ..core.errors import Cancelled
from ..core.facs import ARTICULATIONS, AU_NAMES
from ..core.template import REGIONS, FacialTemplate, load_template
from ..data.contact import TouchingFace
from ..data.spoken_motion import Clip, Spoken, draw, make_corpus
from ..motion.basis import HEAD_NUMBERS, MotionBasis, fit_basis, head_code
from ..motion.denoiser import Denoiser
from ..motion.generate import MotionModel, read_motion, save_motion
from ..motion.gru import MotionGRU
from ..motion.schedule import STEPS, add_noise, alpha_bar
from ..motion.windows import LENGTH
from ..speech.encoder import load_speech_to_au
from .motion_report import evaluate

LAMBDA_VERTEX, LAMBDA_MOTION, LAMBDA_DEFORM, LAMBDA_LIP = 1.0, 0.5, 0.1, 0.8  # Equation 29
LAMBDA_GAP = 0.5  # ours
_RATE = 1e-3
_TOUCH = 2e-4  # metres
_OTHER_HEADS = 0.35  # share of samples on a head with other gaps than the shipped one's


@dataclass
class Batch:
    """aus (B, T, 17), features (B, T, 128), head (B, 3); clean (B, T, K) coefficients; touching (B, T, P) 1 where a
    margin pair touches; speaking (B, T) 1 where the voice moves the mouth. Pairs are lips first."""

    aus: torch.Tensor
    features: torch.Tensor
    head: torch.Tensor
    clean: torch.Tensor
    touching: torch.Tensor
    speaking: torch.Tensor


class MotionLosses:
    """The geometric terms, each a linear image of the error in coefficients (B, T, K), divided by `spread`."""

    def __init__(self, template: FacialTemplate, basis: MotionBasis) -> None:
        parts = basis.components.reshape(len(basis.spread), -1, 3)
        lips = np.isin(template.regions, [i for i, name in enumerate(REGIONS) if name.startswith("lips")])
        self.points, self.lip_pairs = basis.points, len(template.landmarks["lip_inner_upper"])
        edges = np.concatenate([template.faces[:, [0, 1]], template.faces[:, [1, 2]], template.faces[:, [2, 0]]])
        edges = np.unique(np.sort(edges, axis=1), axis=0)
        along = (parts[:, edges[:, 0]] - parts[:, edges[:, 1]]).reshape(len(parts), -1)
        pairs = [("lip_inner_upper", "lip_inner_lower"), ("lid_upper_left", "lid_lower_left"),
                 ("lid_upper_right", "lid_lower_right")]  # fmt: skip
        gaps = [parts[:, template.landmarks[a], 2] - parts[:, template.landmarks[b], 2] for a, b in pairs]
        self.scale = torch.from_numpy(1e3 * basis.spread)
        self.lips = torch.from_numpy(_factor(parts[:, lips].reshape(len(parts), -1)) / math.sqrt(lips.sum()))
        self.edges = torch.from_numpy(_factor(along) / math.sqrt(len(edges)))
        self.gaps = torch.from_numpy(np.concatenate(gaps, axis=1).astype(np.float32))

    def __call__(self, predicted: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Equation 29 and our gap term, one number."""
        error = (predicted.float() - batch.clean) * self.scale
        vertex = error.square().sum(-1).mean() / self.points
        speed = error[:, 1:] - error[:, :-1]
        motion = (speed.square().sum(-1).mean() + (speed[:, 1:] - speed[:, :-1]).square().sum(-1).mean()) / self.points
        deform = (error @ self.edges).square().sum(-1).mean()
        touch = batch.touching[..., : self.lip_pairs].mean(-1)
        when = batch.speaking * (1 + 3 * touch)
        lip = ((error @ self.lips).square().sum(-1) * when).sum() / when.sum().clamp(min=1)
        gap = ((error @ self.gaps).square() * (1 + 5 * batch.touching)).mean()
        return (
            LAMBDA_VERTEX * vertex
            + LAMBDA_MOTION * motion
            + LAMBDA_DEFORM * deform
            + LAMBDA_LIP * lip
            + LAMBDA_GAP * gap
        )


def _factor(matrix: np.ndarray) -> np.ndarray:
    """(K, K) with the same squared norms as (K, many): |d @ matrix| = |d @ factor|."""
    values, vectors = np.linalg.eigh(matrix.astype(np.float64) @ matrix.T.astype(np.float64))
    return (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)


class Batches:
    """Draws training batches; the truth is made from drivers, never from all points."""

    def __init__(self, corpus: list[Spoken], template: FacialTemplate, rng: np.random.Generator) -> None:
        self.template, self.face, self.rng = template, TouchingFace(template), rng
        self.spoken = [one for one in corpus if one.voiced]
        self.rooms = [one for one in corpus if not one.voiced]
        self.basis = self._fit()
        flat = self.face.generators.reshape(len(self.face.generators), -1)
        self._project = (flat @ self.basis.components.T / self.basis.spread).astype(np.float32)
        self.linear = torch.from_numpy(self._project[: len(AU_NAMES)].T.copy())

    def _fit(self) -> MotionBasis:
        clips = [self._clip() for _ in range(300)]
        drivers = np.concatenate([self.face.drivers(clip.true_aus, clip.articulations) for clip in clips])
        moment = drivers.T @ drivers / len(drivers)
        # A little of every intensity, so that no direction is foreign to the basis.
        moment[range(_INTENSITIES), range(_INTENSITIES)] += 1e-3
        return fit_basis(self.face.generators, moment)

    def _clip(self) -> Clip:
        return draw(self.spoken, self.rooms, LENGTH, self.rng)

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
        rest = self.face.rest.copy()
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


_INTENSITIES = len(AU_NAMES) + len(ARTICULATIONS)
_MOUTH_AUS = [AU_NAMES.index(name) for name in ("AU10", "AU24", "AU25", "AU26")]


def train_motion(
    out: str | os.PathLike,
    kind: str = "diffusion",
    minutes: float = 12.0,
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
    utterances: int = 900,
    batch: int = 16,
    corpus: list[Spoken] | None = None,
    start: str | os.PathLike | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict:
    """Train for `minutes` of wall time, write the model, return the held-out report of `motion_report.evaluate`.

    corpus: what `make_corpus` made before; it is made anew without one. start: a model to train further, also when the
    template has changed since. Raises UserError when synthesizers or the speech model are missing, Cancelled when
    `cancelled()` turned true.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 0x5EED])
    progress = progress or (lambda fraction, text: None)
    speech = load_speech_to_au("embedded")
    if corpus is None:
        corpus = make_corpus(utterances, seed + 1, speech, lambda done, text: progress(0.1 * done, text))
    before = None if start is None else read_motion(start, kind)
    batches = Batches(corpus, load_template(), rng)
    learner = MotionLearner(kind, batches, before)
    began, average = time.monotonic(), 0.0
    while (elapsed := (time.monotonic() - began) / (60 * minutes)) < 1:
        if cancelled and cancelled():
            raise Cancelled
        loss = learner.learn(batches.next(batch), elapsed)
        average = loss if learner.steps == 1 else 0.98 * average + 0.02 * loss
        if learner.steps % 20 == 0:
            progress(0.1 + 0.85 * elapsed, f"step {learner.steps}, loss {average:.4f}")
    about = {
        "data": f"{sum(one.voiced for one in corpus)} synthetic utterances, espeak-ng and flite, our own template",
        "seed": str(seed),
        "steps": str(learner.steps + (0 if start is None else int(tensors.TensorFile(start).metadata.get("steps", 0)))),
        "licence": "CC0-1.0",
    }
    model = learner.model()
    save_motion(Path(out), model, about)
    progress(0.95, "Measuring on held-out voices")
    return {"steps": learner.steps, "loss": average, **evaluate(model, speech)}


class MotionLearner:
    """One network and its optimizer; what is kept is the running average of the weights."""

    def __init__(self, kind: str, batches: Batches, before: MotionModel | None = None) -> None:
        self.basis, self.rate = batches.basis, _RATE if before is None else 0.4 * _RATE
        self.network = (Denoiser if kind == "diffusion" else MotionGRU)(len(self.basis.spread))
        if before is not None:
            self.network.load_state_dict(_rebased(before, self.basis, kind))
        with torch.no_grad():
            self.network.skip.weight.copy_(batches.linear)
        self.losses, self.levels = MotionLosses(batches.template, self.basis), alpha_bar()
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=self.rate, weight_decay=0.01)
        self.steps = 0

    def learn(self, batch: Batch, elapsed: float) -> float:
        """One step at `elapsed` (0..1) of the training; returns the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * min(1, (self.steps + 1) / 100) * 0.5 * (1 + math.cos(math.pi * elapsed)) + 1e-6
        loss = self.loss(batch)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.steps += 1
        keep = min(0.998, self.steps / (self.steps + 10))
        for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(value.detach(), 1 - keep)
        return loss.item()

    def loss(self, batch: Batch) -> torch.Tensor:
        """The losses of a prediction from a random step of the forward process."""
        n = torch.randint(0, STEPS, (len(batch.clean),))
        noisy = add_noise(batch.clean, torch.randn_like(batch.clean), n, self.levels)
        with torch.autocast("cpu", torch.bfloat16, enabled=_has_fast_bfloat16()):
            predicted = self.network(noisy, batch.aus, batch.features, batch.head, n)
        return self.losses(predicted, batch)

    def model(self) -> MotionModel:
        return MotionModel(self.average, self.basis)


def _rebased(before: MotionModel, basis: MotionBasis, kind: str) -> dict[str, torch.Tensor]:
    """The weights of `before` for another basis: the template, or how often its AUs are used, may have changed."""
    old, new = (one.components * one.spread[:, None] for one in (before.basis, basis))
    ahead = torch.from_numpy((old @ basis.components.T / basis.spread).astype(np.float32))  # (K old, K new)
    back = torch.from_numpy((new @ before.basis.components.T / before.basis.spread).astype(np.float32))
    state = dict(before.network.state_dict())
    for name in ("out.weight", "skip.weight"):
        state[name] = ahead.T @ state[name]
    state["out.bias"] = state["out.bias"] @ ahead
    if kind == "diffusion":
        state["noisy.weight"] = state["noisy.weight"] @ back.T
    return state


def _has_fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware (AMX): half the time per step."""
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())
