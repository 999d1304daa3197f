"""A corpus of spoken motion without a voice: random curves whose features say plainly what they are."""

from __future__ import annotations

import numpy as np

from emodifftalk.core.facs import AU_NAMES
from emodifftalk.data.speech.spoken_motion import LabelledUtterance, Way, random_curves


def invented_corpus() -> list[LabelledUtterance]:
    """Recordings whose features say plainly what the articulations are, and two rooms."""
    rng = np.random.default_rng(0)
    found = []
    for voiced in (True, True, True, False, False):
        articulations = random_curves(130, rng)[:, :6] if voiced else np.zeros((130, 6), np.float32)
        aus = random_curves(130, rng) if voiced else np.zeros((130, len(AU_NAMES)), np.float32)
        features = np.pad(articulations, ((0, 0), (0, 122))) + rng.normal(0, 0.05, (130, 128)).astype(np.float32)
        found.append(LabelledUtterance(features, aus, aus, (Way(aus, articulations, 0 * aus),), voiced))
    return found
