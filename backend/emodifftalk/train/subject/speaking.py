"""A finished subject says a sentence, for its report: pictures of it, and how far its mouth opens when."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...appearance.decoder import AppearanceDecoder
from ...core.camera import Camera, look_at
from ...core.facs import FPS
from ...core.subject import Subject, pose
from ...data.speech.corpus import generate
from ...data.speech.recordings import SpeechRecording
from ...data.speech.synthesizers import missing_synthesizers
from ...motion.retarget import motion_for
from ...speech.audio import SAMPLE_RATE, load_audio
from ...speech.blinks import add_blinks
from ...speech.own_voice import listener
from ...splat.render import render

PICTURES = 8
_LONGEST = 6.0
"""Seconds that are said."""
_GROUND = (0.13, 0.13, 0.13)


@dataclass(frozen=True)
class Spoken:
    """What a subject said, and how.

    voice: whose, in words.
    pictures, seconds: (S, S, 3) each, and when.
    opening: (T,) millimetres between the lips, 25 a second.
    loudness: (T,) of the voice, 0..1.
    """

    voice: str
    pictures: list[np.ndarray]
    seconds: list[float]
    opening: np.ndarray
    loudness: np.ndarray


def voice_for(dataset: str | os.PathLike, recordings: list[SpeechRecording]) -> tuple[str, np.ndarray] | None:
    """Something to say (S,) at 16 kHz, and what it is: the person's own last recording, the capture's `voice.wav`, or a
    synthetic sentence nobody trained on; None when there is neither a recording nor a synthesizer."""
    if recordings:
        return f"the person's own recording “{recordings[-1].name}”", recordings[-1].wave
    if (path := Path(dataset) / "voice.wav").is_file():
        return "the capture's voice.wav", load_audio(path)
    if not missing_synthesizers():
        utterance = next(generate(1, 0, "test"))
        return f"“{utterance.text}”, synthetic, by a voice that nobody trained on", utterance.wave
    return None


def speak(subject: Subject, voice: str, wave: np.ndarray, size: int = 256) -> Spoken:
    """The subject says `wave` (S,) at 16 kHz, its first seconds. Raises UserError when a model is missing."""
    wave = wave[: round(_LONGEST * SAMPLE_RATE)]
    track = listener(subject, "embedded").predict(wave)
    aus = add_blinks(track.aus, wave, 0)
    offsets = motion_for(subject).generate(subject.template.neutral, aus, track.features, seed=0)
    decoder, camera = AppearanceDecoder.from_subject(subject), _portrait(subject, size)
    opening = 1e3 * subject.template.lip_opening(offsets)
    shown, pictures = _moments(opening), []
    for frame in shown:
        gaussians = pose(subject, offsets[frame], *decoder.decode(aus[frame], offsets[frame]))
        pictures.append(render(gaussians, camera, _GROUND)[0])
    # Root mean square of the samples that fall into each frame.
    loud = np.array([np.sqrt((piece**2).mean()) for piece in np.array_split(wave, len(aus))])
    return Spoken(voice, pictures, [float(frame / FPS) for frame in shown], opening, loud / max(loud.max(), 1e-6))


def _moments(opening: np.ndarray) -> list[int]:
    """Frames spread over the sentence, the mouth in turn as wide and as closed as it gets around there."""
    # The sentence in eight pieces; of each in turn the frame of the widest and of the narrowest mouth.
    parts = [part for part in np.array_split(np.arange(len(opening)), PICTURES) if len(part)]
    picked = (np.argmax if i % 2 == 0 else np.argmin for i in range(len(parts)))
    return [int(part[pick(opening[part])]) for part, pick in zip(parts, picked, strict=True)]


def _portrait(subject: Subject, size: int) -> Camera:
    """From the front, the face filling most of the picture."""
    low, high = subject.template.neutral.min(axis=0), subject.template.neutral.max(axis=0)
    middle = (low + high) / 2
    # Distance at which 1.15 of the face's height fills 20 degrees: h / (2 tan 10°), from the foremost skin.
    away = 1.15 * (high[2] - low[2]) / (2 * np.tan(np.radians(10)))
    return look_at((middle[0], low[1] - away, middle[2]), tuple(middle), size, size, 20.0)
