"""Operators that are greyed out say why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bpy.types import Context

if TYPE_CHECKING:  # that it is mixed into one; when it runs, Blender would take a class of this base for an operator
    from bpy.types import Operator
else:
    Operator = object


class Explained(Operator):
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
