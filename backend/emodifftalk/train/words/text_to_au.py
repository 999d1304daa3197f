"""Stage 4 (EmoDiffTalk 3.4 and supplement 8): the Text-to-AU controller, Equations 35 to 37.

The controller and low-rank adapters of the text encoder learn together from the corpus of feelings in plain words.
Meanings of the held-out split are never seen; a tenth of the others chooses thresholds and is not trained on either.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ...core.facs import AU_NAMES
from ...core.watch import UNWATCHED, Watch
from ...data.words.corpus import Entry, Sample, sentence_targets, single_sentences
from ...data.words.prompts import composed, spelled
from ...data.words.split import split
from ...emotion.adapters import add_adapters
from ...emotion.controller import Controller, TextToAU, read_controller, save_controller
from ...emotion.text_encoders import TextEncoder, load_text_encoder
from ..shared.half_precision import half_precision

FOCAL_ALPHA, FOCAL_GAMMA = 0.35, 3.0  # Equation 35
TEMPERATURE = 0.07  # Equation 36
LAMBDA_BCE, LAMBDA_INFO_NCE = 1.0, 0.005  # Equation 37
LAMBDA_STRENGTH, LAMBDA_KNOWN = 0.5, 0.05
"""Weights of the terms that are ours: the paper's controller knows only on and off."""
_ENTRIES, _SINGLE, _COMPOSED = 7, 58, 21
"""Of a batch: entries of 7 sentences, single sentences, composed ones; 128 as in the paper."""
_BATCH = 128
_COMPOSED_AT_ONCE = 7000
_ALONE_RATE, _HEADS_RATE, _ADAPTERS_RATE = 1e-3, 5e-4, 6e-4
"""Learning rates. Adapters that start together with an untrained controller, or learn at 1e-3, collapse:
all sentences come to mean the same."""
_THRESHOLDS = np.linspace(0.3, 0.7, 17)


@dataclass(frozen=True)
class TextToAUSettings:
    """Which text encoder is adapted, and how long.

    encoder: `embedded` or `openclip`.
    seed: of the first weights, the composed sentences and the order of the batches.
    steps: batches of 128 sentences for controller and adapters together.
    epochs: passes of the controller alone over all sentences, before and again after.
    """

    encoder: str = "embedded"
    seed: int = 0
    steps: int = 1200
    epochs: int = 15


def train_text_to_au(
    out: str | os.PathLike,
    settings: TextToAUSettings = TextToAUSettings(),
    watch: Watch = UNWATCHED,
) -> dict:
    """Train the controller and write it to `out`; returns a report with held-out figures.

    The controller learns first on the encoder as published, then together with the encoder's adapters, then once more
    by itself on the adapted encoder. Raises UserError when the text encoder's weights are missing, Cancelled.
    """
    steps, epochs = settings.steps, settings.epochs
    torch.manual_seed(settings.seed)
    rng, parts = np.random.default_rng(settings.seed), split()
    entries = [entry for entry in parts.training if not _validates(entry)]
    validation = [entry for entry in parts.training if _validates(entry)]
    text_encoder = load_text_encoder(settings.encoder)
    learner = _Learner(text_encoder)
    learner.settle(_all_sentences(entries, parts.near_held_out, rng), epochs, rng, watch.part(0.0, 0.15))
    batches = _batches(entries, parts.near_held_out, rng)
    for step in range(steps):
        watch.check()
        loss = learner.step(next(batches), step / steps)
        if step % 5 == 4:
            watch.say(0.15 + 0.65 * (step + 1) / steps, f"step {step + 1}/{steps}, loss {loss:.4f}")
    learner.settle(_all_sentences(entries, parts.near_held_out, rng), epochs, rng, watch.part(0.8, 0.95))
    threshold = learner.thresholds(_sentences(validation))
    about = {"training": "sentences written and composed for this project, English", "steps": str(steps)}
    save_controller(Path(out), learner.controller.eval(), dict(learner.adapters), threshold, text_encoder, about)
    watch.say(0.95, "measuring held-out meanings")
    model = read_controller(Path(out), load_text_encoder(settings.encoder))
    counts = {"meanings": len(entries), "validation_meanings": len(validation), "steps": steps}
    return {"encoder": text_encoder.name, **counts, "held_out": evaluate_text_to_au(model, parts.held_out)}


def _validates(entry: Entry) -> bool:
    return hashlib.sha256(entry.text.encode()).digest()[-1] < 26


def _sentences(entries: list[Entry]) -> list[Sample]:
    return [sample for entry in entries for sample in entry.samples]


def _all_sentences(entries: list[Entry], dropped: frozenset[str], rng: np.random.Generator) -> list[Sample]:
    """Everything there is to learn from, once, and as many composed sentences as single ones."""
    samples = [*_sentences(entries), *single_sentences(), *composed(_COMPOSED_AT_ONCE, rng)]
    return [spelled(sample, rng) for sample in samples if sample.text.lower() not in dropped]


