"""Whether Live is on: a setting of the window, not of the shot."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, PointerProperty
from bpy.types import Context, PropertyGroup, WindowManager


def _switched(self: LiveSettings, context: Context) -> None:
    from . import live

    if self.on:
        live.resume()
    else:
        live.stop()


class LiveSettings(PropertyGroup):
    """How edits show while Blender runs."""

    on: BoolProperty(
        name="Live",
        description="After an edit show the current frame at once as a preview, and make the take again behind. "
        "Only for heads that have a take; renders always use the take",
        default=True,
        update=_switched,
        options={"SKIP_SAVE"},
    )


def live_settings() -> LiveSettings:
    """Those of this Blender."""
    return bpy.context.window_manager.emodifftalk_live


def register() -> None:
    """Add them to the window manager."""
    bpy.utils.register_class(LiveSettings)
    WindowManager.emodifftalk_live = PointerProperty(type=LiveSettings)


def unregister() -> None:
    """Take them away."""
    del WindowManager.emodifftalk_live
    bpy.utils.unregister_class(LiveSettings)
