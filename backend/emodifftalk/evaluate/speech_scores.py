"""How a face speaks, measured on its points: closures, sync, silence, jitter; offsets (T, V, 3) metres at 25 fps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.facs import FPS
from ..core.template import FacialTemplate
from ..data.speech.visemes import bilabial_frames
from ..train.motion.report import closing
from .held_out_set import Clip

CLOSED = 0.15
_REACH = 8
"""Frames by which two lip openings are shifted against each other, at most."""
_CALM = 0.3
"""Seconds before the first and after the last sound in which a mouth may still move."""

PROTOCOL = (
    "Lip opening: mean gap of the inner lips over the middle third of the mouth. A p, b or m between two vowels is "
    "closed when the least opening of three frames around its contact is under 15 % of the mean opening at the "
    "middles of both vowels. Sync lag: the shift, in frames of 40 ms, at which the normalised cross-correlation of "
    "predicted and true lip opening is greatest, between -8 and 8, by a parabola between frames, one per clip; "
    "positive is late. Silence: mean opening above rest, farther than 0.3 s from any sound, as a share of the true "
    "opening's range (rest to its greatest value in the plain clips). Jitter: mean length of the second difference of "
    "all points, in mm per frame², over that of the truth."
)


@dataclass(frozen=True)
class TrueMotion:
    """A clip's true offsets on a subject, and what is measured against them."""

    clip: Clip
    truth: np.ndarray


def lip_range(template: FacialTemplate, heard: list[TrueMotion]) -> float:
    """From rest to the greatest true lip opening, metres."""
    neutral = _rest(template)
    return max(float(template.lip_opening(one.truth).max()) for one in heard) - neutral


def speech_scores(template: FacialTemplate, one: TrueMotion, offsets: np.ndarray, opening_range: float) -> dict:
    """How one clip is spoken, by name.

    closed, closures: how many p b m of the clip are closed, and how many there are.
    lag: frames, positive is late.
    correlation: at that lag.
    silence: mean opening above rest as a share of `opening_range`, None without silence.
    jitter, jitter_truth: millimetres per frame².
    """
    opening, truth = template.lip_opening(offsets), template.lip_opening(one.truth)
    shares = [closing(opening, *at) for at in bilabial_frames(one.clip.utterance)]
    lag, correlation = sync_lag(opening, truth)
    calm = silent_frames(one.clip)
    return {
        "closed": sum(share < CLOSED for share in shares),
        "closures": len(shares),
        "lag": lag,
        "correlation": correlation,
        "silence": float((opening[calm] - _rest(template)).clip(0).mean() / opening_range) if calm.any() else None,
        "jitter": jitter(offsets),
        "jitter_truth": jitter(one.truth),
    }


def sync_lag(opening: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """Lag in frames (positive: `opening` comes late) and the normalised cross-correlation there, of curves (T,)."""
    count = len(truth)
    shifts = np.arange(-min(_REACH, count - 3), min(_REACH, count - 3) + 1)
    correlations = np.array([_correlation(opening, truth, int(shift)) for shift in shifts])
    best = int(correlations.argmax())
    if not 0 < best < len(correlations) - 1:
        return float(shifts[best]), float(correlations[best])
    # Vertex of the parabola through three neighbours a, b, c: part = (a - c) / 2 (a - 2 b + c), at height
    # b - (a - c) part / 4. A frame is 40 ms, and lags are told finer than that.
    before, at, after = correlations[best - 1 : best + 2]
    bend = before - 2 * at + after
    part = 0.5 * (before - after) / bend if bend < -1e-12 else 0.0
    return float(shifts[best] + part), float(at - 0.25 * (before - after) * part)


def _correlation(opening: np.ndarray, truth: np.ndarray, shift: int) -> float:
    late, early = (opening[shift:], truth[: len(truth) - shift]) if shift >= 0 else (opening[:shift], truth[-shift:])
    # Cosine of the two curves about their own means, over the frames where both are after the shift.
    late, early = late - late.mean(), early - early.mean()
    return float(late @ early / max(np.linalg.norm(late) * np.linalg.norm(early), 1e-12))


def silent_frames(clip: Clip) -> np.ndarray:
    """(T,) bool: farther than `_CALM` seconds from any sound."""
    times = np.arange(len(clip.true_aus)) / FPS
    spoken = [p for p in clip.phonemes if p.symbol != "pau"]
    if not spoken:
        return np.ones(len(times), bool)
    return (times < spoken[0].start - _CALM) | (times > spoken[-1].end + _CALM)


def jitter(offsets: np.ndarray) -> float:
    """Mean length of the second difference of all points, millimetres per frame²."""
    return float(1e3 * np.linalg.norm(np.diff(offsets, 2, axis=0), axis=-1).mean()) if len(offsets) > 2 else 0.0


def _rest(template: FacialTemplate) -> float:
    return float(template.lip_opening(np.zeros_like(template.neutral)))


def pooled(scores: list[dict]) -> dict:
    """Of the scores of several clips, by name.

    closure: share of all p b m, None without any.
    closures: how many there are.
    lag, lag_size: frames, means of the lag and of its size.
    correlation, silence: means.
    jitter: ratio of predicted to true.
    """
    silence = [one["silence"] for one in scores if one["silence"] is not None]
    closures = sum(one["closures"] for one in scores)
    return {
        "closure": sum(one["closed"] for one in scores) / closures if closures else None,
        "closures": closures,
        "lag": float(np.mean([one["lag"] for one in scores])),
        "lag_size": float(np.mean([abs(one["lag"]) for one in scores])),
        "correlation": float(np.mean([one["correlation"] for one in scores])),
        "silence": float(np.mean(silence)) if silence else None,
        "jitter": sum(one["jitter"] for one in scores) / max(sum(one["jitter_truth"] for one in scores), 1e-12),
    }
