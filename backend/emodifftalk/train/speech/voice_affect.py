"""The feeling in a voice: the network of `speech/affect.py`, on synthetic speakers whose mood is known."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ...core.watch import UNWATCHED, Watch
from ...data.speech.moods import Session, training_session
from ...speech.affect import (
    FEATURES,
    MEASURES,
    UNDERSTOOD,
    AffectNet,
    affect_features,
    read_voice_affect,
    save_voice_affect,
)
from ...speech.encoder import SpeechModel, load_speech_to_au
from .affect_report import evaluate_voice_affect

LAMBDA_AGREE = 0.5
"""Weight of 1 − the concordance of a batch: squared errors alone would have everybody feel next to nothing."""
_EVERY = 5  # frames: neighbouring windows say nearly the same
_BATCH, _RATE = 256, 1.5e-3
_TALKING = 0.3  # how sure `affect_features` must be that somebody speaks for a frame to be learned from
_WORKERS = 2  # sessions made and listened to at a time


@dataclass(frozen=True)
class VoiceAffectSettings:
    """How much the network hears.

    sessions: synthetic recordings to learn from.
    epochs: passes over them.
    seed: of the sessions and of the network's first weights.
    measure: whether it is measured on held-out voices; else the report says only what was trained on.
    """

    sessions: int = 1800
    epochs: int = 12
    seed: int = 0
    measure: bool = True


def train_voice_affect(
    out: str | os.PathLike,
    settings: VoiceAffectSettings = VoiceAffectSettings(),
    watch: Watch = UNWATCHED,
) -> dict:
    """Train on synthetic sessions, write the network, return the held-out report of `affect_report`.

    The same seed and sizes give the same weights. Raises UserError when espeak-ng or flite is not installed, Cancelled.
    """
    sessions, epochs, seed = settings.sessions, settings.epochs, settings.seed
    features, places = _listened(sessions, seed, watch.part(0.0, 0.85))
    torch.manual_seed(seed)
    network = AffectNet()
    network.centre.copy_(features.mean(dim=0))
    network.scale.copy_(features.std(dim=0) + 1e-3)
    # Standardised features, cut at 4 deviations as the deployed network cuts them.
    rows = ((features - network.centre) / network.scale).clamp(-4, 4)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.02)
    noise = _strangeness()
    network.train()
    for epoch in range(epochs):
        order = torch.randperm(len(rows)).split(_BATCH)
        for i, chosen in enumerate(order):
            done = (epoch + i / len(order)) / epochs
            for group in optimizer.param_groups:
                group["lr"] = _RATE * 0.5 * (1 + math.cos(math.pi * done)) + 1e-5
            heard = rows[chosen] + noise * torch.randn(len(chosen), rows.shape[1])
            loss = affect_loss(torch.tanh(network.layers(heard)), places[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        watch.say(0.85 + 0.1 * (epoch + 1) / epochs, f"epoch {epoch + 1}/{epochs}, loss {loss.item():.4f}")
        watch.check()
    about = {
        "data": f"{sessions} synthetic sessions, espeak-ng and flite; no human voice",
        "seed": str(seed),
        "licence": "GPL-3.0-or-later",
    }
    save_voice_affect(out, network.eval(), about)
    report = {"sessions": sessions, "windows": len(rows), "voices": "synthetic; no human voice was measured"}
    if not settings.measure:
        return report
    watch.say(0.95, "Listening to voices never trained on")
    return {**report, **evaluate_voice_affect(read_voice_affect(Path(out)))}


def affect_loss(predicted: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Squared error and lack of concordance of valence and arousal (B, 2)."""
    # Lin's concordance 2 cov / (var + var + (mean - mean)²) of each axis over the batch: unlike the correlation it also
    # falls when predictions are all too faint or shifted.
    error = (predicted - places).square().mean()
    centre_predicted, centre = predicted.mean(dim=0), places.mean(dim=0)
    shared = ((predicted - centre_predicted) * (places - centre)).mean(dim=0)
    spread = predicted.var(dim=0, unbiased=False) + places.var(dim=0, unbiased=False)
    concordance = 2 * shared / (spread + (centre_predicted - centre).square() + 1e-3)
    return error + LAMBDA_AGREE * (1 - concordance).mean()


def _strangeness() -> torch.Tensor:
    """Noise (FEATURES,) on standardised features in training, for all the voices that are a little different: most on
    what belongs to throats and microphones more than to moods."""
    noise = torch.full((FEATURES,), 0.3)
    for i, name in enumerate(MEASURES):
        if name == "pitch" or name.startswith("band_"):
            noise[i] = 1.0
    noise[-UNDERSTOOD:] = 0.8
    return noise


def _listened(sessions: int, seed: int, watch: Watch) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (N, FEATURES) and places (N, 2) of every `_EVERY`th frame in which somebody speaks, and of any in rooms
    without a voice that the speech model takes for one."""
    listener = load_speech_to_au("embedded")
    features, places, block = [], [], 8 * _WORKERS
    with ThreadPoolExecutor(_WORKERS) as pool:
        for start in range(0, sessions, block):
            numbers = range(start, min(start + block, sessions))
            for measures, truth in pool.map(lambda i: _learned_from(training_session(seed, i), listener), numbers):
                features.append(measures)
                places.append(truth)
            watch.say(len(features) / sessions, f"Speaking in many moods: {len(features)} of {sessions}")
            watch.check()
    return torch.from_numpy(np.concatenate(features)), torch.from_numpy(np.concatenate(places))


def _learned_from(session: Session, listener: SpeechModel) -> tuple[np.ndarray, np.ndarray]:
    features, talking = affect_features(session.wave, listener, len(session.affect))
    chosen = np.arange(0, len(features), _EVERY)
    chosen = chosen[talking[chosen] > _TALKING]
    return features[chosen], session.affect[chosen]
