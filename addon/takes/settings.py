"""Whether Live is on: a setting of the window, not of the shot."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty
from bpy.types import Context, PropertyGroup, WindowManager

from ..blender.bell import Bell
from ..blender.registering import Adds
from ..blender.unforeseen import guarded

LIVE_SWITCHED = Bell()
"""Rung with whether Live is on now."""


@guarded("Switching Live")
def _switched(self: LiveSettings, context: Context) -> None:
    LIVE_SWITCHED.ring(self.on)


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
    return bpy.context.window_manager.emodifftalk_live  # type: ignore[attr-defined]  # ADDS puts it there


ADDS = Adds(classes=(LiveSettings,), properties=((WindowManager, "emodifftalk_live", LiveSettings, {}),))
