"""Changes to a scene that can be taken back."""

from __future__ import annotations

from typing import Any


class Changes:
    """Attributes set on parts of Blender's data, to be put back."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, str], tuple[Any, Any]] = {}

    def set(self, block: Any, attribute: str, value: Any) -> None:
        """Set an attribute and remember what it was at first."""
        before = getattr(block, attribute)
        if before != value:
            self._before.setdefault((block.as_pointer(), attribute), (block, before))
            setattr(block, attribute, value)

    def restore(self) -> None:
        """Put everything back, the latest first."""
        while self._before:
            (_, attribute), (block, before) = self._before.popitem()
            setattr(block, attribute, before)
