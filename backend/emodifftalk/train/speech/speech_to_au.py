"""Stage 1 (EmoDiffTalk 3.4): speech to AU, Equations 21 to 23, on synthetic labelled speech."""

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
from ...core.facs import AU_INDEX, AU_NAMES, FPS
from ...core.watch import UNWATCHED, Watch
from ...data.speech.corpus import generate
from ...data.speech.prosody import STATES
from ...data.speech.synthesizers import PHONEMES, SAMPLE_RATE, Utterance
from ...data.speech.visemes import viseme_targets
from ...speech.audio import level
from ...speech.encoder import (
    SpeechModel,
    SpeechToAU,
    fit_steps,
    load_speech_to_au,
    read_speech_model,
    save_speech_model,
)
from ...speech.frontends import FLOOR, EmbeddedFrontEnd, HubertFrontEnd
from ..shared.early_stopping import EarlyStopping
from ..shared.half_precision import half_precision
from .report import evaluate_speech_to_au

LAMBDA_REG, LAMBDA_TEMP = 1.0, 0.1  # Equation 23
LAMBDA_PHONEME = 0.3  # ours: the front end learns sounds
LAMBDA_STATE = 0.3  # ours: the encoder learns which feeling a voice carries
LAMBDA_ANCHOR = 0.3  # ours: training further keeps the features readable for a motion model trained on the old ones
LAMBDA_BRIDGE = 1.0  # ours: a foreign front end also learns to speak to the motion model
_CLIP = 4.0  # seconds per training sample
_MOUTH = [AU_INDEX["AU24"], AU_INDEX["AU25"], AU_INDEX["AU26"]]
_FELT = sorted({AU_INDEX[name] for state in STATES.values() for name in state.aus})
_VALIDATIONS, _PATIENCE = 30, 10  # measurements on unseen utterances, and how many may pass without a gain


@dataclass(frozen=True)
class SpeechSettings:
    """How long speech to AU is trained, on how much, and what of it.

    minutes: of wall time, at most.
    seed: of the sentences, the first weights and the order of the batches.
    utterances: sentences synthesised first.
    batch: clips of 4 s in a step.
    front_end: `embedded` is trained together with its encoder; `hubert` stays as it is, and only the encoder and the
        bridge to the motion model's features are trained (the embedded model must exist).
    start: an embedded model to train further.
    anchored: hold the features of `start` near where they are, so that a motion model trained on them still reads them.
    """

    minutes: float = 14.0
    seed: int = 0
    utterances: int = 3200
    batch: int = 12
    front_end: str = "embedded"
    start: str | os.PathLike | None = None
    anchored: bool = True


def train_speech_to_au(
    out: str | os.PathLike,
    settings: SpeechSettings = SpeechSettings(),
    watch: Watch = UNWATCHED,
) -> dict:
    """Train the model, write it, return the held-out report of `report.evaluate`.

    A fiftieth of the utterances is kept for validation; the weights that do best on it are written, as soon as they are
    found, and training ends early when they have not become better for a third of the time. Raises UserError when
    synthesizers or weights are missing, Cancelled.
    """
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    learner = _Learner(settings.front_end, settings.start, settings.anchored)
    corpus, unseen = _spoken(settings, watch.part(0.0, 0.1))
    rate = 1e-3 if settings.start is None else 7e-4
    optimizer = torch.optim.AdamW(learner.parameters(), lr=rate, weight_decay=0.01)
    stopping = EarlyStopping(patience=_PATIENCE, higher_is_better=False)
    began, step, average, validated = time.monotonic(), 0, 0.0, 0

    def validate() -> None:
        if stopping.better(_validation(learner, unseen, settings.batch)):
            data = f"{settings.utterances} synthetic utterances, espeak-ng and flite"
            save_speech_model(Path(out), learner.model(), learner.about(data, settings.seed, step))

    while (elapsed := (time.monotonic() - began) / (60 * settings.minutes)) < 1 and not stopping.stop:
        watch.check()
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * elapsed)) + 1e-6
        loss = _learn(learner, optimizer, _batch(corpus, settings.batch, rng), rng)
        step += 1
        average = loss if step == 1 else 0.98 * average + 0.02 * loss
        if step % 20 == 0:
            watch.say(0.1 + 0.9 * elapsed, f"step {step}, loss {average:.4f}, unseen {stopping.best or 0:.4f}")
        if elapsed * _VALIDATIONS > validated + 1:
            validated = int(elapsed * _VALIDATIONS)
            validate()
    validate()
    best = read_speech_model(Path(out), learner.front_end)
    return {"steps": step, "loss": average, "unseen": stopping.best, **evaluate_speech_to_au(best)}


