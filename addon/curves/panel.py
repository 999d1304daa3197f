"""The panel of a take's action units: shown as curves, drawn over, muted, scaled."""

from __future__ import annotations

from bpy.types import Context, FCurve, Object, Panel, UILayout

from ..blender import compat
from ..scene.heads import AU_PROPERTIES, active_head, settings
from ..scene.panel_parts import AU_GROUPS, BESIDE_VALUE, OfHead, letters, unit_name
from ..scene.properties import window_settings
from .au_curves import drawn_over, path_of

_BUTTONS = 6
"""Letters that the buttons of a curve take."""


class EMODIFFTALK_PT_au_curves(OfHead, Panel):
    """A mixing desk of action units. What is changed here shows in the next take"""

    bl_label = "Action Unit Curves"
    bl_parent_id = "EMODIFFTALK_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """Show or remove the curves; a line for each unit."""
        layout, head = self.layout, active_head(context)
        curves = {curve.data_path: curve for curve in compat.fcurves(head)}
        row = layout.row(align=True)
        split = row.split(factor=0.68, align=True)
        split.operator("emodifftalk.show_au_curves", icon="FCURVE")
        gains = split.row(align=True)
        gains.enabled = any(path_of(au) in curves for au in AU_PROPERTIES)
        gains.prop(window_settings(context), "show_gains", toggle=True)
        row.operator("emodifftalk.remove_au_curves", text="", icon="TRASH")
        layout.prop(settings(head), "hand_follows")
        drawn = drawn_over(head)
        for title, aus in AU_GROUPS:
            column = layout.column(align=True)
            column.label(text=title)
            for au in aus:
                _draw_unit(column.row(align=True), head, au, curves.get(path_of(au)), au in drawn, context)


def _draw_unit(row: UILayout, head: Object, au: str, curve: FCurve | None, drawn: bool, context: Context) -> None:
    """Whether it is used, its curve or else its gain, and what can be done with the curve."""
    head_settings, name, width = settings(head), AU_PROPERTIES[au], letters(context) - BESIDE_VALUE - 2
    muted = getattr(head_settings.au_mutes, name)
    row.prop(head_settings.au_mutes, name, text="", invert_checkbox=True)
    value = row.row(align=True)
    value.active = not muted
    if curve is None or window_settings(context).show_gains:
        value.prop(head_settings.au_gains, name, text=unit_name(au, width), slider=True)
    else:
        value.prop(head_settings.au_curves, name, text=unit_name(au, width - _BUTTONS), slider=True)
    if curve is None:
        return
    eye = row.operator(
        "emodifftalk.isolate_au_curve",
        text="",
        icon="HIDE_ON" if curve.hide else "HIDE_OFF",
        emboss=False,
    )
    eye.au = au
    reset = row.row(align=True)
    reset.enabled = drawn
    reset.operator("emodifftalk.reset_au_curve", text="", icon="LOOP_BACK" if drawn else "BLANK1", emboss=drawn).au = au
