"""Stage 1 (EmoDiffTalk 3.4): speech to AU, Equations 21 to 23, on synthetic labelled speech."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..core import tensors
from ..core.errors import Cancelled
from ..core.facs import AU_INDEX, AU_NAMES, FPS
from ..data.speech_corpus import generate, pad
from ..data.synthesizers import PHONEMES, SAMPLE_RATE, Utterance
from ..data.visemes import bilabial_frames, targets
from ..speech.audio import level
from ..speech.encoder import (
    SpeechModel,
    SpeechToAU,
    fit_steps,
    load_speech_to_au,
    read_speech_model,
    save_speech_model,
)
from ..speech.frontends import EmbeddedFrontEnd, HubertFrontEnd

LAMBDA_REG, LAMBDA_TEMP = 1.0, 0.1  # Equation 23
LAMBDA_PHONEME = 0.3  # ours: the front end learns sounds
LAMBDA_ANCHOR = 0.3  # ours: training further keeps the features readable for a motion model trained on the old ones
LAMBDA_BRIDGE = 1.0  # ours: a foreign front end also learns to speak to the motion model
_CLIP = 4.0  # seconds per training sample
_MOUTH = [AU_INDEX["AU24"], AU_INDEX["AU25"], AU_INDEX["AU26"]]
_OPEN = [AU_INDEX["AU25"], AU_INDEX["AU26"]]


def train_speech_to_au(
    out: str | os.PathLike,
    minutes: float = 12.0,
    seed: int = 0,
    utterances: int = 1600,
    batch: int = 12,
    front_end: str = "embedded",
    start: str | os.PathLike | None = None,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict:
    """Train for `minutes` of wall time, write the model, return the held-out report of `evaluate`.

    front_end: `embedded` is trained together with its encoder; `hubert` stays as it is, and only the encoder and the
    bridge to the motion model's features are trained (the embedded model must exist). start: an embedded model to train
    further; its features are held near where they are, so that a motion model trained on them still reads them. Raises
    UserError when synthesizers or weights are missing, Cancelled when `cancelled()` turned true.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    progress = progress or (lambda fraction, text: None)
    cancelled = cancelled or (lambda: False)
    learner = _Learner(front_end, start)
    rate = 1e-3 if start is None else 5e-4
    corpus = []
    for i, utterance in enumerate(generate(utterances, seed)):
        corpus.append(_labelled(utterance))
        progress(0.1 * i / utterances, "Speaking the training sentences")
        if cancelled():
            raise Cancelled
    parameters = learner.parameters()
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01)
    began, step, average = time.monotonic(), 0, 0.0
    while (elapsed := (time.monotonic() - began) / (60 * minutes)) < 1:
        if cancelled():
            raise Cancelled
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * elapsed)) + 1e-6
        with torch.autocast("cpu", torch.bfloat16, enabled=_has_fast_bfloat16()):
            loss = learner.loss(*_batch(corpus, batch, rng))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        average = loss.item() if step == 1 else 0.98 * average + 0.02 * loss.item()
        if step % 20 == 0:
            progress(0.1 + 0.9 * elapsed, f"step {step}, loss {average:.4f}")
    about = {
        "data": f"{utterances} synthetic utterances, espeak-ng and flite",
        "seed": str(seed),
        "steps": str(step + learner.steps_before),
        "trained_before": learner.before,
        "licence": "CC0-1.0",
    }
    model = learner.model()
    save_speech_model(Path(out), model, about)
    return {"steps": step, "loss": average, **evaluate(model)}


def _has_fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware (AMX): half the time per step."""
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())


class _Learner:
    """What is trained: the embedded front end and its encoder, or an encoder and a bridge for HuBERT."""

    def __init__(self, front_end: str, start: str | os.PathLike | None = None) -> None:
        self.steps_before, self.before = 0, "nothing"
        if start is not None:
            before = read_speech_model(Path(start), EmbeddedFrontEnd())
            self.front_end, self.encoder, self.bridge = before.front_end, before.encoder, None
            self.teacher = copy.deepcopy(before.front_end).requires_grad_(False)
            about = tensors.TensorFile(start).metadata
            self.steps_before = int(about.get("steps", 0))
            self.before = f"{about.get('data', 'unknown')}, seed {about.get('seed', 'unknown')}"
            return
        if front_end == "hubert":
            self.front_end, self.teacher = HubertFrontEnd.load(), load_speech_to_au("embedded").front_end
            self.bridge = nn.Linear(self.front_end.dim, EmbeddedFrontEnd.dim)
        else:
            self.front_end, self.teacher, self.bridge = EmbeddedFrontEnd(), None, None
        self.encoder = SpeechToAU(self.front_end.dim)

    def parameters(self) -> list[nn.Parameter]:
        trained = self.front_end if self.bridge is None else self.bridge
        return [*trained.parameters(), *self.encoder.parameters()]

    def model(self) -> SpeechModel:
        return SpeechModel(self.front_end, self.encoder, self.bridge)

    def loss(self, waves: torch.Tensor, aus: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Equation 23 plus our own term. waves (B, S), aus (B, T, 17), classes (B, 2 T) phonemes at 50 per second."""
        steps = classes.shape[1]
        if self.bridge is None:
            features = fit_steps(self.front_end(waves), steps)
            sounds = nn.functional.cross_entropy(self.front_end.phonemes(features).mT, classes)
            loss = _au_loss(self.encoder(features), aus) + LAMBDA_PHONEME * sounds
            if self.teacher is not None:
                with torch.no_grad():
                    held = fit_steps(self.teacher(waves), steps)
                loss = loss + LAMBDA_ANCHOR * (features - held).square().mean()
            return loss
        with torch.no_grad():
            features = fit_steps(self.front_end(waves), steps)
            wanted = fit_steps(self.teacher(waves), steps)
        return _au_loss(self.encoder(features), aus) + LAMBDA_BRIDGE * (self.bridge(features) - wanted).square().mean()


