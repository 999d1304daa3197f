"""The Blender add-on. Importing it costs nothing: `register` loads the modules, NumPy is loaded when it is used."""

from __future__ import annotations

import atexit
import importlib
from types import ModuleType

# Registration order; unregistered in reverse. Each module has `register` and `unregister`.
_MODULES = (
    "scene.properties",
    "capture.settings",
    "shots.settings",
    "scene.composite_settings",
    "backend.preferences",
    "backend.operators",
    "files.import_subject",
    "files.samples",
    "files.import_gaussians",
    "files.add_head",
    "files.drop",
    "files.assets",
    "files.paths",
    "scene.overrides",
    "timeline.reading",
    "timeline.prompts",
    "timeline.pick_voice",
    "timeline.tending",
    "takes.generate",
    "playback.gaussians",
    "takes.settings",
    "takes.live_takes",
    "takes.live",
    "curves.confidence",
    "takes.staleness",
    "takes.line",
    "curves.shown",
    "files.export_ply",
    "files.export",
    "curves.imported",
    "draw.settings",
    "render.engine",
    "composite.heads_scene",
    "composite.operators",
    "viewport.drawing",
    "viewport.click_select",
    "capture.operators",
    "capture.training",
    "shots.edit",
    "shots.process",
    "shots.queue",
    "timeline.preset_panel",
    "timeline.markers",
    "timeline.affect_pad",
    "panels",
    "takes.live_panel",
    "timeline.sound_sync",
    "curves.panel",
    "composite.panel",
    "files.relink",
    "shots.panel",
    "files.panel",
    "capture.panel",
    "render.panels",
)

# Not loaded before they are used. NumPy alone takes longer than the whole add-on, and a Blender without a head never
# needs it.
_LATER = ("numpy", f"{__package__}.backend.install.install")


def _modules() -> list[ModuleType]:
    return [importlib.import_module(f".{name}", __package__) for name in _MODULES]


def register() -> None:
    """Add everything to Blender. What was registered is taken back when one part fails."""
    from .core_path import ensure_core
    from .start_up import loaded_later, without_collecting

    ensure_core()
    done: list[ModuleType] = []
    try:
        with loaded_later(*_LATER), without_collecting():
            modules = _modules()
        for module in modules:
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
