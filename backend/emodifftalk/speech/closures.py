"""Lips that must meet: what the front end recognises as p, b or m shuts the mouth, however short it is.

A regression to AU codes hedges: of a closure that may fall on this frame or on the next it opens half on both. Which
sound is heard is a classification and does not hedge; where it says p, b or m, the codes follow it.
"""

from __future__ import annotations

import numpy as np

from ..core.facs import AU_INDEX

_BEGINS, _SURE = 0.08, 0.18
"""Probability of p, b or m at which the lips begin to close, and at which they are shut: missed closures are worse than
extra ones, and half of a closure is shared with its neighbours."""
LEFT_WHEN_SHUT = {"AU10": 0.0, "AU25": 0.0, "AU26": 0.12}
"""What lips that meet leave of units that part them; training's truth (`data.visemes`) does the same."""
HELD = {"AU24": 0.4, "AU23": 0.12, "AU17": 0.15}
"""What units that press them come to at least."""


def shut_lips(aus: np.ndarray, bilabial: np.ndarray) -> np.ndarray:
    """AU codes (T, 17), 0..1, with the lips shut where a bilabial is heard; bilabial (T,) its probability, 0..1."""
    # shut (T,): a ramp between the two thresholds. What parts lips is scaled down to its share, what presses them is
    # held up to its least, both by as much as they are shut.
    shut = np.clip((bilabial - _BEGINS) / (_SURE - _BEGINS), 0, 1).astype(np.float32)
    shut_aus = aus.copy()
    for name, share in LEFT_WHEN_SHUT.items():
        shut_aus[:, AU_INDEX[name]] *= 1 - shut * (1 - share)
    for name, held in HELD.items():
        column = shut_aus[:, AU_INDEX[name]]
        shut_aus[:, AU_INDEX[name]] = np.maximum(column, held * shut)
    return shut_aus
