"""What is wanted of an installation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .builds import Build, Source
from .home import Home


@dataclass(frozen=True)
class Order:
    """What is wanted: which build, from what, into which folder.

    own_python: path of Blender's Python.
    wheelhouse: a folder of wheels to install from without a network, or None.
    """

    home: Home
    source: Source
    build: Build
    own_python: str
    wheelhouse: Path | None = None
