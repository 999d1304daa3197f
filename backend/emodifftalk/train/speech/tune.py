"""Stage 1 for one subject: the shipped speech model, tuned to recordings of this person whose action units are known.

Speech to AU is learned from many voices, and the shipped model knows them. What a person's own recordings add is how
this person speaks: how far the jaw drops, how much the brows take part. Half of every batch is synthetic speech, so
that nothing known is lost, and the features are held where they are, because the motion model reads them. A recording
that is never trained on says when to stop, and whether the shipped model was better after all.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from ...core.facs import AU_NAMES, FPS
from ...core.watch import UNWATCHED, Watch
from ...data.speech.corpus import generate
from ...data.speech.recordings import SpeechRecording
from ...data.speech.synthesizers import SAMPLE_RATE, missing_synthesizers
from ...data.speech.visemes import viseme_targets
from ...speech.audio import level
from ...speech.encoder import SpeechModel, fit_steps, load_speech_to_au
from ..shared.early_stopping import EarlyStopping
from .report import measured_speech
from .speech_to_au import LAMBDA_ANCHOR, au_loss

PATIENCE = 6
_EVERY = 20
"""Steps between two measurements on the held-back recording."""
_CLIP = 4.0  # seconds per training sample
_BATCH = 8
_RATE = 2e-4
_LEAST_GAIN = 2e-4
_SYNTHETIC = 80
_PART = 0.2
"""Share of the only recording that is held back, when there is just one."""


def tune_speech(
    recordings: list[SpeechRecording],
    minutes: float = 4.0,
    seed: int = 0,
    watch: Watch = UNWATCHED,
) -> tuple[SpeechModel | None, dict]:
    """The embedded model tuned for at most `minutes` of wall time, None when the shipped one is better; and a report.

    The report's `curve` is of (step, loss, mean AU error on what is held back). Action units nobody measured (NaN) are
    left as the model says them. Raises UserError without a speech model, Cancelled.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    train, held_back = _split(recordings)
    shipped = load_speech_to_au("embedded")
    model = SpeechModel(copy.deepcopy(shipped.front_end), copy.deepcopy(shipped.encoder))
    spoken = [(level(one.wave), one.aus) for one in train]
    synthetic = [] if missing_synthesizers() else _synthetic(seed, watch.part(0.0, 0.1))
    stopping = EarlyStopping(PATIENCE, higher_is_better=False, least=_LEAST_GAIN)
    best, curve = _fit(
        model, shipped, lambda: _batch(spoken, synthetic, rng), held_back, stopping, minutes, watch.part(0.1, 1.0)
    )
    report = {
        "recordings": len(recordings),
        "seconds_of_speech": round(sum(one.seconds for one in recordings), 1),
        "held_back": ", ".join(one.name for one in held_back),
        "error_of_shipped": curve[0][2],
        "error": curve[0][2] if stopping.best is None else round(stopping.best, 5),
        "steps": curve[-1][0],
        "stopped_early": stopping.stop,
        "mixed_with_synthetic_speech": bool(synthetic),
        "curve": curve,
    }
    if best is None:
        return None, report
    for part, state in zip((model.front_end, model.encoder), best, strict=True):
        part.load_state_dict(state)
    return model, report


def _fit(
    model: SpeechModel,
    shipped: SpeechModel,
    draw: Callable[[], tuple[torch.Tensor, torch.Tensor]],
    held_back: list[SpeechRecording],
    stopping: EarlyStopping,
    minutes: float,
    watch: Watch,
) -> tuple[list[dict] | None, list[tuple[int, float | None, float]]]:
    """Train `model` on batches that `draw` gives until `stopping` says so or time is over.

    Returns the best states of front end and encoder, None when no step was better than the shipped model; and a curve
    of (step, loss, mean AU error on what is held back), whose first row is the shipped model's. Raises Cancelled.
    """
    parameters = [*model.front_end.parameters(), *model.encoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=0.01)
    before = _error(shipped, held_back)
    stopping.better(before)
    best: list[dict] | None = None
    curve: list[tuple[int, float | None, float]] = [(0, None, round(before, 5))]
    step, losses = 0, list[float]()
    began = time.monotonic()
    while not stopping.stop:
        watch.check()
        losses.append(_learn(model, shipped, optimizer, draw()))
        step, elapsed = step + 1, (time.monotonic() - began) / (60 * minutes)
        if step % _EVERY == 0 or elapsed >= 1:
            error = _error(model, held_back)
            curve.append((step, round(float(np.mean(losses)), 5), round(error, 5)))
            losses = []
            if stopping.better(error):
                best = [copy.deepcopy(part.state_dict()) for part in (model.front_end, model.encoder)]
            watch.say(min(elapsed, 1.0), f"step {step}, AU error on what is held back {error:.4f}")
        if elapsed >= 1:
            break
    return best, curve


