"""What a room remembers while Blender runs: one object for each room, emptied when the add-on is switched off."""

from __future__ import annotations

from typing import Protocol, TypeVar


class Forgetful(Protocol):
    """Anything that can be emptied: a dictionary, a list, a `State`."""

    def clear(self) -> None:
        """Become as new."""


Part = TypeVar("Part", bound=Forgetful)


class State:
    """Base of dataclasses whose fields all have defaults: `clear` brings those back, in place."""

    def clear(self) -> None:
        """Become as new."""
        self.__init__()  # type: ignore[misc]  # every field has its default


class Memory:
    """What one room remembers: parts that belong to its files. Nobody else creates state that outlives a call."""

    def __init__(self) -> None:
        self._parts: list[Forgetful] = []

    def keep(self, part: Part) -> Part:
        """Remember `part` until the add-on is switched off; returns it."""
        self._parts.append(part)
        return part

    def clear(self) -> None:
        """Become as new: everything that was kept is emptied, and stays kept."""
        for part in self._parts:
            part.clear()
