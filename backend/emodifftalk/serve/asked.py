"""What requests ask for, each part by its type: the add-on may be of another version, and JSON can hold anything."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

from ..core.errors import UserError
from ..core.fields import mapped, number, only_known

T = TypeVar("T")
_PLAIN: dict[Any, tuple[type, ...]] = {int: (int,), float: (int, float), bool: (bool,), str: (str,)}


def settings_of(kind: type[T], data: Any, what: str) -> T:
    """Settings, a dataclass, of an object with its fields; those that are left out stay as they are by default.

    what: whose they are, in the sentence. Raises UserError for unknown fields and values of other types.
    """
    try:
        hints = get_type_hints(kind)
        given = mapped({} if data is None else data)
        only_known(given, [field.name for field in fields(kind)])  # type: ignore[arg-type]  # a dataclass, as said
        for name, value in given.items():
            wanted = _PLAIN.get(hints[name])
            if wanted is not None and type(value) not in wanted:
                raise ValueError(f"“{name}” is of another kind")
            if type(value) in (int, float) and not abs(value) < 1e18:
                raise ValueError(f"“{name}” is no number that can be used")
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise _senseless(what, error) from error


def text_of(params: dict, key: str, default: str | None = None) -> str:
    """Text that is not blank; `default` where it is left out. Raises UserError."""
    value = params.get(key, default) or default
    if not isinstance(value, str) or "\0" in value or (default is None and not value.strip()):
        raise UserError(f"The request lacks its {key}.")
    return value


def truth_of(params: dict, key: str) -> bool:
    """Yes or no; no where it is left out. Raises UserError."""
    value = params.get(key, False)
    if not isinstance(value, bool):
        raise UserError(f"The request does not say whether it is {key}.")
    return value


def number_of(params: dict, key: str, low: float, high: float, what: str) -> float:
    """A number in a range. Raises UserError."""
    try:
        return number(params.get(key, math.nan), low, high)
    except ValueError as error:
        raise _senseless(what, error) from error


def _senseless(what: str, error: Exception) -> UserError:
    return UserError(f"The request {what} makes no sense ({error}): the add-on and the backend may differ in version.")
