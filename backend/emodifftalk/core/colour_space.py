"""sRGB as it is displayed, and light as it is rendered."""

from __future__ import annotations

import numpy as np

from .arrays import Floats


def linear_colour(values: Floats) -> Floats:
    """sRGB values 0..1 as light."""
    # IEC 61966-2-1: a straight piece near black, where a power alone would be infinitely steep, then a power of 2.4.
    values = np.maximum(values, 0)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def display_colour(values: Floats) -> Floats:
    """Light as sRGB values."""
    # The inverse. `where` computes both branches: the maximum keeps the power away from 0, whose branch is not taken.
    values = np.maximum(values, 0)
    return np.where(values <= 0.0031308, 12.92 * values, 1.055 * np.maximum(values, 1e-8) ** (1 / 2.4) - 0.055)
