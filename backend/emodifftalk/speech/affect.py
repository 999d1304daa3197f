"""What a voice tells about feeling: valence and arousal over time, for whoever wants to mix them in.

The shipped speech model listens and stays as it is; pitch, loudness, timbre and speaking rate are measured beside it.
Statistics of both over a few seconds, and how they differ from what this recording usually does, go through a small
network. A high voice is no excited one: pitch counts against what this speaker usually does. Trained on
synthetic voices only (docs/science/voice-feeling.md).
"""

from __future__ import annotations

import json
import math
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import convolve1d, gaussian_filter1d, median_filter
from torch import nn

from ..core import tensors
from ..core.checks import expect, expect_format
from ..core.errors import UserError
from ..core.facs import FPS
from .audio import SAMPLE_RATE, heard, level
from .encoder import SpeechModel, fit_steps, load_speech_to_au
from .frontends import FEATURE_RATE, EmbeddedFrontEnd
from .pitch import track_pitch

SCHEMA = 1
MODEL = Path(__file__).parent.parent / "models" / "voice_affect.safetensors"
_BANDS = 10
MEASURES = ("pitch", "pitch_moves", "tremor", "breath", "crest", *(f"band_{i}" for i in range(_BANDS)), "loudness",
            "periodic", "voiced", "changes", "openings")  # fmt: skip
_IN_VOWELS = 5 + _BANDS
"""How many of them, the first ones, mean something in vowels only."""
UNDERSTOOD = 160
"""Width of what the speech model's layers make of a sound."""
FEATURES = 3 * len(MEASURES) + UNDERSTOOD
_CHUNK, _MARGIN = 24 * FPS, 2 * FPS  # frames
_STEPS = FEATURE_RATE // FPS
_PER_FRAME = SAMPLE_RATE // FPS
_NEAR, _USUAL = 4.0, 30.0
"""Seconds of the windows of a mood, and of what is usual for whom is heard."""
_VOICED = 0.6  # periodicity of a vowel
_ENOUGH = 0.5  # seconds of speech within `_NEAR` that are believed fully
_STRAY = 0.05  # seconds of speech within `_NEAR` that are no speech
_FADE = 17.0  # frames: a standard deviation that keeps any step under 2 / (17 √(2 π)) = 0.047

_FIRST_VOWEL = 25  # of the sounds the embedded front end was taught to tell apart; 0 is no sound
_ASTRAY = 9.0  # semitones from what is usual beyond which a pitch is taken for its octave


class AffectNet(nn.Module):
    """Features (B, FEATURES) → valence and arousal (B, 2), -1..1. Centre and scale of the features are part of it."""

    centre: torch.Tensor
    scale: torch.Tensor

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(FEATURES))
        self.register_buffer("scale", torch.ones(FEATURES))
        self.layers = nn.Sequential(
            nn.Linear(FEATURES, width), nn.GELU(), nn.Dropout(0.3), nn.Linear(width, width), nn.GELU(),
            nn.Dropout(0.2), nn.Linear(width, 2),
        )  # fmt: skip

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        # A sound unlike any in training must not count without bound.
        return torch.tanh(self.layers(((features - self.centre) / self.scale).clamp(-4, 4)))


class VoiceAffect:
    """The network and the speech model whose understanding it reads."""

    def __init__(self, network: AffectNet, listener: SpeechModel) -> None:
        self.network, self._listener = network.eval(), listener

    @torch.inference_mode()
    def estimate(self, wave: np.ndarray, frames: int | None = None) -> np.ndarray:
        """Valence and arousal (T, 2) float32, -1..1, at 25 fps of a recording (S,) at 16 kHz.

        `frames` is T, by default ceil(seconds × 25). Exactly 0 where nothing was heard for seconds, faint where nobody
        seems to speak; pauses of a second or two hold the mood. No step from frame to frame is over 0.05. Raises
        UserError when the samples are not one row of finite numbers.
        """
        features, speaking = affect_features(wave, self._listener, frames)
        feelings = self.network(torch.from_numpy(features)).numpy()
        return _fade(feelings * speaking[:, None]).astype(np.float32)


