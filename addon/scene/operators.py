"""What operators on heads need before they can be pressed."""

from __future__ import annotations

from bpy.types import Context

from ..blender.operators import Explained
from .heads import active_head, active_take, no_head_reason


class ForHead(Explained):
    """One that needs a head."""

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a head chosen."""
        return no_head_reason(context) if active_head(context) is None else ""


class ForTake(ForHead):
    """One that needs a head with a take."""

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a head that has a take."""
        reason = super().why_not(context)
        return reason or ("" if active_take(active_head(context)) is not None else "Generate a take first")


class InObjectMode(Explained):
    """One that adds something to the scene."""

    @classmethod
    def why_not(cls, context: Context) -> str:
        """In object mode."""
        return "" if context.mode == "OBJECT" else "Switch to Object Mode first"
