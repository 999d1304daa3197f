"""What the preferences say, for everybody who asks; the page itself is in `preferences`."""

import os
from types import SimpleNamespace
from typing import Any

import bpy

PACKAGE = __package__.removesuffix(".scene").rpartition(".")[0] or __package__.partition(".")[0]
"""The package Blender knows the extension by (a checkout registers the add-on itself)."""


_DEFAULTS = SimpleNamespace(python_path="", backend_folder="", wheelhouse="")


def preferences() -> Any:
    """The preferences, a `preferences.EMODIFFTALK_AP_preferences`; their defaults when the add-on is not installed."""
    addon: bpy.types.Addon | None = bpy.context.preferences.addons.get(PACKAGE)
    return addon.preferences if addon is not None and addon.preferences else _DEFAULTS


def is_whole_path(text: str) -> bool:
    """Whether a path begins at the root of a disk. What is run or installed from a path in the preferences must depend
    neither on where the open file lies (“//”) nor on the current folder."""
    return os.path.isabs(text) and not text.startswith("//")
