"""Rows as components and weights: none further off than is allowed, and those that are not asked about left alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emodifftalk.core import components, tensors
from emodifftalk.core.compact_take import compact_take, worn_out
from emodifftalk.core.components import described
from emodifftalk.core.errors import UserError
from emodifftalk.core.take import load_take
from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

LIMIT = 0.01


def along_few(rows: int, directions: int, seed: int, odd: int = 0) -> np.ndarray:
    """Rows (T, 400) along a few directions with a little noise; some at the end go a way of their own."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, directions)) @ rng.normal(size=(directions, 400)) + rng.normal(
        0, 0.002, (rows, 400)
    )
    if odd:
        values[-odd:] += rng.normal(size=(odd, 400))
    return values.astype(np.float32)


def put_together(weights: list[np.ndarray], layers: list) -> np.ndarray:
    return sum(part @ layer.components for part, layer in zip(weights, layers, strict=True))


@given(rows=st.integers(1, 90), directions=st.integers(0, 12), odd=st.integers(0, 3), seed=st.integers(0, 999))
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("kind", [np.int8, np.int16])
def test_every_row_comes_back_within_the_limit(kind, rows, directions, odd, seed):
    values = along_few(rows, directions, seed, min(odd, rows))
    layers, weights, errors = described(lambda some: values[some], rows, [], LIMIT, kind)
    left = np.sqrt(np.mean((values - put_together(weights, layers)) ** 2, axis=1))
    assert left.max() <= 1.01 * LIMIT and errors == pytest.approx(left, abs=1e-4)


def test_of_many_rows_those_that_were_not_looked_at_are_within_the_limit_too(monkeypatch):
    monkeypatch.setattr(components, "_SEEN", 20)
    values = along_few(200, 5, 1)
    values[150:153] += np.random.default_rng(2).normal(size=(3, 400)).astype(np.float32)  # between those looked at
    layers, weights, _ = described(lambda some: values[some], 200, [], LIMIT, np.int8)
    left = np.sqrt(np.mean((values - put_together(weights, layers)) ** 2, axis=1))
    assert left.max() <= 1.01 * LIMIT and len(layers) > 1
    seeing = weights[-1].any(axis=1)
    assert seeing[150:153].all() and seeing.sum() < 20, "only rows that need it see the layer of the odd ones"


def test_rows_along_directions_that_are_there_need_no_more_of_them():
    values = along_few(60, 6, 3)
    before, _, _ = described(lambda some: values[some], 40, [], LIMIT, np.int8)
    more, weights, errors = described(lambda some: values[40 + some], 20, before, LIMIT, np.int8)
    assert not more and len(weights) == len(before) and errors.max() <= LIMIT


def small(folder) -> dict:
    save_tiny_take(folder / "take.safetensors", tiny_subject())
    compact_take(folder / "take.safetensors", folder / "compact.safetensors")
    return dict(zip(("arrays", "metadata"), tensors.load(folder / "compact.safetensors"), strict=True))


@pytest.mark.parametrize("sizes", [[], [1], [-1, 1], [10**6], [2**30, 2**30]])
def test_layers_that_do_not_add_up_are_refused(tmp_path, sizes):
    file = small(tmp_path)
    file["arrays"]["rotations.layers"] = np.array(sizes, np.int32)
    if sizes == [1]:
        file["arrays"]["rotations.layers"] += len(file["arrays"]["rotations.components"])
    tensors.save(tmp_path / "odd.safetensors", *file.values())
    with pytest.raises(UserError, match="do not add up"):
        load_take(tmp_path / "odd.safetensors")


def test_a_take_with_more_layers_than_a_whole_take_is_worth_is_worn_out(tmp_path):
    file = small(tmp_path)
    arrays = file["arrays"]
    assert not worn_out(load_take(tmp_path / "compact.safetensors"))
    for name in ("offsets", "rotations", "opacities"):
        more = 20 + 3 * len(arrays[f"{name}.components"])
        arrays[f"{name}.layers"] = np.append(arrays[f"{name}.layers"], more).astype(np.int32)
        for key, axis in (("components", 0), ("scales", 0), ("weights", 1)):
            array = arrays[f"{name}.{key}"]
            shape = tuple(more if i == axis else n for i, n in enumerate(array.shape))
            arrays[f"{name}.{key}"] = np.concatenate([array, np.ones(shape, array.dtype)], axis=axis)
    tensors.save(tmp_path / "large.safetensors", *file.values())
    assert worn_out(load_take(tmp_path / "large.safetensors"))
