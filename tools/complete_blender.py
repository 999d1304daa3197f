"""The complete Blender of this machine, the program with its window: where it is and how it is started."""

from __future__ import annotations

import os
import shutil
import sys

from .environments import Missing


def complete_blender() -> str:
    """The program that EMODIFFTALK_BLENDER names, else `blender` on the PATH. Raises Missing."""
    named = os.environ.get("EMODIFFTALK_BLENDER", "")
    program = shutil.which(named or "blender")
    if program is None and named:
        raise Missing(f"EMODIFFTALK_BLENDER names {named}, which is no program.")
    if program is None:
        raise Missing("there is no complete Blender here: set EMODIFFTALK_BLENDER to one, or put it on the PATH.")
    return program


def with_a_screen(blender: str) -> list[str]:
    """How to start it with its window: through xvfb-run where there is no display.

    A program that EMODIFFTALK_BLENDER names may bring its own screen, so where xvfb-run is missing it is tried as it
    is. Raises Missing when it cannot have one.
    """
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return [blender]
    if shutil.which("xvfb-run"):
        return ["xvfb-run", "-a", "-s", "-screen 0 1600x900x24 +extension GLX", blender]
    if os.environ.get("EMODIFFTALK_BLENDER"):
        return [blender]
    raise Missing("there is no display for Blender's window: install xvfb-run (Debian and Ubuntu: apt install xvfb).")
