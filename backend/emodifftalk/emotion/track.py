"""The AU track of a Performance: the voice's, after prompts, valence and arousal, and after what was drawn by hand."""

from __future__ import annotations

import numpy as np

from ..core.facs import AU_NAMES
from ..core.performance import Performance, frame_times, prompt_weights, sample_curve
from . import edit
from .affect import affect_offsets
from .controller import load_text_to_au, read_words


def edited_track(
    aus: np.ndarray, performance: Performance, text_encoder: str = "auto", felt: np.ndarray | None = None
) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """The AU track (T, 17) after everything a Performance asks for; otherwise like `emotional_track`."""
    edited, name, unread = emotional_track(aus, performance, text_encoder, felt)
    return redrawn(edited, performance), name, unread


def emotional_track(
    aus: np.ndarray, performance: Performance, text_encoder: str = "auto", felt: np.ndarray | None = None
) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """The AU track (T, 17) after prompts, valence and arousal, the name of the text encoder used, and a sentence for
    each prompt whose words it does not know.

    aus: (T, 17) 0..1, the voice's track.
    text_encoder: `auto|embedded|openclip`.
    felt: valence and arousal (T, 2) of the voice, added to the curves.
    Raises UserError when a prompt needs a text
    encoder that is not there.
    """
    times = frame_times(len(aus))
    vectors, name, unread = _prompt_vectors(performance, text_encoder)
    valence, arousal = sample_curve(performance.valence, times), sample_curve(performance.arousal, times)
    if felt is not None:
        valence, arousal = (valence + felt[:, 0]).clip(-1, 1), (arousal + felt[:, 1]).clip(-1, 1)
    mood = affect_offsets(valence, arousal)
    edited = edit.apply_emotion(aus, vectors, prompt_weights(performance, times), performance.style, mood)
    return edited, name, unread


def redrawn(aus: np.ndarray, performance: Performance) -> np.ndarray:
    """The AU track (T, 17) float32, 0..1, after what was drawn by hand: curves that replace a unit, gains, offsets."""
    times, drawn = frame_times(len(aus)), aus.copy()
    for i, au in enumerate(AU_NAMES):
        if performance.au_curves.get(au):
            drawn[:, i] = sample_curve(performance.au_curves[au], times).clip(0, 1)
        drawn[:, i] *= performance.au_gains.get(au, 1.0)
        if au in performance.au_offsets:
            drawn[:, i] += sample_curve(performance.au_offsets[au], times)
    return drawn.clip(0, 1).astype(np.float32)


def _prompt_vectors(performance: Performance, text_encoder: str) -> tuple[np.ndarray, str, tuple[str, ...]]:
    vectors = np.zeros((len(performance.prompts), len(AU_NAMES)), np.float32)
    worded = [i for i, prompt in enumerate(performance.prompts) if prompt.aus is None and prompt.text.strip()]
    name, unread = "none: no prompt had words to read", []
    if worded:
        name = load_text_to_au(text_encoder).name
        for i in worded:  # one by one: in company the same words give other last bits, and every frame would be another
            meaning = read_words(performance.prompts[i].text, text_encoder)
            vectors[i] = meaning.aus
            if not meaning.known:
                unread.append(f"“{performance.prompts[i].text.strip()}”: {meaning.answer}")
    for i, prompt in enumerate(performance.prompts):
        if prompt.aus is not None:
            vectors[i] = [prompt.aus.get(au, 0.0) for au in AU_NAMES]
    return vectors, name, tuple(unread)
