"""The Blender add-on. Importing it costs nothing: `register` loads the modules, NumPy is loaded when it is used."""

from __future__ import annotations

import atexit
import importlib
from types import ModuleType

# Registration order; unregistered in reverse. Each module has `register` and `unregister`.
_MODULES = (
    "properties",
    "capture_settings",
    "shot_settings",
    "composite_settings",
    "preferences",
    "backend_installer",
    "import_subject",
    "sample_scenes",
    "import_gaussians",
    "add_head",
    "drop_files",
    "assets",
    "file_paths",
    "overrides",
    "reading",
    "timeline",
    "pick_voice",
    "tending",
    "generate",
    "playback",
    "live_settings",
    "live_takes",
    "live",
    "confidence",
    "staleness",
    "timeline_line",
    "show_au_curves",
    "export_ply",
    "export_gaussians",
    "import_curves",
    "render_settings",
    "render_engine",
    "heads_scene",
    "composite",
    "viewport",
    "click_select",
    "capture_subject",
    "train_subject",
    "shot_edit",
    "shot_process",
    "shot_queue",
    "preset_panel",
    "markers",
    "affect_pad",
    "panels",
    "live_panel",
    "sound_sync",
    "au_curves_panel",
    "composite_panel",
    "relink",
    "shot_panel",
    "export_panel",
    "capture_panel",
    "render_panels",
)

# Not loaded before they are used. NumPy alone takes longer than the whole add-on, and a Blender without a head never
# needs it.
_LATER = ("numpy", f"{__package__}.backend_install.install")


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
