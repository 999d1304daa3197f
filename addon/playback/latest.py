"""Remembering as much as what the file draws needs: twenty heads that play must not push each other out."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import bpy

from ..blender.state import State
from ..scene.heads import is_drawn
from . import memory

K = TypeVar("K")
V = TypeVar("V")
_RECOUNT = 1.0
"""Seconds after which heads are counted again; in files of thousands of objects that takes a while."""


@dataclass
class _Count(State):
    """heads, of objects, when: how many heads and stills the last count met, among how many objects, and its time."""

    heads: int = 0
    objects: int = -1
    when: float = 0.0


_count = memory.keep(_Count())


def drawn_in_file() -> int:
    """How many heads and stills there are in the open file, in all scenes."""
    now = time.monotonic()
    if _count.objects != len(bpy.data.objects) or now - _count.when > _RECOUNT:
        _count.heads = sum(is_drawn(obj) for obj in bpy.data.objects)
        _count.objects, _count.when = len(bpy.data.objects), now
    return _count.heads


class Latest(Generic[K, V]):
    """The latest answers by key: `least` of them, or `each` for every head and still of the file where that is more."""

    def __init__(self, least: int, each: int = 2) -> None:
        self._least, self._each = least, each
        self._answers: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The answer for a key, made when it is not there. Raises what `make` raises."""
        if key not in self._answers:
            self._answers[key] = make()
            if len(self._answers) > self._least:
                most = max(self._least, self._each * drawn_in_file())
                while len(self._answers) > most:
                    self._answers.popitem(last=False)
        self._answers.move_to_end(key)
        return self._answers[key]

    def clear(self) -> None:
        """Forget everything."""
        self._answers.clear()

    def __len__(self) -> int:
        return len(self._answers)