def _spoken(settings: SpeechSettings, watch: Watch) -> tuple[list, list]:
    """Labelled utterances to learn from, and the fiftieth that is kept for validation."""
    corpus = []
    for i, utterance in enumerate(generate(settings.utterances, settings.seed)):
        corpus.append(_labelled(utterance))
        watch.say(i / settings.utterances, "Speaking the training sentences")
        watch.check()
    held_back = max(1, settings.utterances // 50)
    return corpus[held_back:] or corpus, corpus[:held_back]


def _learn(
    learner: _Learner, optimizer: torch.optim.Optimizer, batch: tuple[torch.Tensor, ...], rng: np.random.Generator
) -> float:
    """One step; returns the loss."""
    learner.train()
    waves, aus, classes, states = batch
    with half_precision():
        loss = learner.loss(waves, aus, classes, states, rng)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
    optimizer.step()
    return loss.item()


@torch.inference_mode()
def _validation(learner: _Learner, unseen: list, batch: int) -> float:
    """Equation 23 alone on utterances never trained on: growing too sure of a state is no worse a face."""
    learner.eval()
    rng = np.random.default_rng(0)
    losses = []
    for i in range(0, len(unseen), batch):
        waves, aus, classes, _ = _stack([_clip(sample, rng) for sample in unseen[i : i + batch]])
        features = fit_steps(learner.front_end(waves), classes.shape[1])
        losses.append(au_loss(learner.encoder(features), aus).item())
    return float(np.mean(losses))


class _Learner:
    """What is trained: the embedded front end and its encoder, or an encoder and a bridge for HuBERT.

    anchor: the embedded front end as it was, near which the features are held; None to let them go.
    bridge, teacher: from a foreign front end's features to those of the embedded one; None without a foreign one.
    states: the head that hears which feeling a voice carries; only training needs it.
    """

    def __init__(self, front_end: str, start: str | os.PathLike | None = None, anchored: bool = True) -> None:
        self.steps_before, self.before = 0, "nothing"
        self.front_end: EmbeddedFrontEnd | HubertFrontEnd
        self.anchor: EmbeddedFrontEnd | None = None
        self.bridge: nn.Linear | None = None
        self.teacher: nn.Module | None = None
        if start is not None:
            self.front_end = embedded = EmbeddedFrontEnd()
            self.encoder = read_speech_model(Path(start), embedded).encoder
            self.states = nn.Linear(self.encoder.codes.in_features, 1 + len(STATES))
            self.anchor = copy.deepcopy(embedded).requires_grad_(False) if anchored else None
            about = tensors.TensorFile(start).metadata
            self.steps_before = int(about.get("steps", 0))
            self.before = f"{about.get('data', 'unknown')}, seed {about.get('seed', 'unknown')}"
            return
        if front_end == "hubert":
            self.front_end, self.teacher = HubertFrontEnd.load(), load_speech_to_au("embedded").front_end
            self.bridge = nn.Linear(self.front_end.dim, EmbeddedFrontEnd.dim)
        else:
            self.front_end = EmbeddedFrontEnd()
        self.encoder = SpeechToAU(self.front_end.dim)
        self.states = nn.Linear(self.encoder.codes.in_features, 1 + len(STATES))

    def parameters(self) -> list[nn.Parameter]:
        trained = self.front_end if self.bridge is None else self.bridge
        return [*trained.parameters(), *self.encoder.parameters(), *self.states.parameters()]

    def model(self) -> SpeechModel:
        return SpeechModel(self.front_end, self.encoder, self.bridge)

    def about(self, data: str, seed: int, steps: int) -> dict[str, str]:
        """What is written beside the weights."""
        return {
            "data": data,
            "seed": str(seed),
            "steps": str(steps + self.steps_before),
            "trained_before": self.before,
            "licence": "GPL-3.0-or-later",
        }

    def train(self) -> None:
        self.encoder.train()
        if self.bridge is None:
            self.front_end.train()

    def eval(self) -> None:
        self.encoder.eval()
        self.front_end.eval()

    def loss(
        self,
        waves: torch.Tensor,
        aus: torch.Tensor,
        classes: torch.Tensor,
        states: torch.Tensor,
        rng: np.random.Generator | None = None,
    ) -> torch.Tensor:
        """Equation 23 plus our own terms. waves (B, S), aus (B, T, 17); classes, states (B, 2 T) at 50 per second:
        phonemes, and the state spoken in (-1 in silence).

        With `rng` the embedded front end hears through strange microphones, with holes in the spectrum.
        """
        steps = classes.shape[1]
        if isinstance(self.front_end, EmbeddedFrontEnd):
            energies = self.front_end.mel(waves)
            heard = energies if rng is None else _coloured(energies, rng)
            features = fit_steps(self.front_end.listen(heard), steps)
            sounds = nn.functional.cross_entropy(self.front_end.phonemes(features).mT, classes)
            loss = self._encoder_loss(features, aus, states) + LAMBDA_PHONEME * sounds
            if self.anchor is not None:
                with torch.no_grad():
                    held = fit_steps(self.anchor.listen(energies), steps)
                loss = loss + LAMBDA_ANCHOR * (features - held).square().mean()
            return loss
        if self.bridge is None or self.teacher is None:
            raise ValueError("a foreign front end is trained with its bridge and a teacher")
        with torch.no_grad():
            features = fit_steps(self.front_end(waves), steps)
            wanted = fit_steps(self.teacher(waves), steps)
        # HuBERT stays as it is; a linear bridge learns to say the embedded front end's features from its own.
        loss = self._encoder_loss(features, aus, states)
        return loss + LAMBDA_BRIDGE * (self.bridge(features) - wanted).square().mean()

    def _encoder_loss(self, features: torch.Tensor, aus: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        x = self.encoder.understand(features)
        balance = torch.ones(1 + len(STATES)).index_fill_(0, torch.tensor(0), 0.3)  # calm is most of what is said
        felt = nn.functional.cross_entropy(self.states(x).mT.float(), states, balance, ignore_index=-1)
        return au_loss(self.encoder.read(x), aus) + LAMBDA_STATE * torch.nan_to_num(felt)


def _coloured(energies: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Log-mel energies (B, 80, T) as other throats and microphones give them; silence stays silence.

    Each row is shifted by up to two bands along the mel axis, a smooth curve is added over its bands, and now and
    then up to ten neighbouring bands are missing.
    """
    floor = (math.log(FLOOR) + 2.0) / 4.0
    rows = []
    for row in energies:
        shift = int(rng.integers(-2, 3))
        # Energy over the floor, shifted along the mel axis as another throat would; bands that roll in are emptied.
        above = torch.roll(row, shift, 0) - floor
        if shift:
            above[: max(shift, 0)] = 0
            above[len(above) + min(shift, 0) :] = 0
        # A microphone: five random gains, joined by straight lines over the 80 bands, only where there is sound.
        knots = torch.from_numpy(rng.normal(0, 0.12, (1, 1, 5)).astype(np.float32))
        curve = nn.functional.interpolate(knots, row.shape[0], mode="linear", align_corners=True)[0, 0]
        above = (above + curve[:, None] * (above > 0.05)).clamp(min=0)
        if rng.random() < 0.25:
            first = int(rng.integers(0, row.shape[0] - 10))
            above[first : first + int(rng.integers(3, 11))] = 0
        rows.append(above + floor)
    return torch.stack(rows)


def au_loss(predicted: torch.Tensor, aus: torch.Tensor) -> torch.Tensor:
    """Equations 21 to 23 for codes (B, T, 17), means over batch and time, sums over AU."""
    # Weights (B, T, 17): 5 in closures, 2 on what opens the mouth, 1.5 more where a feeling is.
    # Closures are short and rare, and what a viewer forgives least.
    weight = 1.0 + 4.0 * (aus[..., AU_INDEX["AU24"], None] > 0.2)
    weight = weight * torch.ones(len(AU_NAMES)).index_fill_(0, torch.tensor(_MOUTH), 2.0)
    # A median of mostly calm speech would be calm: what a voice carries counts where it is.
    felt = torch.zeros(len(AU_NAMES)).index_fill_(0, torch.tensor(_FELT), 1.5)
    weight = weight + felt * (aus > 0.03)
    predicted = predicted.float()
    regression = (weight * (predicted - aus).abs()).sum(dim=-1).mean()  # Equation 21
    temporal = ((predicted[:, 1:] - predicted[:, :-1]) ** 2).sum(dim=-1).mean()  # Equation 22
    return LAMBDA_REG * regression + LAMBDA_TEMP * temporal


def _labelled(utterance: Utterance) -> tuple[np.ndarray, ...]:
    """Samples, AU targets (T, 17), phoneme classes (2 T,) and states (2 T,) of one utterance, -1 in silence."""
    frames = math.ceil(len(utterance.wave) / SAMPLE_RATE * FPS)
    aus, _ = viseme_targets(utterance, frames)
    names = {name for name, _ in utterance.feeling}
    state = next((i for i, one in enumerate(STATES.values(), 1) if set(one.aus) == names), 0)
    classes, states = np.zeros(2 * frames, np.int64), np.full(2 * frames, -1)
    for phoneme in utterance.phonemes:
        first, last = round(phoneme.start * 2 * FPS), round(phoneme.end * 2 * FPS)
        classes[first:last] = PHONEMES.index(phoneme.symbol)
        if phoneme.symbol != "pau":
            states[first:last] = state
    wave = np.zeros(frames * SAMPLE_RATE // FPS, np.float32)
    wave[: len(utterance.wave)] = level(utterance.wave)
    return wave, aus, classes, states


def _batch(corpus: list, size: int, rng: np.random.Generator) -> tuple[torch.Tensor, ...]:
    """`size` random clips; loudness varies, and true silence belongs to the world too."""
    clips = [_clip(corpus[rng.integers(len(corpus))], rng) for _ in range(size)]
    clips = [(wave * np.float32(10 ** rng.uniform(-0.25, 0.25)), *labels) for wave, *labels in clips]
    if rng.random() < 0.1:
        clips[0] = (*(np.zeros_like(part) for part in clips[0][:3]), np.full_like(clips[0][3], -1))
    return _stack(clips)


def _clip(sample: tuple[np.ndarray, ...], rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """`_CLIP` seconds from anywhere in a labelled utterance, silence after its end."""
    frames, per_frame = round(_CLIP * FPS), SAMPLE_RATE // FPS
    start = int(rng.integers(0, max(1, len(sample[1]) - frames + 1)))
    cuts = []
    for part, rate, silent in zip(sample, (per_frame, 1, 2, 2), (0, 0, 0, -1), strict=True):
        cut = part[start * rate : (start + frames) * rate]
        cuts.append(np.concatenate([cut, np.full((frames * rate - len(cut), *part.shape[1:]), silent, part.dtype)]))
    return tuple(cuts)


def _stack(clips: list[tuple[np.ndarray, ...]]) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(np.stack(parts)) for parts in zip(*clips, strict=True))
