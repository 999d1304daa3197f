"""Blender starts without waiting for what is only needed later: our modules get it when they first use it."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


class _StandIn(ModuleType):
    """A module that is loaded when something in it is asked for."""

    def __getattr__(self, name: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def loaded_later(*names: str) -> Iterator[None]:
    """Modules imported inside that import these modules, as modules, load them when they use them.

    Outside everything is as it was: others who import them get the modules themselves, at once. Without effect on what
    is loaded already.
    """
    stand_ins = {name: _StandIn(name) for name in names if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


@contextmanager
def without_collecting() -> Iterator[None]:
    """Inside, Python does not look for garbage: loading modules leaves hardly any, and makes it look again and again
    through everything that Blender has loaded before."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


ROOT = Path(__file__).resolve().parent.parent
"""The folder of the extension."""


def ensure_core() -> None:
    """Make `emodifftalk.core` importable. Raises ModuleNotFoundError with the remedy when it is nowhere."""
    if importlib.util.find_spec("emodifftalk") is not None:
        return
    sources = ROOT / "backend"
    if not (sources / "emodifftalk" / "core").is_dir():
        raise ModuleNotFoundError(
            "EmoDiffTalk is installed incompletely: its core is missing; install the extension's .zip again."
        )
    sys.path.append(str(sources))
    importlib.invalidate_caches()
