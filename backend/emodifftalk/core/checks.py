"""Checks shared by the files people hand us: each failure is one clear sentence."""

from __future__ import annotations

import numpy as np

from .arrays import Array
from .errors import UserError
from .tensors import TensorFile


def expect_format(file: TensorFile, kind: str, *schemas: int) -> None:
    """Raise UserError unless the file says it is `emodifftalk.<kind>` of one of the schemas we can read."""
    its_format = file.metadata.get("format")
    if its_format != f"emodifftalk.{kind}":
        said = f"it says “{its_format}”" if its_format else "it does not say what it is"
        raise UserError(f"{file.path.name} is not an EmoDiffTalk {kind} ({said}).")
    version = file.metadata.get("schema", "")
    if version not in map(str, schemas):
        known = " and ".join(map(str, schemas))
        raise UserError(
            f"{file.path.name} has {kind} schema “{version}”, this version of EmoDiffTalk reads {known}: "
            "update EmoDiffTalk or make the file again."
        )


def expect(file: TensorFile, name: str, shape: tuple[int | None, ...], finite: bool = True) -> Array:
    """Read tensor `name`, its shape checked (None accepts any length), its numbers finite.

    Raises UserError naming the file, the tensor and what is wrong with it.
    """
    if name not in file.shapes:
        raise UserError(f"{file.path.name} is incomplete: it has no “{name}”.")
    its_shape = file.shapes[name]
    pairs = zip(shape, its_shape, strict=True)
    if len(its_shape) != len(shape) or any(want not in (None, have) for want, have in pairs):
        wanted = " × ".join("any" if n is None else str(n) for n in shape)
        raise UserError(f"{file.path.name}: “{name}” has shape {list(its_shape)}, expected {wanted}.")
    array = file.read(name)
    if finite and array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UserError(f"{file.path.name}: “{name}” contains numbers that are not finite.")
    return array


def expect_indices(file: TensorFile, name: str, array: Array, limit: int) -> Array:
    """Return `array` when it holds integers in [0, limit). Raises UserError otherwise."""
    if array.dtype.kind not in "iu" or (array.size and (array.min() < 0 or array.max() >= limit)):
        raise UserError(f"{file.path.name}: “{name}” points outside 0…{limit - 1}.")
    return array
