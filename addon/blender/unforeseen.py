"""What nobody foresaw: a sentence for the animator, the details kept to be copied, never a traceback.

Everything of ours that Blender calls goes through `guarded`: `registering` sees to classes, handlers, drawings and
menus, `timers` to timers; callbacks of properties say so where they are written. A `UserError` is said as it is;
anything else becomes one sentence, and what a developer needs to know is kept for *Copy Details*.
"""

from __future__ import annotations

import inspect
import platform
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import bpy

from emodifftalk import __version__
from emodifftalk.core.errors import UserError

from . import memory
from .redraw import VIEWS, redraw
from .state import State

Function = Callable[..., Any]
_KEPT = 8
"""So many different faults are kept."""
_LINES = 24
"""Of a fault that went round in circles, the last so many calls are kept."""


@dataclass
class Fault:
    """One thing that went wrong.

    where: what was being done, as the animator knows it.
    sentence: what she is told.
    details: what a developer needs to know; empty for what was foreseen.
    times: how often it has happened.
    """

    where: str
    sentence: str
    details: str = ""
    times: int = 1


@dataclass
class _Faults(State):
    """kept: by where and in which line it happened, the latest last. seen: the number of them that was waved away."""

    kept: dict[tuple, Fault] = field(default_factory=dict)
    hidden: bool = True


_faults = memory.keep(_Faults())


def last() -> Fault | None:
    """The latest fault that has not been waved away."""
    return None if _faults.hidden or not _faults.kept else next(reversed(_faults.kept.values()))


def all_details() -> str:
    """All that is known of what went wrong in this session, for a report."""
    about = (
        f"EmoDiffTalk {__version__}, Blender {bpy.app.version_string}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}"
    )
    each = (f"{fault.where}, {fault.times} times: {fault.sentence}\n{fault.details}" for fault in _faults.kept.values())
    return "\n".join([about, *each])


def wave_away() -> None:
    """Say no more of what has happened so far; it can still be copied."""
    _faults.hidden = True


def note(where: str, error: Exception) -> str:
    """Remember what went wrong, and return the sentence for it.

    It is printed once for every place where it happens, in one line: a timer may fail ten times a second.
    """
    foreseen = isinstance(error, UserError)
    sentence = str(error) if foreseen else _sentence(where, error)
    frames = traceback.extract_tb(error.__traceback__)
    key = (where, type(error).__name__, *((frames[-1].filename, frames[-1].lineno) if frames else ()))
    fault = _faults.kept.pop(key, None)
    if fault is not None:
        fault.times, fault.sentence = fault.times + 1, sentence
        _faults.kept[key] = fault
        return sentence
    details = "" if foreseen else "".join(traceback.format_exception(error, limit=-_LINES))
    _faults.kept[key], _faults.hidden = Fault(where, sentence, details), False
    while len(_faults.kept) > _KEPT:
        del _faults.kept[next(iter(_faults.kept))]
    print(f"EmoDiffTalk: {sentence}", file=sys.stderr, flush=True)
    if not bpy.app.background:
        redraw(VIEWS)
    return sentence


def _sentence(where: str, error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"{where} stopped: the computer has run out of memory. Close other programs, or make the work smaller."
    return (
        f"{where} stopped: something happened that we did not foresee. Nothing of yours was changed back or deleted. "
        "Copy Details, in the EmoDiffTalk tab, has what we need to mend it."
    )


def guarded(where: str, instead: object = None) -> Callable[[Function], Function]:
    """A decorator: a function that Blender calls with anything, and that returns `instead` when it fails."""

    def guard(function: Function) -> Function:
        if hasattr(function, "is_guarded"):
            return function

        def call(*given: Any) -> Any:
            try:
                return function(*given)
            except Exception as error:
                note(where, error)
                return instead

        code = function.__code__
        words = code.co_argcount - inspect.ismethod(function)
        safe = wraps(function)(call if code.co_flags & inspect.CO_VARARGS else with_as_many_words(call, words))
        safe.is_guarded = True  # type: ignore[attr-defined]  # functions take attributes
        return safe

    return guard


def with_as_many_words(call: Function, count: int) -> Function:
    """Blender counts the words a method takes, by its code: a function of `count` of them that passes them on."""

    def none() -> Any:
        return call()

    def one(a: Any) -> Any:
        return call(a)

    def two(a: Any, b: Any) -> Any:
        return call(a, b)

    def three(a: Any, b: Any, c: Any) -> Any:
        return call(a, b, c)

    def four(a: Any, b: Any, c: Any, d: Any) -> Any:
        return call(a, b, c, d)

    def ten(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, i: Any = 0, j: Any = 0) -> Any:
        return call(a, b, c, d, e, f, g, h, i, j)

    by_count: dict[int, Function] = {0: none, 1: one, 2: two, 3: three, 4: four, 10: ten}
    return by_count[count]