def synthetic_figures(model: SpeechModel, sentences: int = 10) -> dict:
    """How well a model listens to unseen sentences by the synthetic voice slt, which no training has heard.

    mae: mean AU error.
    correlation: of AU25 + AU26 with the truth.
    closure, closures: share of p, b and m at which the lips close, and how many there are.
    leaks: share of frames at rest with an open mouth.

    Empty when no synthesizer is installed.
    """
    if missing_synthesizers():
        return {}
    measured = measured_speech(model, generate(sentences, 0, "test"))
    figures = {name: measured[name] for name in ("correlation", "closure", "closures", "leaks")}
    return {"mae": round(float(np.mean(list(measured["mae"].values()))), 4), **figures}


def _split(recordings: list[SpeechRecording]) -> tuple[list[SpeechRecording], list[SpeechRecording]]:
    """Trained on, and held back: the last recording, or the end of the only one."""
    if len(recordings) > 1:
        return recordings[:-1], recordings[-1:]
    only = recordings[0]
    cut = max(1, round((1 - _PART) * len(only.aus)))
    at = cut * SAMPLE_RATE // FPS
    return (
        [SpeechRecording(only.name, only.wave[:at], only.aus[:cut])],
        [SpeechRecording(f"the end of {only.name}", only.wave[at:], only.aus[cut:])],
    )


def _synthetic(seed: int, watch: Watch) -> list[tuple[np.ndarray, np.ndarray]]:
    corpus = []
    for i, utterance in enumerate(generate(_SYNTHETIC, seed)):
        watch.check()
        frames = max(1, len(utterance.wave) * FPS // SAMPLE_RATE)
        corpus.append((level(utterance.wave), viseme_targets(utterance, frames)[0]))
        watch.say(i / _SYNTHETIC, "Speaking training sentences to mix in")
    return corpus


def _error(model: SpeechModel, recordings: list[SpeechRecording]) -> float:
    """Mean error of the AU that were measured, 0..1."""
    errors = [np.abs(model.predict(one.wave, len(one.aus)).aus - one.aus) for one in recordings]
    return float(np.nanmean(np.concatenate(errors)))


def _batch(spoken: list, synthetic: list, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples (B, S) and AU codes (B, T, 17), NaN where nobody knows them."""
    frames, hop = round(_CLIP * FPS), SAMPLE_RATE // FPS
    waves = np.zeros((_BATCH, frames * hop), np.float32)
    aus = np.zeros((_BATCH, frames, len(AU_NAMES)), np.float32)
    for row in range(_BATCH):
        source = synthetic if synthetic and row % 2 else spoken
        wave, codes = source[rng.integers(len(source))]
        start = int(rng.integers(0, max(1, len(codes) - frames + 1)))
        count = min(frames, len(codes) - start)
        # Louder or quieter by up to 5 dB: how near the microphone stood says nothing of the face.
        piece = wave[start * hop : (start + count) * hop] * 10 ** rng.uniform(-0.25, 0.25)
        waves[row, : len(piece)], aus[row, :count] = piece, codes[start : start + count]
    return torch.from_numpy(waves), torch.from_numpy(aus)


def _learn(model: SpeechModel, teacher: SpeechModel, optimizer, batch: tuple[torch.Tensor, torch.Tensor]) -> float:
    waves, aus = batch
    steps = 2 * aus.shape[1]
    features = fit_steps(model.front_end(waves), steps)
    with torch.no_grad():
        held = fit_steps(teacher.front_end(waves), steps)
    predicted = model.encoder(features)
    # What nobody measured is no error, whatever is said there.
    wanted = torch.where(aus.isnan(), predicted.detach(), aus)
    # Equation 23 and the anchor: features stay near the shipped ones, which the motion model was trained to read.
    loss = au_loss(predicted, wanted) + LAMBDA_ANCHOR * (features - held).square().mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], 1.0)
    optimizer.step()
    return float(loss.detach())
