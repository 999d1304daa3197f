"""Stage 2 for one subject: the shared motion model learns this face, its own action units, lips and lids.

It starts from the shared model fitted to the head in closed form, hears the synthetic training voices, and moves this
head's template; it stops when held-back sentences get no better. What it learned is kept inside the Subject.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch

from ...core.subject import Subject
from ...core.watch import UNWATCHED, Watch
from ...data.speech.spoken_motion import LabelledUtterance, make_corpus
from ...motion.basis import head_shape
from ...motion.generate import MotionModel, motion_arrays
from ...motion.retarget import motion_for
from ...motion.schedule import ddim
from ...speech.encoder import load_speech_to_au
from ..shared.early_stopping import EarlyStopping
from .batches import Batches
from .learner import MotionLearner
from .losses import Batch

_UTTERANCES, _BATCH = 300, 12
_EVERY, _PATIENCE = 50, 4  # steps between two looks at the held-back sentences; looks without getting better
_HELD_BACK = 10  # every so many recordings one is held back
_STEPS = 4  # of sampling, when looking


def tune_motion(
    subject: Subject,
    minutes: float = 5.0,
    seed: int = 0,
    watch: Watch = UNWATCHED,
    corpus: list[LabelledUtterance] | None = None,
) -> tuple[Subject, dict]:
    """The subject carrying its motion model, and a report; the subject as it was where tuning does not help.

    The report holds `curve`: rows of step, training loss, lip error in millimetres on held-back sentences (by the
    training voices; synthetic), and that error before and after. Raises UserError when synthesizers are missing,
    Cancelled.
    """
    torch.manual_seed(seed)
    if corpus is None:
        speech = load_speech_to_au("embedded")
        corpus = make_corpus(_UTTERANCES, seed + 1, speech, watch.part(0.0, 0.25))
    code = head_shape(subject.template.neutral).code
    learned = [one for i, one in enumerate(corpus) if not one.voiced or i % _HELD_BACK]
    held_back = [one for i, one in enumerate(corpus) if not one.voiced or not i % _HELD_BACK]
    batches = Batches(learned, subject.template, np.random.default_rng([seed, 0x70E]), code)
    learner = MotionLearner("diffusion", batches, motion_for(replace(subject, motion={})))
    check = _Check(learner, held_back, subject, code)
    early, best, curve = EarlyStopping(_PATIENCE, higher_is_better=False), learner.model(), []
    began, average, last = time.monotonic(), 0.0, 0.0
    while not early.stop and (elapsed := (time.monotonic() - began) / (60 * minutes)) < 1:
        watch.check()
        if learner.steps % _EVERY == 0:
            last = check.lip_error(learner)
            curve.append((learner.steps, round(average, 5), round(last, 4)))
            if early.better(last):
                best = learner.model()
        loss = learner.learn(batches.next(_BATCH), elapsed)
        average = loss if learner.steps == 1 else 0.95 * average + 0.05 * loss
        if learner.steps % 5 == 0:
            watch.say(0.25 + 0.75 * elapsed, f"step {learner.steps}, lips {last:.3f} mm off on held-back sentences")
    last = check.lip_error(learner)
    curve.append((learner.steps, round(average, 5), round(last, 4)))
    if early.better(last):
        best = learner.model()
    before, after = curve[0][2], min(row[2] for row in curve)
    helped = after < before
    report = {"steps": learner.steps, "curve": curve, "lip_mm_before": before, "lip_mm_after": after, "kept": helped}
    return _carrying(subject, best) if helped else subject, report


class _Check:
    """The same held-back windows, noise and sampling at every look."""

    def __init__(
        self, learner: MotionLearner, held_back: list[LabelledUtterance], subject: Subject, code: np.ndarray
    ) -> None:
        batches = Batches(held_back, subject.template, np.random.default_rng(0xC4EC), code)
        project = batches.basis.components * batches.basis.spread[:, None]
        batch = batches.next(16)
        # The same truth in the learner's own coefficients: c B = offsets, onto the other basis' components.
        turn = project @ learner.basis.components.T / learner.basis.spread
        self.batch = Batch(**{**vars(batch), "clean": batch.clean @ torch.from_numpy(turn.astype(np.float32))})
        self.noise = torch.randn(self.batch.clean.shape, generator=torch.Generator().manual_seed(1))

    @torch.inference_mode()
    def lip_error(self, learner: MotionLearner) -> float:
        """Root mean square error of lip points, millimetres, while the mouth speaks."""
        batch, network = self.batch, learner.average

        def predict(noisy: torch.Tensor, n: int) -> torch.Tensor:
            return network(noisy, batch.aus, batch.features, batch.head, torch.full((len(noisy),), n))

        # Sampled in four steps from the same noise, scored by the factor of the lip term (Equation 28): millimetres.
        error = (ddim(predict, self.noise, _STEPS) - batch.clean) * learner.losses.scale
        squared = (error @ learner.losses.lips).square().sum(-1)
        return float(((squared * batch.speaking).sum() / batch.speaking.sum().clamp(min=1)).sqrt())


def _carrying(subject: Subject, model: MotionModel) -> Subject:
    return replace(subject, motion=motion_arrays(model))
