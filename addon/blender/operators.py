"""Operators that are greyed out say why."""

from __future__ import annotations

from bpy.types import Context

from ..scene.heads import active_head, no_head_reason


class Explained:
    """Mixed into an operator: it can be pressed while `why_not` has nothing to say, else it is greyed out with that."""

    @classmethod
    def why_not(cls, context: Context) -> str:
        """Why it cannot be pressed now; empty when it can."""
        raise NotImplementedError

    @classmethod
    def poll(cls, context: Context) -> bool:
        """As `why_not` says."""
        reason = cls.why_not(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason


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
        from ..playback.gaussians import active_take

        reason = super().why_not(context)
        return reason or ("" if active_take(active_head(context)) is not None else "Generate a take first")


class InObjectMode(Explained):
    """One that adds something to the scene."""

    @classmethod
    def why_not(cls, context: Context) -> str:
        """In object mode."""
        return "" if context.mode == "OBJECT" else "Switch to Object Mode first"
