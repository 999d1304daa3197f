"""The panel for heads in the renders of other engines."""

from __future__ import annotations

from bpy.types import Context, Panel, Scene, UILayout

from ..blender import compat
from ..draw.colours import ENGINE, TRUE_TRANSFORMS
from ..draw.left_out import engine_name, left_out_for_panels
from ..scene.composite_settings import composite_settings
from ..scene.heads import active_head, heads
from ..scene.panel_parts import InTab, draw_problem, draw_sentence, letters
from . import nodes, shadow
from .operators import is_in


class EMODIFFTALK_PT_composite(InTab, Panel):
    """Heads in a shot that another engine renders."""

    bl_label = "Heads in a Shot"
    bl_parent_id = "EMODIFFTALK_PT_render"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """With a head, in a scene that another engine renders."""
        return active_head(context) is not None and context.scene.render.engine != ENGINE

    def draw(self, context: Context) -> None:
        """Put them in, or what became of it."""
        layout, scene, width = self.layout, context.scene, letters(context)
        engine, missing = engine_name(scene), left_out_for_panels(scene)
        if not is_in(scene):
            layout.operator("emodifftalk.put_heads_in", icon="NODE_COMPOSITING")
            if missing:
                draw_problem(layout, missing, width)
            draw_sentence(layout, f"{engine} renders the scene, EmoDiffTalk the heads; depth joins them.", width=width)
            return
        row = layout.row(align=True)
        row.label(text=f"Rendered into {engine}'s picture", icon="CHECKMARK")
        row.operator("emodifftalk.put_heads_in", text="", icon="FILE_REFRESH")
        row.operator("emodifftalk.take_heads_out", text="", icon="X")
        if missing:
            draw_problem(layout, missing, width)
        _draw_colours(layout, scene, width)
        _draw_light(layout, scene)
        why_none = shadow.why_none(scene)
        if why_none and any(shadow.shadow_of(head) for head in heads(scene)):
            draw_sentence(layout, why_none, "INFO", width)
        draw_sentence(layout, "Lamps and meshes cannot light or shade the heads: set exposure and tint.", width=width)


def _draw_colours(layout: UILayout, scene: Scene, width: int) -> None:
    view, composite = scene.view_settings.view_transform, composite_settings(scene)
    if view in TRUE_TRANSFORMS:
        return
    if nodes.can_undo(view):
        layout.prop(composite, "keep_colours")
        if not composite.keep_colours:
            draw_sentence(layout, f"{view} changes the heads' colours.", "INFO", width)
        elif scene.view_settings.look not in ("", "None"):
            draw_sentence(layout, "The look changes the heads' colours: choose None to keep them.", "INFO", width)
    else:
        draw_sentence(layout, f"{view} changes the heads' colours and cannot be undone.", "INFO", width)


def _draw_light(layout: UILayout, scene: Scene) -> None:
    group = next(
        (node for node in nodes.our_nodes(compat.compositor(scene)) if node.bl_idname == "CompositorNodeGroup"), None
    )
    if group is None:
        return
    column = layout.column(align=True)
    column.prop(group.inputs["Exposure"], "default_value", text="Exposure of Heads")
    column.prop(group.inputs["Tint"], "default_value", text="Tint of Heads")
