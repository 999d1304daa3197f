"""Blender's `app` as it is with a window, for what only happens there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import bpy

_APP = bpy.app


class WindowedApp:
    """In all but `background` and the timers the app there is. started: the timers that are running."""

    background = False

    def __init__(self) -> None:
        self.started: list[Any] = []
        self.timers = SimpleNamespace(
            register=lambda timer, **_: self.started.append(timer),
            unregister=self.started.remove,
            is_registered=self.started.__contains__,
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(_APP, name)
