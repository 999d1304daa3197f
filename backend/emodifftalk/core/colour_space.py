"""sRGB as it is displayed, and light as it is rendered."""

from __future__ import annotations

import numpy as np


def linear_colour(values: np.ndarray) -> np.ndarray:
    """sRGB values 0..1 as light."""
    values = np.maximum(values, 0)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def display_colour(values: np.ndarray) -> np.ndarray:
    """Light as sRGB values."""
    values = np.maximum(values, 0)
    return np.where(values <= 0.0031308, 12.92 * values, 1.055 * np.maximum(values, 1e-8) ** (1 / 2.4) - 0.055)
