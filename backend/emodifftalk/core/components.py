"""Rows of numbers that vary along few directions, as a few components in steps of a byte or two and a weight for each.

Components come in layers. A row is what it is measured from plus, for each layer that it uses, its weights times the
layer's components. A row whose weights in a layer are all zero does not see it: adding a layer for some rows leaves
all others what they were, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .arrays import Floats, Ints

_MOST = 96
"""Components of one layer."""
_LAYERS = 4
"""How often the rows that a layer does not fit get another one."""
_SEEN = 300
"""Rows, evenly spread, from which a layer is made; the others are measured, and those it does not fit get the next."""
_ROUNDED = 0.95
"""The part of the error that may be left before rounding."""
_BLOCK = 32
"""Rows handled at a time."""
_EXACT = 1 << 24
"""Rows of fewer numbers in all are summed in double precision."""


@dataclass(frozen=True)
class Layer:
    """Some directions.

    steps: (K, M) int8 or int16.
    scales: (K,) float32, of a step of each.
    """

    steps: Ints
    scales: Floats

    def __len__(self) -> int:
        return len(self.steps)

    @cached_property
    def components(self) -> Floats:
        """(K, M) float32."""
        components: Floats = self.steps * self.scales[:, None]
        return components

    @cached_property
    def _solve(self) -> Floats:
        # Rounded components are not quite at right angles: weights (T, K) = rows C^T (C C^T)^-1 leave the least.
        products = self.components.astype(np.float64) @ self.components.T.astype(np.float64)
        inverse: Floats = np.linalg.pinv(products, rcond=1e-12, hermitian=True)
        return inverse

    def weights(self, rows: Floats) -> Floats:
        """(T, K) float32 with which the components come nearest to `rows` (T, M)."""
        weights: Floats = ((rows @ self.components.T).astype(np.float64) @ self._solve).astype(np.float32)
        return weights


def described(
    read: Callable[[Ints], Floats],
    count: int,
    before: list[Layer],
    limit: float,
    kind: type[np.signedinteger[Any]],
) -> tuple[list[Layer], list[Floats], Floats]:
    """The layers in steps of a `kind` that rows need after those of `before`, at least one layer in all; the weights
    (T, K) of the rows in each, those of `before` first; and their root mean square errors (T,), above `limit` only
    where many layers could not help.

    read: gives some of the T = `count` rows, (n, M) float32, by their numbers (n,).
    """
    everything = np.arange(count)
    some = spread(everything, _SEEN)
    more, weights, errors = _needed(read(some), before, limit, kind)
    if len(some) == count:
        return more, weights, errors
    # Rows of ten minutes do not have to fit in memory: those that were not seen are measured a block at a time.
    layers = [*before, *more]
    weights, errors = _measured(read, everything, layers)
    wrong = np.flatnonzero(errors > limit)
    if len(wrong):
        beside, _, _ = _needed(read(spread(wrong, _SEEN)), layers, limit, kind)
        again, errors[wrong] = _measured(read, wrong, [*layers, *beside])
        weights, more = _with(weights, wrong, again), [*more, *beside]
    return more, weights, errors


def spread(rows: Ints, most: int) -> Ints:
    """Some of the numbers of rows, `most` of them, evenly spread; all when they are fewer."""
    some: Ints = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int))]
    return some


def _needed(
    rows: Floats, before: list[Layer], limit: float, kind: type[np.signedinteger[Any]]
) -> tuple[list[Layer], list[Floats], Floats]:
    """The layers that `rows` (T, M) need after those of `before`, the weights in all of them and the errors (T,)."""
    layers = [] if before else [_layer(rows, limit, kind)]
    weights, errors = _weighed(rows, [*before, *layers])
    for _ in range(_LAYERS):
        wrong = np.flatnonzero(errors > limit)
        if not len(wrong):
            break
        # What is left of the rows that do not fit gets a layer of its own.
        layers.append(_layer(_left(rows[wrong], [*before, *layers]), limit, kind))
        again, errors[wrong] = _weighed(rows[wrong], [*before, *layers])
        weights = _with(weights, wrong, again)
    return layers, weights, errors


def _with(weights: list[Floats], rows: Ints, again: list[Floats]) -> list[Floats]:
    """Weights (T, K) in layers, with those of some rows in these and in more layers; the others do not see those."""
    count = len(weights[0])
    weights = [*weights, *(np.zeros((count, part.shape[1]), np.float32) for part in again[len(weights) :])]
    for part, of_rows in zip(weights, again, strict=True):
        part[rows] = of_rows
    return weights


def _measured(read: Callable[[Ints], Floats], rows: Ints, layers: list[Layer]) -> tuple[list[Floats], Floats]:
    """`_weighed` of the rows of some numbers, a block at a time."""
    blocks = [_weighed(read(rows[start : start + _BLOCK]), layers) for start in range(0, len(rows), _BLOCK)]
    weights = [np.concatenate(parts) for parts in zip(*(weights for weights, _ in blocks), strict=True)]
    return weights, np.concatenate([errors for _, errors in blocks])


def _weighed(rows: Floats, layers: list[Layer]) -> tuple[list[Floats], Floats]:
    """Weights (T, K) float32 in each layer with which `rows` (T, M) are described, and the root mean square of what is
    left of each row (T,)."""
    weights = [np.zeros((len(rows), len(layer)), np.float32) for layer in layers]
    errors = np.zeros(len(rows))
    for start in range(0, len(rows), _BLOCK):
        some = slice(start, start + _BLOCK)
        left = rows[some].astype(np.float32)
        for layer, of_layer in zip(layers, weights, strict=True):
            of_layer[some] = layer.weights(left)
            left -= of_layer[some] @ layer.components
        # The mean of the squares of each row.
        errors[some] = np.sqrt(np.einsum("tm,tm->t", left, left, dtype=np.float64) / max(left.shape[1], 1))
    return weights, errors


def _left(rows: Floats, layers: list[Layer]) -> Floats:
    """What `layers` leave of `rows` (T, M); the rows themselves when there are none."""
    for layer in layers:
        rows = rows - layer.weights(rows) @ layer.components
    return rows


def _layer(rows: Floats, limit: float, kind: type[np.signedinteger[Any]]) -> Layer:
    """A layer of principal directions of `rows` (T, M), as many as it takes for no row to be further off than `limit`,
    root mean square, before they are rounded to a `kind`; all there are where that is not enough."""
    energy, strength, mixing = _principal(rows)
    # What K directions leave of each row (T, K + 1): its square less the squares of its shares of them, which are
    # strength times mixing squared.
    left = energy[:, None] - np.cumsum(np.concatenate([np.zeros((len(rows), 1)), mixing**2 * strength], axis=1), axis=1)
    enough = np.flatnonzero((left <= (_ROUNDED * limit) ** 2 * rows.shape[1]).all(axis=0))
    count = int(enough[0]) if len(enough) else len(strength)
    directions = (mixing[:, :count] / np.sqrt(strength[:count])).T.astype(np.float32) @ rows
    # Each direction is rounded in steps of its own, its greatest number the most the type holds.
    scales = (np.abs(directions).max(axis=1, initial=0.0) / np.iinfo(kind).max).astype(np.float32)
    return Layer(np.rint(directions / np.maximum(scales, 1e-30)[:, None]).astype(kind), scales)


def _principal(rows: Floats) -> tuple[Floats, Floats, Floats]:
    """The squares of rows (T, M), summed (T,), and of their principal directions, the strongest first, the strength
    (K,) and how they mix in the rows (T, K): by way of the (T, T) matrix of the rows' products, since there are far
    fewer rows than numbers in one. A direction is mixing^T rows / sqrt(strength)."""
    exact = rows.astype(np.float64) if rows.size < _EXACT else rows
    products = (exact @ exact.T).astype(np.float64)
    strength, mixing = np.linalg.eigh(products)
    order = np.argsort(strength)[::-1][:_MOST]
    order = order[strength[order] > max(strength[order[0]], 1e-30) * 1e-12] if len(order) else order
    return np.diagonal(products).copy(), strength[order], mixing[:, order]
