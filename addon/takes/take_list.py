"""The list of takes of a head: takes leave it, and those that waited for a deleted head come in."""

from __future__ import annotations

from bpy.types import Context, Operator

from emodifftalk.core.errors import UserError

from ..blender.operators import Explained
from ..blender.registering import Adds
from ..scene.heads import absolute, active_head, active_take, settings
from ..scene.operators import ForHead
from . import waiting
from .generate import list_take


class EMODIFFTALK_OT_remove_take(Explained, Operator):
    """Take this take off the list; its file stays on disk"""

    bl_idname = "emodifftalk.remove_take"
    bl_label = "Remove Take"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a take chosen."""
        head = active_head(context)
        return "There is no take to remove" if head is None or active_take(head) is None else ""

    def execute(self, context: Context) -> set[str]:
        """Remove the entry and play its neighbour."""
        head = active_head(context)
        head_settings, path = settings(head), absolute(active_take(head).path, head)
        waiting.decline(path)
        head_settings.takes.remove(head_settings.active_take)
        head_settings.active_take = max(0, min(head_settings.active_take, len(head_settings.takes) - 1))
        return {"FINISHED"}


class EMODIFFTALK_OT_list_waiting_takes(ForHead, Operator):
    """Put the takes that were made of this head while it was deleted into its list, and play the latest"""

    bl_idname = "emodifftalk.list_waiting_takes"
    bl_label = "List Them"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With takes that wait."""
        reason, head = super().why_not(context), active_head(context)
        if head is None:
            return reason
        return "" if waiting.of(head) else "No take of this head waits to be listed"

    def execute(self, context: Context) -> set[str]:
        """List those that can be read, and say what is wrong with the others."""
        head = active_head(context)
        before = len(settings(head).takes)
        for job in waiting.of(head):
            try:
                list_take(head, job)
            except UserError as error:
                self.report({"ERROR"}, str(error))
        return {"FINISHED"} if len(settings(head).takes) > before else {"CANCELLED"}


ADDS = Adds(classes=(EMODIFFTALK_OT_remove_take, EMODIFFTALK_OT_list_waiting_takes))