def _batches(entries: list[Entry], dropped: frozenset[str], rng: np.random.Generator) -> Iterator[list[Sample]]:
    """Batches without end. The negative paraphrases of Equation 36 stand in the batch of their entry.

    dropped: sentences too near to a held-out meaning.
    """
    single = [sample for sample in single_sentences() if sample.text.lower() not in dropped]
    own, others = _shuffled(entries, _ENTRIES, rng), _shuffled(single, _SINGLE, rng)
    while True:
        batch = _sentences(next(own)) + next(others) + composed(_COMPOSED, rng)
        yield [spelled(sample, rng) for sample in batch if sample.text.lower() not in dropped]


def _shuffled(items: list, count: int, rng: np.random.Generator) -> Iterator[list]:
    """`count` at a time without end, each item once before any comes again. Raises ValueError when there are fewer."""
    if len(items) < count:
        raise ValueError(f"{len(items)} items are fewer than the {count} of a batch")
    while True:
        order = rng.permutation(len(items))
        yield from ([items[i] for i in order[at : at + count]] for at in range(0, len(order) - count + 1, count))


class _Learner:
    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder, self.controller = encoder, Controller(encoder.dim)
        self.adapters = add_adapters(encoder)
        features = self.controller.align.out_features
        # z of AU vectors in Equation 36; needed for training only.
        self._au_features = nn.Sequential(nn.Linear(len(AU_NAMES), 128), nn.GELU(), nn.Linear(128, features))
        self._heads = [*self.controller.parameters(), *self._au_features.parameters()]
        self._joint = _optimizer([(self._heads, _HEADS_RATE), (list(self.adapters.values()), _ADAPTERS_RATE)])

    def settle(self, samples: list[Sample], epochs: int, rng: np.random.Generator, watch: Watch) -> None:
        """Train the controller alone, the encoder as it is."""
        watch.say(0.0, f"reading {len(samples)} sentences")
        texts, targets = [sample.text for sample in samples], _targets(samples)
        with torch.no_grad(), half_precision(transformer=True):
            vectors = self.encoder.in_batches(texts)
        optimizer = _optimizer([(self._heads, _ALONE_RATE)])
        for epoch in range(epochs):
            watch.check()
            order = rng.permutation(len(samples))
            for start in range(0, len(order), _BATCH):
                chosen = torch.from_numpy(order[start : start + _BATCH])
                loss = self._loss(vectors[chosen], [part[chosen] for part in targets])
                _descend(optimizer, loss, (epoch + start / len(order)) / epochs)
            watch.say(0.3 + 0.7 * (epoch + 1) / epochs, f"controller alone, epoch {epoch + 1}/{epochs}")

    def step(self, samples: list[Sample], done: float) -> float:
        """One batch for controller and adapters; done: 0..1 of the training."""
        with half_precision(transformer=True):
            vectors = self.encoder.in_batches([sample.text for sample in samples], 43)
        return _descend(self._joint, self._loss(vectors, _targets(samples)), done)

    def _loss(self, vectors: torch.Tensor, targets: list[torch.Tensor]) -> torch.Tensor:
        """Equation 37 and our terms of text vectors (B, dim).

        targets: what they mean, as `sentence_targets` gives it: intensities, presence, known.
        """
        wanted, presence, known = targets
        self.controller.train()
        # Noise on the vectors stands for the many ways to say the same.
        noisy = nn.functional.normalize(vectors + 0.01 * torch.randn_like(vectors), dim=-1)
        logits, strength, sure, z_text = self.controller(noisy)
        # z of both sides on the unit sphere (Equation 36): the dot product is their cosine.
        z_au = nn.functional.normalize(self._au_features(wanted), dim=-1)
        loss = LAMBDA_BCE * focal_bce(logits, presence.float()) + LAMBDA_INFO_NCE * info_nce(z_text, z_au, wanted)
        # Where a unit is off, its activation says so; its strength is left free.
        error = nn.functional.smooth_l1_loss(strength, wanted, beta=0.1, reduction="none")
        loss = loss + LAMBDA_STRENGTH * (error * (0.1 + presence.float())).mean()
        # Whether a sentence without a feeling speaks of faces at all is told by unrelated ones only.
        sure_of = presence.any(dim=1) | ~known
        return loss + LAMBDA_KNOWN * nn.functional.binary_cross_entropy_with_logits(
            sure[sure_of], known[sure_of].float()
        )

    def thresholds(self, samples: list[Sample]) -> np.ndarray:
        """The probability (17,) from which each unit counts as active: the best F1 on validation meanings, drawn
        towards the best for all units where a unit is rare."""
        self.controller.eval()
        with torch.inference_mode():
            vectors = torch.from_numpy(self.encoder.encode([s.text for s in samples]))
            probability = torch.sigmoid(self.controller(vectors)[0]).numpy()
        presence = sentence_targets(samples)[1]
        # Half of F1 = 2 hits / (called + real), (thresholds, 17). `share` mixes in the sums over all units, for where a
        # unit is rare its own hits say little.
        hits = np.array([((probability > t) & presence).sum(axis=0) for t in _THRESHOLDS], np.float64)
        called = np.array([(probability > t).sum(axis=0) for t in _THRESHOLDS]) + presence.sum(axis=0)
        share = 20 / presence.sum()  # as if 20 sentences more had every unit, at the average of all
        scores = (hits + share * hits.sum(axis=1, keepdims=True)) / (called + share * called.sum(axis=1, keepdims=True))
        return _THRESHOLDS[scores.argmax(axis=0)].astype(np.float32)


