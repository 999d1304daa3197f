"""Stage 4 (EmoDiffTalk 3.4 and supplement 8): the Text-to-AU controller, Equations 35 to 37."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from ..core.facs import AU_NAMES
from ..data.prompts import Sample, test_samples, training_samples
from ..emotion.controller import Controller, TextToAU, save_controller
from ..emotion.text_encoders import TextEncoder, load_text_encoder

FOCAL_ALPHA, FOCAL_GAMMA = 0.35, 3.0  # Equation 35
TEMPERATURE = 0.07  # Equation 36
LAMBDA_BCE, LAMBDA_INFO_NCE = 1.0, 0.005  # Equation 37
LAMBDA_STRENGTH = 4.0
"""Weight of the intensity term, which is ours: the paper's controller knows only on and off."""
ACTIVE = 0.1


def train_text_to_au(
    out: str | os.PathLike,
    encoder: str = "embedded",
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
    count: int = 36000,
    epochs: int = 36,
) -> dict:
    """Train the controller on generated sentences and write it to `out`; returns a report with held-out figures.

    Raises UserError when the text encoder's weights are missing.
    """
    torch.manual_seed(seed)
    text_encoder = load_text_encoder(encoder)
    vectors, aus = _encoded(training_samples(count, seed), text_encoder, progress)
    controller = Controller(text_encoder.dim)
    learner = _Learner(controller)
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        order = rng.permutation(count)
        for start in range(0, count, 256):
            chosen = order[start : start + 256]
            loss = learner.step(vectors[chosen], aus[chosen], epoch / epochs)
        if progress:
            progress(0.4 + 0.6 * (epoch + 1) / epochs, f"epoch {epoch + 1}/{epochs}, loss {loss:.4f}")
    controller.eval()
    save_controller(out, controller, text_encoder, {"training": "generated sentences, synthetic, English"})
    return {"encoder": text_encoder.name, "sentences": count, **evaluate(TextToAU(text_encoder, controller))}


def _encoded(samples: list[Sample], encoder: TextEncoder, progress) -> tuple[torch.Tensor, torch.Tensor]:
    texts = [sample.text for sample in samples]
    unique = sorted(set(texts))
    rows, parts = {text: i for i, text in enumerate(unique)}, []
    for start in range(0, len(unique), 512):
        parts.append(encoder.encode(unique[start : start + 512]))
        if progress:
            progress(0.4 * min(1, (start + 512) / len(unique)), f"reading {len(unique)} sentences")
    vectors = np.concatenate(parts)[[rows[text] for text in texts]]
    return torch.from_numpy(vectors), torch.from_numpy(np.stack([sample.aus for sample in samples]))


class _Learner:
    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        features = controller.align.out_features
        # z of AU vectors in Equation 36; needed for training only.
        self._au_features = nn.Sequential(nn.Linear(len(AU_NAMES), 128), nn.GELU(), nn.Linear(128, features))
        parameters = [*controller.parameters(), *self._au_features.parameters()]
        self._optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01, betas=(0.9, 0.999))

    def step(self, vectors: torch.Tensor, aus: torch.Tensor, done: float) -> float:
        """One batch; done: 0..1 of the training, the rate falls along it."""
        for group in self._optimizer.param_groups:
            group["lr"] = 1e-3 * (1 - done) + 2e-5
        self._controller.train()
        # Noise on the vectors stands for the many ways to say the same.
        noisy = nn.functional.normalize(vectors + 0.015 * torch.randn_like(vectors), dim=-1)
        logits, strength, z_text = self._controller(noisy)
        z_au = nn.functional.normalize(self._au_features(aus), dim=-1)
        loss = LAMBDA_BCE * focal_bce(logits, (aus >= ACTIVE).float()) + LAMBDA_INFO_NCE * info_nce(z_text, z_au, aus)
        # Where a unit is off, its activation says so; its strength is left free.
        error = nn.functional.smooth_l1_loss(strength, aus, beta=0.1, reduction="none")
        loss = loss + LAMBDA_STRENGTH * (error * (0.15 + (aus >= ACTIVE))).mean()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        return float(loss.detach())


def focal_bce(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Equation 35: weighted focal binary cross-entropy of logits (B, 17) against y (B, 17) in {0, 1}."""
    p = torch.sigmoid(logits)
    on = -FOCAL_ALPHA * y * (1 - p) ** FOCAL_GAMMA * nn.functional.logsigmoid(logits)
    off = -(1 - FOCAL_ALPHA) * (1 - y) * p**FOCAL_GAMMA * nn.functional.logsigmoid(-logits)
    return (on + off).mean()


def info_nce(anchors: torch.Tensor, positives: torch.Tensor, aus: torch.Tensor) -> torch.Tensor:
    """Equation 36: text features (B, F) against AU features (B, F) of unit length.

    The negatives of a text are the batch's other AU vectors that differ from its own.
    """
    logits = anchors @ positives.T / TEMPERATURE
    same = torch.cdist(aus, aus) < 0.15
    eye = torch.eye(len(aus), dtype=torch.bool)
    logits = logits.masked_fill(same & ~eye, float("-inf"))
    return nn.functional.cross_entropy(logits, torch.arange(len(aus)))


def evaluate(model: TextToAU) -> dict:
    """Held-out figures by split: F1 of the activations (over all units) and mean absolute error of the intensities."""
    report = {}
    for split, samples in test_samples().items():
        texts, truth = [s.text for s in samples], np.stack([s.aus for s in samples])
        y, found = truth >= ACTIVE, model.activations(texts).astype(bool)
        hits = (y & found).sum()
        error = np.abs(model.intensities(texts) - truth).mean()
        report[split] = {
            "sentences": len(texts),
            "f1": round(float(2 * hits / max(y.sum() + found.sum(), 1)), 3),
            "mean_absolute_error": round(float(error), 3),
        }
    return report
