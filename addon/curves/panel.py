"""The panel of a take's action units: shown as curves, drawn over, muted, scaled."""

from __future__ import annotations

import bpy
from bpy.types import Context, FCurve, Panel, UILayout

from emodifftalk.core.facs import AU_LABELS

from ..blender import compat
from ..scene.heads import AU_PROPERTIES, active_head, settings
from ..scene.panel_parts import AU_GROUPS, OfHead, draw_sentence, letters
from .au_curves import drawn_over, path_of


class EMODIFFTALK_PT_au_curves(OfHead, Panel):
    """A mixing desk of action units. What is changed here shows in the next take"""

    bl_label = "Action Unit Curves"
    bl_parent_id = "EMODIFFTALK_PT_generate"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """Show or remove the curves; a line for each unit."""
        layout, head = self.layout, active_head(context)
        row = layout.row(align=True)
        row.operator("emodifftalk.show_au_curves", icon="FCURVE")
        row.operator("emodifftalk.remove_au_curves", text="", icon="TRASH")
        curves = {curve.data_path: curve for curve in compat.fcurves(head)}
        drawn = drawn_over(head)
        if any(path_of(au) in curves for au in AU_LABELS):
            text = "Edit a curve in the Graph Editor: its unit then follows it when you generate."
            draw_sentence(layout, text, width=letters(context))
        for title, aus in AU_GROUPS:
            column = layout.column(align=True)
            column.label(text=title)
            for au in aus:
                _draw_unit(column, head, au, curves.get(path_of(au)), au in drawn)


def _draw_unit(layout: UILayout, head: bpy.types.Object, au: str, curve: FCurve | None, drawn: bool) -> None:
    head_settings, name = settings(head), AU_PROPERTIES[au]
    row = layout.row(align=True)
    muted = getattr(head_settings.au_mutes, name)
    row.prop(head_settings.au_mutes, name, text="", invert_checkbox=True)
    split = row.split(factor=0.78, align=True)
    left = split.row(align=True)
    left.active = not muted
    if curve is not None:
        left.prop(head_settings.au_curves, name, text=AU_LABELS[au], slider=True)
    else:
        left.label(text=AU_LABELS[au])
    gain = split.row(align=True)
    gain.active = not muted
    gain.prop(head_settings.au_gains, name, text="")
    if curve is not None:
        row.prop(curve, "hide", text="", icon="HIDE_ON" if curve.hide else "HIDE_OFF", emboss=False)
    reset = row.row(align=True)
    reset.enabled = drawn and curve is not None
    reset.operator("emodifftalk.reset_au_curve", text="", icon="LOOP_BACK" if drawn else "BLANK1", emboss=drawn).au = au