def _au_loss(predicted: torch.Tensor, aus: torch.Tensor) -> torch.Tensor:
    """Equations 21 to 23 for codes (B, T, 17), means over batch and time, sums over AU."""
    # Closures are short and rare, and what a viewer forgives least.
    weight = 1.0 + 3.0 * (aus[..., AU_INDEX["AU24"], None] > 0.2)
    weight = weight * torch.ones(len(AU_NAMES)).index_fill_(0, torch.tensor(_MOUTH), 2.0)
    predicted = predicted.float()
    regression = (weight * (predicted - aus).abs()).sum(dim=-1).mean()  # Equation 21
    temporal = ((predicted[:, 1:] - predicted[:, :-1]) ** 2).sum(dim=-1).mean()  # Equation 22
    return LAMBDA_REG * regression + LAMBDA_TEMP * temporal


def _labelled(utterance: Utterance) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Samples, AU targets (T, 17) and phoneme classes (2 T,) of one utterance."""
    frames = math.ceil(len(utterance.wave) / SAMPLE_RATE * FPS)
    aus, _ = targets(utterance, frames)
    classes = np.zeros(2 * frames, np.int64)
    for phoneme in utterance.phonemes:
        first, last = round(phoneme.start * 2 * FPS), round(phoneme.end * 2 * FPS)
        classes[first:last] = PHONEMES.index(phoneme.symbol)
    wave = np.zeros(frames * SAMPLE_RATE // FPS, np.float32)
    wave[: len(utterance.wave)] = level(utterance.wave)
    return wave, aus, classes


def _batch(corpus: list, size: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    frames = round(_CLIP * FPS)
    per_frame = SAMPLE_RATE // FPS
    waves = np.zeros((size, frames * per_frame), np.float32)
    aus = np.zeros((size, frames, len(AU_NAMES)), np.float32)
    classes = np.zeros((size, 2 * frames), np.int64)
    for row in range(size):
        wave, au, phonemes = corpus[rng.integers(len(corpus))]
        start = int(rng.integers(0, max(1, len(au) - frames + 1)))
        n = min(frames, len(au) - start)
        waves[row, : n * per_frame] = wave[start * per_frame : (start + n) * per_frame] * 10 ** rng.uniform(-0.25, 0.25)
        aus[row, :n] = au[start : start + n]
        classes[row, : 2 * n] = phonemes[2 * start : 2 * (start + n)]
    if rng.random() < 0.1:  # true silence belongs to the world too
        waves[0], aus[0], classes[0] = 0, 0, 0
    return torch.from_numpy(waves), torch.from_numpy(aus), torch.from_numpy(classes)


def evaluate(model: SpeechModel) -> dict:
    """Held-out report on ten unseen sentences full of p, b and m, in clean synthetic speech.

    By three groups of voices: `slt` (flite, never trained on), `espeak_f5` (never trained on), `training_voices`
    (random training voices, so only the words are new). Truth: targets made from exact phoneme times.
    """
    return {
        "protocol": "10 unseen sentences, clean synthetic speech, truth from exact phoneme times",
        "slt": _measure(model, generate(10, 0, "test")),
        "espeak_f5": _measure(model, generate(10, 0, "test_espeak")),
        "training_voices": _measure(model, generate(20, 0, "voices")),
    }


def _measure(model: SpeechModel, utterances: Iterable[Utterance]) -> dict:
    """mae: mean absolute error per AU (0..1); mae_of_mean: that of always saying the mean. correlation: of AU25 + AU26.

    closure: share of p b m whose predicted AU25 + AU26 (least of three frames) is under 15 percent of its mean at the
    two neighbouring vowels. leaks: share of frames that should rest (truth under 0.005) with AU25 + AU26 above 0.05.
    """
    found, wanted, closed, silent = [], [], [], []
    for utterance in (pad(spoken, 0.6, 0.6) for spoken in utterances):
        frames = math.ceil(len(utterance.wave) / SAMPLE_RATE * FPS)
        aus, _ = targets(utterance, frames)
        track = model.predict(utterance.wave, frames)
        found.append(track.aus)
        wanted.append(aus)
        opening = track.aus[:, _OPEN].sum(axis=1)
        for closure, before, after in bilabial_frames(utterance):
            vowels = (opening[min(before, frames - 1)] + opening[min(after, frames - 1)]) / 2
            closed.append(opening[max(0, closure - 1) : closure + 2].min() < 0.15 * vowels)
        silent.append(opening[aus[:, _OPEN].sum(axis=1) < 0.005])
    found, wanted = np.concatenate(found), np.concatenate(wanted)
    mae = np.abs(found - wanted).mean(axis=0)
    blind = np.abs(wanted.mean(axis=0) - wanted).mean(axis=0)
    correlation = np.corrcoef(found[:, _OPEN].sum(axis=1), wanted[:, _OPEN].sum(axis=1))[0, 1]
    return {
        "mae": {name: round(float(v), 4) for name, v in zip(AU_NAMES, mae, strict=True)},
        "mae_of_mean": {name: round(float(v), 4) for name, v in zip(AU_NAMES, blind, strict=True)},
        "correlation": round(float(correlation), 3),
        "closure": round(float(np.mean(closed)), 3),
        "closures": len(closed),
        "leaks": round(float((np.concatenate(silent) > 0.05).mean()), 3),
    }
