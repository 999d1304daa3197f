"""The add-on's preferences: where the backend's Python is."""

import bpy
from bpy.props import StringProperty
from bpy.types import AddonPreferences, Context

from .connection import unavailable_reason
from .panel_parts import draw_sentence
from .panels import draw_backend
from .preference_values import PACKAGE


class EMODIFFTALK_AP_preferences(AddonPreferences):
    """Shown under Edit → Preferences → Add-ons → EmoDiffTalk."""

    bl_idname = PACKAGE

    python_path: StringProperty(
        name="Backend Python",
        description="The Python that has the backend (empty: EMODIFFTALK_PYTHON, then .venv beside the add-on)",
        subtype="FILE_PATH",
    )

    def draw(self, context: Context) -> None:
        """The path, what it leads to, and how to get one."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "python_path")
        reason = unavailable_reason()
        if reason:
            draw_sentence(layout, reason, icon="ERROR", width=90)
        else:
            draw_backend(layout, width=90)


def register() -> None:
    """Show the preferences."""
    bpy.utils.register_class(EMODIFFTALK_AP_preferences)


def unregister() -> None:
    """Hide them."""
    bpy.utils.unregister_class(EMODIFFTALK_AP_preferences)
