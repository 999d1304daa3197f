"""What can be done about what nobody foresaw: copy the details, or wave the sentence away."""

from __future__ import annotations

from bpy.types import Context, Operator

from . import guarding, unforeseen
from .redraw import SIDE_BARS, redraw
from .registering import Adds


class EMODIFFTALK_OT_copy_details(Operator):
    """Copy what is known about what went wrong to the clipboard, for a report"""

    bl_idname = guarding.COPY_DETAILS
    bl_label = "Copy Details"

    def execute(self, context: Context) -> set[str]:
        """Copy it."""
        context.window_manager.clipboard = unforeseen.all_details()
        self.report({"INFO"}, "Copied. Paste it into your report")
        return {"FINISHED"}


class EMODIFFTALK_OT_wave_away(Operator):
    """Say no more about this; its details can still be copied under Other Tools"""

    bl_idname = "emodifftalk.wave_away"
    bl_label = "Close"

    def execute(self, context: Context) -> set[str]:
        """Forget the sentence."""
        unforeseen.wave_away()
        redraw(SIDE_BARS)
        return {"FINISHED"}


ADDS = Adds(classes=(EMODIFFTALK_OT_copy_details, EMODIFFTALK_OT_wave_away))
