"""The Blender add-on. Importing it costs nothing: `register` loads the rooms, NumPy is loaded when it is used."""

from __future__ import annotations

import atexit

# Not loaded before they are used: NumPy alone takes longer than the whole add-on, and a Blender without a head needs
# neither it nor what makes, reads and draws heads. They are imported as whole modules only.
_LATER = (
    "numpy",
    "emodifftalk.core.axes",
    "emodifftalk.core.camera",
    "emodifftalk.core.extent",
    "emodifftalk.core.thinning",
    "emodifftalk.core.voice_time",
    *(
        f"{__package__}.{name}"
        for name in (
            "backend.home",
            "backend.install.home",
            "backend.install.install",
            "backend.install.sizes",
            "backend.survey",
            "blender.animation",
            "blender.camera",
            "capture.studio.family",
            "capture.studio.shape_names",
            "composite.nodes",
            "composite.shadow",
            "draw.numpy_splats",
            "draw.rasterizers",
            "draw.target",
            "files.copying",
            "files.head_files",
            "files.kinds",
            "files.ply_frames",
            "playback.origin",
            "playback.sources",
            "playback.take_time",
            "render.frame",
            "render.passes",
            "takes.pace",
            "takes.performance",
            "timeline.affect_drawing",
            "timeline.affect_layout",
            "timeline.presets",
            "viewport.screens",
        )
    ),
)


def register() -> None:
    """Add everything to Blender. What was added is taken back when one part fails."""
    from .start_up import ensure_core, loaded_later, without_collecting

    ensure_core()
    from .blender import registering

    with loaded_later(*_LATER), without_collecting():
        modules = registering.load(__package__)
    registering.register(modules)
    import bpy

    if not bpy.app.binary_path:
        # Blender as a Python module hangs at exit (seen in 4.5) while a script's classes are still registered. The
        # program itself unregisters its add-ons, and at exit has already forgotten those of scripts.
        atexit.register(unregister)


def unregister() -> None:
    """Take everything out of Blender again and stop the backend."""
    from .blender import registering

    atexit.unregister(unregister)
    registering.unregister(__package__)
