"""A bell: rung below, heard above, at once. Who rings does not know who listens, so nobody has to import upwards."""

from __future__ import annotations

from collections.abc import Callable

Listener = Callable[..., object]


class Bell:
    """One kind of news. Listeners are called in the order in which they began to listen."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call `listener` with whatever the bell is rung with."""
        self._listeners.append(listener)

    def ignore(self, listener: Listener) -> None:
        """Call it no more."""
        self._listeners.remove(listener)

    def ring(self, *about: object) -> None:
        """Call everybody who listens."""
        for listener in tuple(self._listeners):
            listener(*about)