@torch.inference_mode()
def affect_features(
    wave: np.ndarray, listener: SpeechModel, frames: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What the network is given: features (T, FEATURES) float32, and whether somebody speaks around here (T,), 0..1.

    Raises UserError when the samples are not one row of finite numbers.
    """
    wave = np.asarray(wave, np.float32)
    if wave.ndim != 1 or not np.isfinite(wave).all():
        raise UserError("The voice must be one channel of finite samples: load it with load_audio.")
    frames = frames or max(1, math.ceil(round(len(wave) / SAMPLE_RATE * FPS, 6)))
    leveled = level(wave)[: frames * _PER_FRAME]
    whole = np.zeros((frames + 2 * _MARGIN) * _PER_FRAME, np.float32)
    whole[_MARGIN * _PER_FRAME :][: len(leveled)] = leveled
    pieces = []
    for start in range(0, frames, _CHUNK):
        count = min(_CHUNK, frames - start)
        piece = whole[start * _PER_FRAME : (start + count + 2 * _MARGIN) * _PER_FRAME]
        inner = slice(_MARGIN * _STEPS, (_MARGIN + count) * _STEPS)
        pieces.append([part[inner] for part in _measure(piece, listener, (count + 2 * _MARGIN) * _STEPS)])
    pitch, voiced, measures, speech, understood = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    speech = speech * np.repeat(heard(leveled, frames, FPS), _STEPS)
    measures = np.concatenate([_movement(pitch, voiced * speech), measures], axis=1)
    return _statistics(measures, voiced * speech, speech, understood)


def _measure(piece: np.ndarray, listener: SpeechModel, steps: int) -> tuple[np.ndarray, ...]:
    """At 50 per second: pitch in semitones (L,), whether it is a vowel (L,), the other measures (L, M), whether it
    is speech (L,), 0..1, and what the speech model makes of it (L, UNDERSTOOD)."""
    front_end = listener.front_end
    assert isinstance(front_end, EmbeddedFrontEnd)  # `read_voice_affect` loads no other
    energies = front_end.mel(torch.from_numpy(piece)[None])
    features = fit_steps(front_end.listen(energies), steps)
    sounds = front_end.phonemes(features)[0].softmax(dim=-1).numpy()
    understood = listener.encoder.understand(features)[0].float().numpy()
    mel = 4 * energies[0, :, : 2 * steps].view(80, steps, 2).mean(dim=2).numpy()  # natural logarithm
    bands = mel.reshape(_BANDS, -1, steps).mean(axis=1)
    pitch, periodic, breath = track_pitch(piece)
    voiced = ((periodic - _VOICED) / 0.2).clip(0, 1)
    samples = np.abs(piece.reshape(steps, -1))
    # Peak over root mean square within a step: high for pulses of a pressed voice, low for breath.
    crest = np.log((samples.max(axis=1) + 1e-4) / (np.sqrt((samples**2).mean(axis=1)) + 1e-4))
    # Of the probabilities of sounds (L, 41): how much of a vowel begins, and how much changes at all, which is the
    # speaking rate without any syllable being counted.
    openings = np.diff(sounds[:, _FIRST_VOWEL:].sum(axis=1), prepend=0).clip(0)
    changes = np.abs(np.diff(sounds, axis=0, prepend=sounds[:1])).sum(axis=1)
    loudness = np.log(np.exp(mel).sum(axis=0))
    measures = [breath, crest, *(bands - bands.mean(axis=0)), loudness, periodic, voiced, changes, openings]
    return pitch, voiced, np.stack(measures, axis=1), 1 - sounds[:, 0], understood


def _movement(pitch: np.ndarray, vowels: np.ndarray) -> np.ndarray:
    """Pitch (L, 3) of vowels without its octave errors, how far it goes in 60 ms, and how it trembles, in semitones."""
    # The mean pitch of half a minute, 25 a second, repeated to 50. Farther than _ASTRAY from it, a pitch is an octave
    # off: twelve semitones back.
    usual = np.repeat(_windowed(pitch[:, None], vowels[:, None], _USUAL)[0][:, 0], _STEPS)
    pitch = pitch - 12 * np.sign(pitch - usual) * (np.abs(pitch - usual) > _ASTRAY)
    smooth = median_filter(pitch, 9)
    before = np.maximum(np.arange(len(pitch)) - 3, 0)
    return np.stack([smooth, np.abs(smooth - smooth[before]).clip(0, 6), np.abs(pitch - smooth).clip(0, 2)], axis=1)


def _statistics(
    measures: np.ndarray, vowels: np.ndarray, speech: np.ndarray, understood: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    # weights (L, M): measures that mean something in vowels only are weighed by vowels, the others by speech. The
    # network sees means, spreads and how the means differ from this recording's own.
    weights = np.where(np.arange(len(MEASURES)) < _IN_VOWELS, vowels[:, None], speech[:, None])
    near, spread = _windowed(measures, weights, _NEAR)
    usual, _ = _windowed(measures, weights, _USUAL)
    meant, _ = _windowed(understood, speech[:, None], _NEAR)
    features = np.concatenate([near, spread, near - usual, meant], axis=1)
    seconds = _around(_pooled(speech[:, None]), _NEAR)[:, 0] / FPS
    return features.astype(np.float32), ((seconds - _STRAY) / _ENOUGH).clip(0, 1).astype(np.float32)


def _windowed(values: np.ndarray, weights: np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean and standard deviation (T, N) of values (L, N) in a window around each frame."""
    weights = np.broadcast_to(weights, values.shape).astype(np.float64)
    # E[x] and E[x^2] - E[x]^2 under a bell, weighted; taken off the recording's mean first, or the difference of two
    # large squares would lose the spread.
    centre = (values * weights).sum(axis=0) / (weights.sum(axis=0) + 1e-6)
    off = values - centre  # so that a window with hardly any weight says what the recording says
    total = _around(_pooled(weights), seconds) + 1e-3
    mean = _around(_pooled(weights * off), seconds) / total
    square = _around(_pooled(weights * off**2), seconds) / total
    return mean + centre, np.sqrt(np.maximum(square - mean**2, 0))


def _pooled(values: np.ndarray) -> np.ndarray:
    """(L, N) at 50 per second → (T, N) at 25."""
    return values.reshape(-1, _STEPS, values.shape[1]).mean(axis=1)


def _around(values: np.ndarray, seconds: float) -> np.ndarray:
    """Sums (T, N) under a bell of so many seconds, 1 frame wide at its top; nothing lies beyond the recording."""
    bell = np.hanning(round(seconds * FPS) | 1)
    return convolve1d(values.astype(np.float64), bell, axis=0, mode="constant")


def _fade(values: np.ndarray) -> np.ndarray:
    """Values (T, N), -1..1, so smooth that no step from frame to frame is over 0.05."""
    return gaussian_filter1d(values.astype(np.float64), _FADE, axis=0, mode="nearest", truncate=3.0)


def save_voice_affect(path: str | os.PathLike, network: AffectNet, about: dict[str, str]) -> None:
    """Write the network in half precision; `about` says what it was trained on."""
    arrays = {name: value.detach().numpy().astype(np.float16) for name, value in network.state_dict().items()}
    metadata = {"format": "emodifftalk.voice_affect", "schema": str(SCHEMA), "measures": json.dumps(MEASURES)}
    tensors.save(path, arrays, {**metadata, **about})


def read_voice_affect(path: str | os.PathLike) -> VoiceAffect:
    """Load a network from `path`. Raises UserError when it is missing, damaged or of another version."""
    file = tensors.TensorFile(path)
    expect_format(file, "voice_affect", SCHEMA)
    network = AffectNet()
    state = {name: expect(file, name, tuple(value.shape)) for name, value in network.state_dict().items()}
    if file.metadata.get("measures") != json.dumps(MEASURES):
        raise UserError(f"{file.path.name} was trained on other measures of the voice: train it again.")
    network.load_state_dict({name: torch.from_numpy(value.astype(np.float32)) for name, value in state.items()})
    return VoiceAffect(network, load_speech_to_au("embedded"))


@lru_cache(maxsize=1)
def load_voice_affect() -> VoiceAffect:
    """The shipped one. Raises UserError when its weights are missing."""
    return read_voice_affect(MODEL)
