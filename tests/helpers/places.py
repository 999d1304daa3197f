"""Where things lie in the clone that is tested."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BACKEND = ROOT / "backend"
SCENES = ROOT / "sample_scenes"
HELLO = SCENES / "hello.wav"
"""The sample voice: 7 s of speech."""
HELLO_BILABIALS = (1.10, 1.71, 3.33, 4.93, 5.61, 5.79, 5.85, 6.00, 6.29)
"""Middles in seconds of the lips' contact in hello.wav, from the synthesizer that spoke it."""


def with_paths(*folders: Path) -> dict[str, str]:
    """The environment of a process that imports from these folders only."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders)), "PYTHONUTF8": "1"}
