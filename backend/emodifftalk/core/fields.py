"""Fields of JSON that somebody wrote, each asked for by type and range. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


def only_known(data: Iterable[str], known: Iterable[str]) -> None:
    """Raise ValueError for a name that is none of the known ones, saying which one comes near: a slip of the keyboard
    must not silently mean nothing."""
    known = tuple(known)
    for key in data:
        if key not in known:
            near = get_close_matches(str(key), known, 1)
            hint = f", did you mean “{near[0]}”" if near else f"; there are {', '.join(known)}"
            raise ValueError(f"there is no field “{str(key)[:60]}”{hint}")


def number(value: Any, low: float, high: float) -> float:
    """A number in a range. Raises ValueError for anything else: text, true, NaN, more digits than a number has."""
    if type(value) not in (int, float) or not low <= value <= high:  # NaN fails this too
        raise ValueError(f"{_shown(value)} is not between {low:g} and {high:g}")
    return float(value)


def whole(value: Any, low: int, high: int) -> int:
    """A whole number in a range. Raises ValueError for anything else, true included."""
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"{_shown(value)} is no whole number from {low} to {high}")
    return value


def text(value: Any, most: int = 10_000) -> str:
    """Text of so many letters at most. Raises ValueError for anything else."""
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"{_shown(value)} is no text of at most {most} letters")
    return value


def listed(value: Any, most: int = 1_000_000) -> list[Any]:
    """A list of so many things at most. Raises ValueError for anything else."""
    if type(value) is not list or len(value) > most:
        raise ValueError("it is no list, or far too long")
    return value


def mapped(value: Any) -> dict[str, Any]:
    """An object. Raises ValueError for anything else."""
    if type(value) is not dict:
        raise ValueError(f"{_shown(value)} is no object with fields")
    return value


def _shown(value: Any) -> str:
    return "a number of hundreds of digits" if type(value) is int and abs(value) > 10**60 else repr(value)[:60]