def _targets(samples: list[Sample]) -> list[torch.Tensor]:
    return [torch.from_numpy(part) for part in sentence_targets(samples)]


def _optimizer(groups: list[tuple[list[nn.Parameter], float]]) -> torch.optim.AdamW:
    rates = [{"params": parameters, "lr": rate, "highest": rate} for parameters, rate in groups]
    return torch.optim.AdamW(rates, weight_decay=0.01, betas=(0.9, 0.999))


def _descend(optimizer: torch.optim.Optimizer, loss: torch.Tensor, done: float) -> float:
    """One step; done: 0..1 of this optimizer's work, the rates rise shortly and then fall along it."""
    for group in optimizer.param_groups:
        # Up from 5 % over the first 5 % of the work, then half a cosine down.
        group["lr"] = group["highest"] * min(1.0, 0.05 + done / 0.05) * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-6
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def focal_bce(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Equation 35: weighted focal binary cross-entropy of logits (B, 17) against y (B, 17) in {0, 1}."""
    # -α y (1 - p)^γ log p - (1 - α) (1 - y) p^γ log (1 - p); logsigmoid, because log p of a sure p overflows.
    # (1 - p)^γ takes weight from what is easy: of 17 units most are off in most sentences.
    p = torch.sigmoid(logits)
    on = -FOCAL_ALPHA * y * (1 - p) ** FOCAL_GAMMA * nn.functional.logsigmoid(logits)
    off = -(1 - FOCAL_ALPHA) * (1 - y) * p**FOCAL_GAMMA * nn.functional.logsigmoid(-logits)
    return (on + off).mean()


def info_nce(anchors: torch.Tensor, positives: torch.Tensor, aus: torch.Tensor) -> torch.Tensor:
    """Equation 36: text features (B, F) against AU features (B, F) of unit length.

    The negatives of a text are the batch's other AU vectors that differ from its own.
    """
    # Cosines (B, B) over the temperature, the right pairs on the diagonal: cross-entropy of each row against its index.
    # Sentences of nearly the same face are no negatives of each other; -inf takes them out of the softmax.
    logits = anchors @ positives.T / TEMPERATURE
    same = torch.cdist(aus, aus) < 0.15
    eye = torch.eye(len(aus), dtype=torch.bool)
    logits = logits.masked_fill(same & ~eye, float("-inf"))
    return nn.functional.cross_entropy(logits, torch.arange(len(aus)))


def evaluate_text_to_au(model: TextToAU, entries: list[Entry]) -> dict:
    """Figures on entries, all their sentences: the paper's four (accuracy over all units; F1, precision and recall, as
    means over units and over all activations) and the mean absolute error of intensities."""
    samples = _sentences(entries)
    wanted, presence, _ = sentence_targets(samples)
    read = [model.read(sample.text) for sample in samples]
    active, aus = np.array([one.active for one in read], bool), np.array([one.aus for one in read])
    # Per unit (17,): true positives, called and really there. f1, precision and recall are means over units (macro).
    hits, called, real = (part.sum(axis=0) for part in (active & presence, active, presence))
    precision, recall = hits / np.maximum(called, 1), hits / np.maximum(real, 1)
    f1 = 2 * hits / np.maximum(called + real, 1)
    error = np.abs(aus - wanted)
    kinds = {kind: _micro_f1(active, presence, samples, entries, kind) for kind in sorted({e.kind for e in entries})}
    return {
        "meanings": len(entries),
        "sentences": len(samples),
        "accuracy": _round((active == presence).mean()),
        "f1": _round(f1.mean()),
        "precision": _round(precision.mean()),
        "recall": _round(recall.mean()),
        "f1_of_all_activations": _round(2 * hits.sum() / (called.sum() + real.sum())),
        "intensity_error": _round(error.mean()),
        "intensity_error_of_active_units": _round(error[presence].mean()),
        "f1_by_kind": kinds,
        "f1_by_unit": dict(zip(AU_NAMES, map(_round, f1), strict=True)),
    }


def _micro_f1(
    active: np.ndarray, presence: np.ndarray, samples: list[Sample], entries: list[Entry], kind: str
) -> float:
    of_kind = np.array([entry.kind == kind for entry in entries for _ in entry.samples])
    hits = (active & presence)[of_kind].sum()
    return _round(2 * hits / max(active[of_kind].sum() + presence[of_kind].sum(), 1))


def _round(value: float) -> float:
    return round(float(value), 4)
