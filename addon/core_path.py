"""Finds `emodifftalk.core`: the wheel that the extension brings, else the backend's sources in a checkout."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

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
