"""The Blender add-on. Importing it costs nothing: `register` loads the modules, NumPy is loaded when it is used."""

from __future__ import annotations

import atexit
import importlib
from types import ModuleType

# Registration order; unregistered in reverse. Each module has `register` and `unregister`.
_MODULES = (
    "properties",
    "capture_settings",
    "preferences",
    "import_subject",
    "timeline",
    "pick_voice",
    "generate",
    "playback",
    "confidence",
    "staleness",
    "timeline_line",
    "export_ply",
    "render_engine",
    "viewport",
    "capture_subject",
    "train_subject",
    "panels",
    "capture_panel",
)


def _modules() -> list[ModuleType]:
    return [importlib.import_module(f".{name}", __package__) for name in _MODULES]


def register() -> None:
    """Add everything to Blender. What was registered is taken back when one part fails."""
    from .core_path import ensure_core

    ensure_core()
    done: list[ModuleType] = []
    try:
        for module in _modules():
            module.register()
            done.append(module)
    except BaseException:
        for module in reversed(done):
            module.unregister()
        raise
    import bpy

    if not bpy.app.binary_path:
        # Blender as a Python module hangs at exit (seen in 4.5) while a script's classes are still registered. The
        # program itself unregisters its add-ons, and at exit has already forgotten those of scripts.
        atexit.register(unregister)


def unregister() -> None:
    """Take everything out of Blender again and stop the backend."""
    atexit.unregister(unregister)
    for module in reversed(_modules()):
        module.unregister()
