"""Subject + Performance → Take: the whole road of the paper, one stage after the other.

voice → speech features and AU codes (3.2) → emotion edit (3.3, Equation 7) → facial point offsets by diffusion
(Equation 4) → rotation and opacity per Gaussian (Equations 5, 6) → one take file.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import __version__
from .appearance.decoder import AppearanceDecoder
from .core.errors import Cancelled
from .core.facs import AU_NAMES, FPS
from .core.performance import (
    Performance,
    frame_times,
    prompt_weights,
    sample_curve,
    to_json,
)
from .core.subject import Subject, file_hash, load_subject
from .core.take import pack_opacities, pack_rotations, save_take
from .emotion import edit
from .emotion.affect import affect_offsets
from .emotion.controller import load_text_to_au
from .motion.generate import load_motion
from .speech.blinks import add_blinks
from .speech.encoder import load_speech_to_au
from .speech.voice import assemble_voice

Progress = Callable[[float, str, str], None]
"""Called with (fraction 0..1, stage, sentence)."""

_SHARES = {"speech": 0.15, "emotion": 0.1, "motion": 0.5, "appearance": 0.2, "saving": 0.05}


@dataclass(frozen=True)
class Settings:
    """Which models perform: front_end `auto|embedded|hubert`, text_encoder `auto|embedded|openclip`, motion
    `diffusion|gru`, steps of DDIM sampling."""

    front_end: str = "auto"
    text_encoder: str = "auto"
    motion: str = "diffusion"
    steps: int = 10


@dataclass(frozen=True)
class Report:
    """What was done: path of the take, frames, seconds of wall time per stage, the models' own names."""

    take: Path
    frames: int
    stages: dict[str, float]
    models: dict[str, str]


class _Run:
    """Times the stages, reports progress across them and notices a cancel between two steps."""

    def __init__(self, progress: Progress | None, cancelled: Callable[[], bool] | None) -> None:
        self._progress = progress or (lambda fraction, stage, text: None)
        self.cancelled = cancelled or (lambda: False)
        self.stages: dict[str, float] = {}
        self._stage, self._since = "", time.perf_counter()

    def begin(self, stage: str, text: str) -> None:
        self.close()
        self._stage, self._since = stage, time.perf_counter()
        self.inside(0.0, text)

    def inside(self, fraction: float, text: str = "") -> None:
        if self.cancelled():
            raise Cancelled
        names = list(_SHARES)
        before = sum(_SHARES[name] for name in names[: names.index(self._stage)])
        self._progress(before + _SHARES[self._stage] * min(max(fraction, 0.0), 1.0), self._stage, text)

    def close(self) -> None:
        if self._stage:
            self.stages[self._stage] = time.perf_counter() - self._since


