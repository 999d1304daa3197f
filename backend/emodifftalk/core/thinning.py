"""Fewer Gaussians that still look like all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .arrays import Ints
from .gaussians import Gaussians

_SWELL = 0.4
"""How the kept Gaussians grow as those left out leave holes: their scales times (share of what is covered) to minus
this power. Found by comparing pictures of heads with all and with some of their Gaussians."""


def important(gaussians: Gaussians, share: float) -> tuple[Ints, np.float32]:
    """Rows to keep, rising, and the factor by which their scales grow.

    Drawn by lot without replacement, each weighted by opacity times the largest area it can show: taking simply the
    largest would leave eyes and lips bare, which are made of small ones.
    """
    # The two longer axes (N,) each: their product is the area of the largest shadow an ellipsoid can throw.
    middle, large = np.sort(gaussians.scales.astype(float), axis=1)[:, 1:].T
    weight = np.maximum(gaussians.opacities * middle * large, 1e-30)
    # Exponential lots of mean 1 / weight: the smallest ones are a draw without replacement in proportion to weight, in
    # one sort. A fixed seed, so that the same rows are shown in every frame.
    lots = -np.log1p(-np.random.default_rng(0).random(len(weight))) / weight
    rows = np.sort(np.argsort(lots, kind="stable")[: max(1, round(share * len(weight)))])
    covered = weight[rows].sum() / weight.sum()
    return rows, np.float32(max(covered, 0.05) ** -_SWELL)


def thinned(gaussians: Gaussians, rows: Ints, swell: float | np.float32) -> Gaussians:
    """Those `rows` (K,) of the Gaussians alone, their scales grown by `swell`: both as `important` gives them."""
    part = {name: values[rows] for name, values in vars(gaussians).items()}
    return replace(gaussians, **part | {"scales": part["scales"] * np.float32(swell)})
