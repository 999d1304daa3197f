"""What a voice gives the face before any feeling: AU codes and speech features, and the last few voices kept.

A preview after every edit, and the take after the previews, ask for the same voice again and again.
"""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch

from ..core.facs import FPS
from ..core.performance import Performance, VoiceStrip
from ..core.watch import Watch
from ..speech.affect import load_voice_affect
from ..speech.blinks import add_blinks
from ..speech.frontends import choose_front_end, speech_model_path
from ..speech.gestures import add_gestures
from ..speech.one_thread import one_thread
from ..speech.own_voice import listener
from ..speech.voice import assemble_voice
from .ready_subject import ReadySubject
from .reuse import Earlier, voice_hash

_KEPT = 3


@dataclass(frozen=True)
class Heard:
    """A voice as the face needs it.

    wave: (S,) float32 at 16 kHz.
    aus: (T, 17) float32 0..1.
    features: (T, 128) float32.
    by: who listened.
    key: hash of all that this depends on.
    """

    wave: np.ndarray
    aus: np.ndarray
    features: np.ndarray
    by: str
    key: str

    @cached_property
    def feeling(self) -> np.ndarray:
        """Valence and arousal (T, 2) of the voice."""
        with one_thread():
            return load_voice_affect().estimate(self.wave, len(self.aus))


_SHARED_OUT = ("hubert",)
"""Front ends that one thread would take too long for: their codes depend on how many threads there are."""
_heard: OrderedDict[str, Heard] = OrderedDict()


def hear(
    performance: Performance,
    ready: ReadySubject,
    front_end: str,
    earlier: Earlier,
    watch: Watch,
) -> Heard:
    """What the voice of a Performance says, from the earlier take or from memory where it is the same voice.

    front_end: `auto|embedded|hubert`. Raises UserError when there is no voice, it cannot be read, or the front end is
    not there, and Cancelled.
    """
    front_end, liveliness = choose_front_end(front_end), performance.style.liveliness
    voice = _voice(
        performance.voice,
        performance.duration,
        tuple(_mark(strip) for strip in performance.voice),
        performance.seed,
        (front_end, ready.hash if ready.subject.speech else "", str(liveliness), _threads(front_end)),
        os.fspath(speech_model_path(front_end)),
    )
    if voice.key not in _heard:
        codes = earlier.voice(voice.key) or _listen(performance, voice, ready, front_end, watch)
        _heard[voice.key] = Heard(voice.wave, *codes, voice.key)
        while len(_heard) > _KEPT:
            _heard.popitem(last=False)
    _heard.move_to_end(voice.key)
    return _heard[voice.key]


def forget() -> None:
    """Listen anew from now on."""
    _heard.clear()


def _listen(
    performance: Performance,
    voice: _Voice,
    ready: ReadySubject,
    front_end: str,
    watch: Watch,
) -> tuple[np.ndarray, np.ndarray, str]:
    speech, seed = listener(ready.subject, front_end), performance.seed
    with nullcontext() if front_end in _SHARED_OUT else one_thread():
        track = speech.predict(voice.wave, voice.frames, watch)
    # In half precision, as the take keeps them, so that the motion can be made again from the take alone.
    features = track.features.astype(np.float16).astype(np.float32)
    lively = add_gestures(track.aus, voice.wave, seed, performance.style.liveliness)
    return add_blinks(lively, voice.wave, seed), features, str(speech.name)


@dataclass(frozen=True)
class _Voice:
    wave: np.ndarray
    frames: int
    key: str


@lru_cache(maxsize=2)
def _voice(
    strips: tuple[VoiceStrip, ...],
    duration: float | None,
    marks: tuple[tuple[int, int], ...],
    seed: int,
    ears: tuple[str, ...],
    model: str,
) -> _Voice:
    """Mixed once for many questions; `marks` of the files tell when one has changed."""
    wave, seconds = assemble_voice(Performance(strips, duration=duration))
    frames = max(1, math.ceil(round(seconds * FPS, 6)))
    return _Voice(wave, frames, voice_hash(wave, frames, seed, ears, model))


def _threads(front_end: str) -> str:
    return str(torch.get_num_threads()) if front_end in _SHARED_OUT else ""


def _mark(strip: VoiceStrip) -> tuple[int, int]:
    try:
        stat = os.stat(strip.path)
    except OSError:
        return 0, 0  # reading it says what is wrong
    return stat.st_mtime_ns, stat.st_size
