"""Editing an AU track with prompts: Equation 7 of the paper to the letter, and the additive mode of animators."""

from __future__ import annotations

import numpy as np

from ..core.facs import AU_INDEX
from ..core.performance import Style

# What prompts must not take from the voice: lip closure, the rhythm of the mouth, blinks.
_SPEECH = [AU_INDEX[name] for name in ("AU17", "AU23", "AU24", "AU25", "AU26")]
_BLINK = AU_INDEX["AU45"]
_WIDE = AU_INDEX["AU05"]
_OPENING = [AU_INDEX[name] for name in ("AU10", "AU25", "AU26")]
_CLOSING = [AU_INDEX[name] for name in ("AU17", "AU23", "AU24")]
_ACTIVE = 0.1
"""A prompt calls for an action unit from this intensity on: it is 1 in the binary vector y of Equation 7."""


def equation7(aus: np.ndarray, y: np.ndarray, alpha: float, beta: float) -> np.ndarray:
    """E ⊙ (1 + αy) − β(1 − y) ⊙ E: called-for units are amplified, all others attenuated (Equation 7).

    aus: (T, 17), the E of the equation.
    y: (17,) or (T, 17) in 0..1.
    alpha, beta: more than 0.
    The result is not limited to 0..1.
    """
    return aus * (1 + alpha * y) - beta * (1 - y) * aus


def apply_emotion(
    aus: np.ndarray,
    vectors: np.ndarray,
    weights: np.ndarray,
    style: Style,
    mood: np.ndarray | float = 0.0,
) -> np.ndarray:
    """The track (T, 17) float32, 0..1, after prompts.

    aus: (T, 17) 0..1, the voice's track.
    vectors: (P, 17) 0..1, what each prompt means.
    weights: (P, T) 0..1, how much each prompt counts at each moment.
    style: its mode `paper` is Equation 7 with y = 1 where a prompt calls for a unit, faded by the prompt's weight. In
    `additive` what prompts mean is added on top of a small gain; lip_sync 1 keeps lip closures, the rhythm of the mouth
    and blinks, 0 lets feelings win.
    mood: intensities (T, 17) of valence and arousal, added like a prompt; to the letter's track in `paper`.
    """
    aus = np.asarray(aus, np.float32)
    if style.mode == "paper":
        # y_tk = Σ_p w_pt y_pk / Σ_p w_pt, then E + min(Σ_p w_pt, 1) (Equation 7 - E) + mood, (T, 17).
        # By the total weight once more: where no prompt lies, y = 0 alone would attenuate every unit.
        y = (weights[:, :, None] * (vectors >= _ACTIVE)[:, None, :]).sum(axis=0)
        total = weights.sum(axis=0)[:, None]
        alpha = style.alpha * style.expressiveness
        edited = equation7(aus, (y / np.maximum(total, 1e-6)).clip(0, 1), alpha, style.beta)
        return (aus + total.clip(0, 1) * (edited - aus) + mood).clip(0, 1).astype(np.float32)
    # s Σ_p w_pt v_pk + mood_tk, (T, 17), s expressiveness: where strips overlap they crossfade in action-unit space.
    wanted = style.expressiveness * np.einsum("pt,pk->tk", weights, vectors) + mood
    return _add(aus, wanted, style.lip_sync).clip(0, 1).astype(np.float32)


def _add(aus: np.ndarray, wanted: np.ndarray, lip_sync: float) -> np.ndarray:
    """What is wanted (T, 17) on top of the voice's track, held back where the lips speak."""
    gain = 1 + 0.25 * wanted.clip(0, 1)
    closing = closure(aus)[:, None]
    speaking = activity(aus)[:, None]
    room = np.ones_like(aus)
    # A jaw that hangs open or lips that press while words are spoken would hide them: feelings keep a third of that.
    room[:, _SPEECH] = 1 - lip_sync * 0.65 * speaking
    room[:, _OPENING] *= 1 - lip_sync * closing
    room[:, _CLOSING] *= 1 - lip_sync * speaking * (1 - closing)
    # Wide eyes give way while a blink passes, or the lids would never meet.
    room[:, _WIDE] *= 1 - aus[:, _BLINK]
    # E (1 + w/4) + (1 - E) w r, (T, 17), w wanted, r room: a feeling fills what the voice leaves below 1, so a unit
    # that is full already is not driven far beyond.
    edited = aus * gain + (1 - aus) * wanted * room
    # Blinks come from the voice and the seed; closed eyes add to them and never take one away.
    edited[:, _BLINK] = np.maximum(aus[:, _BLINK], wanted[:, _BLINK])
    return edited


def closure(aus: np.ndarray, against: float = 2.0) -> np.ndarray:
    """How much the lips are held shut, (T,) in 0..1, read off a track (T, 17): pressed and not parted.

    against: how much lips that part and a jaw that drops count against it.
    """
    pressed, parted = aus[:, AU_INDEX["AU24"]], aus[:, AU_INDEX["AU25"]] + aus[:, AU_INDEX["AU26"]]
    return np.clip(4 * pressed - against * parted, 0, 1)


def activity(aus: np.ndarray) -> np.ndarray:
    """How much the mouth is busy with speech around each moment, (T,) in 0..1."""
    moving = np.clip(3 * (aus[:, AU_INDEX["AU25"]] + aus[:, AU_INDEX["AU26"]] + aus[:, AU_INDEX["AU24"]]), 0, 1)
    # Mean over five frames, weights that sum to 1, ends repeated, (T,) → (T,): between two sounds speech goes on.
    kernel = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
    return np.convolve(np.pad(moving, 2, mode="edge"), kernel, mode="valid")
