"""How feelings sound, and the little that they do to a speaking face all by themselves.

A state changes rate, pitch, its range and the colour of the voice; the face carries action units in the same
proportion, so that a voice alone already says something about its speaker. What states sound like follows common
findings on vocal affect (joy: quick, high, lively, bright; sadness: slow, low, flat, dull; anger: quick, lively,
pressed; fear: quick, high, trembling); the numbers are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.signal import butter, sosfilt

from .synthesizers import SAMPLE_RATE, Utterance


@dataclass(frozen=True)
class SpeakingState:
    """How a feeling sounds at full strength, and what it does to the face.

    rate, pitch, pitch_range: factors on the neutral voice.
    brightness: first-order spectral tilt, -1..1, dull to pressed.
    breath: share of breathy noise.
    tremor: depth of a quick vibrato as a share of the pitch.
    aus: intensities, 0..1.
    place: valence and arousal, -1..1, where Russell's circumplex has such feelings.
    """

    rate: float
    pitch: float
    pitch_range: float
    brightness: float
    breath: float
    tremor: float
    aus: dict[str, float]
    place: tuple[float, float] = (0.0, 0.0)


NEUTRAL = SpeakingState(1.0, 1.0, 1.0, 0.0, 0.0, 0.0, {})
STATES: dict[str, SpeakingState] = {
    "happy": SpeakingState(1.12, 1.25, 1.8, 0.35, 0.0, 0.0, {"AU06": 0.25, "AU12": 0.35}, (0.8, 0.5)),
    "sad": SpeakingState(
        0.78, 0.88, 0.35, -0.5, 0.05, 0.0, {"AU01": 0.30, "AU04": 0.12, "AU15": 0.28, "AU17": 0.06}, (-0.7, -0.5)
    ),
    "angry": SpeakingState(
        1.15, 1.05, 1.6, 0.75, 0.0, 0.0, {"AU04": 0.35, "AU07": 0.18, "AU23": 0.12, "AU10": 0.08}, (-0.7, 0.6)
    ),
    "afraid": SpeakingState(
        1.28, 1.40, 0.7, 0.1, 0.08, 0.03, {"AU01": 0.30, "AU02": 0.12, "AU04": 0.12, "AU05": 0.22}, (-0.5, 0.8)
    ),
    "surprised": SpeakingState(0.98, 1.35, 2.3, 0.15, 0.0, 0.0, {"AU01": 0.30, "AU02": 0.30, "AU05": 0.22}, (0.2, 0.8)),
    "tired": SpeakingState(0.72, 0.80, 0.5, -0.3, 0.0, 0.0, {"AU15": 0.10, "AU45": 0.12}, (-0.2, -0.8)),
    "tender": SpeakingState(0.86, 1.08, 0.8, -0.35, 0.14, 0.0, {"AU01": 0.08, "AU06": 0.10, "AU12": 0.16}, (0.5, -0.4)),
}


@dataclass(frozen=True)
class Mood:
    """A state at some strength, 0..1; the same strength scales the sound and the face."""

    state: SpeakingState
    strength: float

    @property
    def rate(self) -> float:
        return self.state.rate**self.strength

    @property
    def pitch(self) -> float:
        return self.state.pitch**self.strength

    @property
    def pitch_range(self) -> float:
        return self.state.pitch_range**self.strength

    @property
    def place(self) -> tuple[float, float]:
        """Valence and arousal, -1..1."""
        valence, arousal = self.state.place
        return valence * self.strength, arousal * self.strength

    @property
    def feeling(self) -> tuple[tuple[str, float], ...]:
        """AU names and intensities of an `Utterance` spoken in this mood."""
        return tuple((name, value * self.strength) for name, value in self.state.aus.items())


CALM = Mood(NEUTRAL, 0.0)


def draw_mood(rng: np.random.Generator) -> Mood:
    """Calm more often than not; otherwise any state, faint to full."""
    if rng.random() < 0.55:
        return CALM
    return Mood(STATES[str(rng.choice(list(STATES)))], float(rng.uniform(0.4, 1.0)))


def colour(utterance: Utterance, mood: Mood, rng: np.random.Generator) -> Utterance:
    """The utterance with the mood's timbre, and its feeling written on it. Times do not change."""
    wave = utterance.wave.astype(np.float64)
    state, strength = mood.state, mood.strength
    if state.tremor:
        wave = _trembling(wave, strength * state.tremor, float(rng.uniform(5.5, 7.5)))
    if state.brightness:
        # First-order filter 1 - a z⁻¹: a > 0 lifts high frequencies, a < 0 lowers them.
        wave = wave - 0.8 * strength * state.brightness * np.concatenate([[0.0], wave[:-1]])
    if state.brightness > 0.5:  # pressed: the quiet parts of a loud voice are loud
        peak = np.abs(wave).max() + 1e-9
        drive = 1 + 2.5 * strength
        wave = peak * np.tanh(drive * wave / peak) / np.tanh(drive)
    if state.breath:
        # Noise over 1.5 kHz that follows the voice's own strength: breath is heard with the vowels, not between them.
        envelope = sosfilt(butter(2, 30, fs=SAMPLE_RATE, output="sos"), np.abs(wave)).clip(0)
        air = sosfilt(butter(2, 1500, "high", fs=SAMPLE_RATE, output="sos"), rng.normal(size=len(wave)))
        wave = wave + 1.2 * strength * state.breath * envelope * air
    return replace(utterance, wave=wave.astype(np.float32), feeling=mood.feeling)


def _trembling(wave: np.ndarray, depth: float, rate: float) -> np.ndarray:
    """Pitch swinging by the share `depth` at `rate` Hz: the wave read at a clock that runs fast and slow."""
    # The clock's speed is 1 + depth cos(2 π rate t), and so is the pitch; its integral is what is read at.
    times = np.arange(len(wave)) / SAMPLE_RATE
    clock = times + depth / (2 * np.pi * rate) * np.sin(2 * np.pi * rate * times)
    return np.interp(clock, times, wave)