def perform(
    subject_path: str | os.PathLike,
    performance: Performance,
    out: str | os.PathLike,
    settings: Settings = Settings(),
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Report:
    """Perform and write the take to `out` (nothing is written when cancelled or failed).

    Raises UserError for anything a person can mend, Cancelled when `cancelled()` turned true.
    """
    run = _Run(progress, cancelled)
    run.begin("speech", "Listening to the voice")
    subject = load_subject(subject_path)
    wave, seconds = assemble_voice(performance)
    frames = max(1, math.ceil(round(seconds * FPS, 6)))
    speech = load_speech_to_au(settings.front_end)
    track = speech.predict(wave, frames, progress=run.inside)
    voice_aus = add_blinks(track.aus, wave, performance.seed)

    run.begin("emotion", "Reading the prompts")
    aus, text_encoder = edited_track(voice_aus, performance, settings.text_encoder)

    run.begin("motion", "Moving the face")
    motion = load_motion(kind=settings.motion)
    offsets = motion.generate(
        subject.template.neutral,
        aus,
        track.features,
        seed=performance.seed,
        steps=settings.steps,
        progress=run.inside,
        cancelled=run.cancelled,
    )

    run.begin("appearance", "Turning and shading the Gaussians")
    rotations, opacities = _appearance(subject, aus, offsets, run)

    run.begin("saving", "Saving the take")
    models = {
        "front_end": speech.name,
        "text_encoder": text_encoder,
        "motion": f"{settings.motion}, {settings.steps} steps" if settings.motion == "diffusion" else settings.motion,
    }
    subject_hash = file_hash(subject_path)
    metadata = {
        "seed": str(performance.seed),
        "subject": subject.name,
        "subject_hash": subject_hash,
        "inputs_hash": inputs_hash(subject_hash, performance, wave, models),
        "models": json.dumps(models),
        "version": __version__,
    }
    save_take(out, aus, voice_aus, offsets, rotations, opacities, metadata)
    run.inside(1.0, "Done")
    run.close()
    return Report(Path(out), frames, run.stages, models)


def edited_track(aus: np.ndarray, performance: Performance, text_encoder: str = "auto") -> tuple[np.ndarray, str]:
    """The AU track (T, 17) after prompts, valence/arousal and AU offset curves, and the name of the text encoder used.

    Raises UserError when a prompt needs a text encoder that is not there.
    """
    times, style = frame_times(len(aus)), performance.style
    vectors, name = _prompt_vectors(performance, text_encoder)
    aus = edit.apply_emotion(
        aus,
        vectors,
        prompt_weights(performance, times),
        mode=style.mode,
        alpha=style.alpha,
        beta=style.beta,
        expressiveness=style.expressiveness,
        lip_sync=style.lip_sync,
        mood=affect_offsets(sample_curve(performance.valence, times), sample_curve(performance.arousal, times)),
    )
    for i, au in enumerate(AU_NAMES):
        if au in performance.au_offsets:
            aus[:, i] += sample_curve(performance.au_offsets[au], times)
    return aus.clip(0, 1).astype(np.float32), name


def _prompt_vectors(performance: Performance, text_encoder: str) -> tuple[np.ndarray, str]:
    vectors = np.zeros((len(performance.prompts), len(AU_NAMES)), np.float32)
    worded = [i for i, prompt in enumerate(performance.prompts) if prompt.aus is None and prompt.text.strip()]
    name = "none: no prompt had words to read"
    if worded:
        controller = load_text_to_au(text_encoder)
        name = controller.name
        vectors[worded] = controller.intensities([performance.prompts[i].text for i in worded])
    for i, prompt in enumerate(performance.prompts):
        if prompt.aus is not None:
            vectors[i] = [prompt.aus.get(au, 0.0) for au in AU_NAMES]
    return vectors, name


def _appearance(
    subject: Subject, aus: np.ndarray, offsets: np.ndarray, run: _Run
) -> tuple[np.ndarray, np.ndarray]:
    # Packed frame by frame: a ten-minute shot of full-precision rotations would not fit in memory.
    decoder = AppearanceDecoder.from_subject(subject)
    rotations = np.empty((len(aus), subject.n_face, 4), np.int8)
    opacities = np.empty((len(aus), subject.n_face), np.uint8)
    for i in range(len(aus)):
        turned, alphas = decoder.decode(aus[i], offsets[i])
        rotations[i], opacities[i] = pack_rotations(turned), pack_opacities(alphas)
        run.inside((i + 1) / len(aus))
    return rotations, opacities


def inputs_hash(subject_hash: str, performance: Performance, wave: np.ndarray, models: dict[str, str]) -> str:
    """SHA-256 over everything a take depends on: subject, voice samples, performance and models."""
    data = to_json(performance)
    for strip in data["voice"]:
        strip.pop("path")  # the samples count, not where they lie
    for prompt in data["prompts"]:
        prompt.pop("id")
    digest = hashlib.sha256(subject_hash.encode())
    digest.update(json.dumps([data, models, __version__], sort_keys=True).encode())
    digest.update(np.ascontiguousarray(wave, np.float32).tobytes())
    return digest.hexdigest()


