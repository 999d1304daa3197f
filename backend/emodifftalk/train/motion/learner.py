"""Stage 2 (EmoDiffTalk 3.4 and supplement 7): AU-prompt diffusion of facial point offsets, and its ablations.

The losses, Equations 24 to 30, are in `losses`, the batches in `batches`.
"""

from __future__ import annotations

import copy
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ...core import tensors
from ...core.template import load_template
from ...core.watch import UNWATCHED, Watch
from ...data.speech.spoken_motion import LabelledUtterance, make_corpus
from ...motion.basis import MotionBasis
from ...motion.generate import KINDS, MotionModel, read_motion, save_motion
from ...motion.schedule import STEPS, add_noise, alpha_bar
from ...speech.encoder import load_speech_to_au
from ..shared.half_precision import half_precision
from .batches import Batches
from .losses import Batch, MotionLosses
from .report import evaluate_motion

_RATE = 1e-3


@dataclass(frozen=True)
class MotionSettings:
    """Which network is trained, how long, and on how much.

    kind: one of `motion.generate.KINDS`.
    minutes: of wall time.
    seed: of the sentences, the first weights and the order of the batches.
    utterances: sentences synthesised first.
    batch: clips in a step.
    steps: train for so many instead of `minutes`, so that models compared with each other learn equally long on any
        machine.
    start: a model to train further, also when the template has changed since.
    """

    kind: str = "diffusion"
    minutes: float = 12.0
    seed: int = 0
    utterances: int = 900
    batch: int = 16
    steps: int | None = None
    start: str | os.PathLike | None = None


def train_motion(
    out: str | os.PathLike,
    settings: MotionSettings = MotionSettings(),
    watch: Watch = UNWATCHED,
    corpus: list[LabelledUtterance] | None = None,
) -> dict:
    """Train the model, write it, return the held-out report of `report.evaluate_motion`.

    corpus: what `make_corpus` made before; it is made anew without one. Raises UserError when synthesizers or the
    speech model are missing, Cancelled.
    """
    kind, seed, steps, start = settings.kind, settings.seed, settings.steps, settings.start
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 0x5EED])
    speech = load_speech_to_au("embedded")
    if corpus is None:
        corpus = make_corpus(settings.utterances, seed + 1, speech, watch.part(0.0, 0.1))
    before = None if start is None else read_motion(start, kind)
    batches = Batches(corpus, load_template(), rng)
    learner = MotionLearner(kind, batches, before)
    began, average = time.monotonic(), 0.0

    def done() -> float:
        return learner.steps / steps if steps else (time.monotonic() - began) / (60 * settings.minutes)

    while (elapsed := done()) < 1:
        watch.check()
        loss = learner.learn(batches.next(settings.batch), elapsed)
        average = loss if learner.steps == 1 else 0.98 * average + 0.02 * loss
        if learner.steps % 20 == 0:
            watch.say(0.1 + 0.85 * elapsed, f"step {learner.steps}, loss {average:.4f}")
    about = {
        "data": f"{sum(one.voiced for one in corpus)} synthetic utterances, espeak-ng and flite, our own template",
        "seed": str(seed),
        "steps": str(learner.steps + (0 if start is None else int(tensors.TensorFile(start).metadata.get("steps", 0)))),
        "licence": "GPL-3.0-or-later",
    }
    model = learner.model()
    save_motion(Path(out), model, about)
    watch.say(0.95, "Measuring on held-out voices")
    return {"steps": learner.steps, "loss": average, **evaluate_motion(model, speech)}


class MotionLearner:
    """One network and its optimizer; what is kept is the running average of the weights."""

    def __init__(self, kind: str, batches: Batches, before: MotionModel | None = None) -> None:
        self.basis, self.usage, self.own = batches.basis, batches.usage, batches.own is not None
        self.rate = _RATE if before is None else 0.4 * _RATE
        self.network = KINDS[kind](len(self.basis.spread))
        if before is not None:
            self.network.load_state_dict(_rebased(before, self.basis, kind))
        with torch.no_grad():
            self.network.get_parameter("skip.weight").copy_(batches.linear)
        self.losses, self.levels = MotionLosses(batches.template, self.basis), alpha_bar()
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=self.rate, weight_decay=0.01)
        self.steps = 0

    def learn(self, batch: Batch, elapsed: float) -> float:
        """One step at `elapsed` (0..1) of the training; returns the loss."""
        # The rate rises over 100 steps and falls as half a cosine along the training's wall time.
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * min(1, (self.steps + 1) / 100) * 0.5 * (1 + math.cos(math.pi * elapsed)) + 1e-6
        loss = self.loss(batch)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.steps += 1
        # Running average of the weights, over few steps at first and over 500 later: it hears the end of training best.
        keep = min(0.998, self.steps / (self.steps + 10))
        for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(value.detach(), 1 - keep)
        return loss.item()

    def loss(self, batch: Batch) -> torch.Tensor:
        """The losses of a prediction from a random step of the forward process."""
        # Equation 30: a random step n of the forward process, x_n = √ᾱ_n x + √(1 - ᾱ_n) ε. The network predicts the
        # clean x and not ε, so that the geometric losses can be asked of it directly.
        n = torch.randint(0, STEPS, (len(batch.clean),))
        noisy = add_noise(batch.clean, torch.randn_like(batch.clean), n, self.levels)
        with half_precision():
            predicted = self.network(noisy, batch.aus, batch.features, batch.head, n)
        return self.losses(predicted, batch)

    def model(self) -> MotionModel:
        """With the running average of the weights."""
        return MotionModel(copy.deepcopy(self.average), self.basis, None if self.own else self.usage, self.own)


def _rebased(before: MotionModel, basis: MotionBasis, kind: str) -> dict[str, torch.Tensor]:
    """The weights of `before` for another basis: the template, or how often its AUs are used, may have changed."""
    # B (K, 3 V), components times their spread: offsets = c B. What the network gives becomes c_old (B_old C_newᵀ /
    # spread_new), what it is given c_new X with B_new = X B_old: only its first and last layers change.
    old, new = (one.components * one.spread[:, None] for one in (before.basis, basis))
    ahead = torch.from_numpy((old @ basis.components.T / basis.spread).astype(np.float32))  # (K old, K new)
    # A basis fitted to another head is not orthonormal: solved for, not projected on.
    back = torch.from_numpy(np.linalg.lstsq(old.T, new.T, rcond=1e-4)[0].T.astype(np.float32))
    state = dict(before.network.state_dict())
    for name in ("out.weight", "skip.weight"):
        state[name] = ahead.T @ state[name]
    state["out.bias"] = state["out.bias"] @ ahead
    if kind != "gru":
        state["noisy.weight"] = state["noisy.weight"] @ back.T
    return state
