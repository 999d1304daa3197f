"""Properties → Render and View Layer: how heads are drawn, in the final frame and in viewports."""

from __future__ import annotations

from bpy.types import Context, Panel, UILayout

from ..blender.registering import Adds
from ..draw.colours import ENGINE, TRUE_TRANSFORMS
from ..draw.left_out import left_out_for_panels
from ..draw.settings import drawing_settings, layer_settings
from ..scene.heads import drawn
from ..scene.panel_parts import OfHead, draw_lines, letters


class _Tab(Panel):
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "render"

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Under our engine."""
        return context.engine == ENGINE


def _rows(panel: Panel) -> UILayout:
    panel.layout.use_property_split = True
    panel.layout.use_property_decorate = False
    return panel.layout


class RENDER_PT_emodifftalk_sampling(_Tab, Panel):
    """Who draws final frames."""

    bl_label = "Drawing"

    def draw(self, context: Context) -> None:
        """One choice."""
        _rows(self).prop(drawing_settings(context.scene), "rasterizer")


class RENDER_PT_emodifftalk_motion_blur(_Tab, Panel):
    """Motion blur by pictures between frames."""

    bl_label = "Motion Blur"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header(self, context: Context) -> None:
        """Blender's own switch."""
        self.layout.prop(context.scene.render, "use_motion_blur", text="")

    def draw(self, context: Context) -> None:
        """Blender's own shutter, our steps."""
        rows, render = _rows(self), context.scene.render
        rows.active = render.use_motion_blur
        rows.prop(render, "motion_blur_position", text="Position")
        rows.prop(render, "motion_blur_shutter")
        rows.prop(drawing_settings(context.scene), "blur_samples")


class RENDER_PT_emodifftalk_film(_Tab, Panel):
    """What is behind the heads."""

    bl_label = "Film"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """Blender's own switch."""
        _rows(self).prop(context.scene.render, "film_transparent", text="Transparent")


def _draw_budget(rows: UILayout, context: Context) -> None:
    budget = drawing_settings(context.scene)
    rows.prop(budget, "resolution")
    rows.prop(budget, "share")
    still = rows.row()
    still.active = (budget.resolution, budget.share) != (100, 100)
    still.prop(budget, "full_when_still")


class RENDER_PT_emodifftalk_viewport(_Tab, Panel):
    """How finely viewports draw heads, whatever the engine."""

    bl_label = "Heads in Viewports"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """Where there is a head."""
        return context.engine == ENGINE or any(True for _ in drawn(context.scene))

    def draw(self, context: Context) -> None:
        """The budget."""
        _draw_budget(_rows(self), context)


class EMODIFFTALK_PT_viewport(OfHead, Panel):
    """The same at hand in the viewport."""

    bl_label = "Viewport"
    bl_idname = "EMODIFFTALK_PT_viewport"
    bl_parent_id = "EMODIFFTALK_PT_render"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """The budget."""
        _draw_budget(_rows(self), context)


class VIEWLAYER_PT_emodifftalk_passes(_Tab, Panel):
    """The passes of our engine."""

    bl_label = "Passes"
    bl_context = "view_layer"

    def draw(self, context: Context) -> None:
        """Mask is always there."""
        layer = context.view_layer
        rows = _rows(self).column(heading="Include")
        rows.prop(layer, "use_pass_z", text="Depth")
        rows.prop(layer, "use_pass_object_index")
        rows.prop(layer_settings(layer), "mask_per_head")


_PANELS = (
    RENDER_PT_emodifftalk_sampling,
    RENDER_PT_emodifftalk_motion_blur,
    RENDER_PT_emodifftalk_film,
    RENDER_PT_emodifftalk_viewport,
    VIEWLAYER_PT_emodifftalk_passes,
)

ADDS = Adds(classes=_PANELS)


class EMODIFFTALK_PT_render(OfHead, Panel):
    """How the head gets into pictures."""

    bl_label = "Render"

    def draw_header(self, context: Context) -> None:
        """A sign when renders would lack a head, also while the panel is closed."""
        if left_out_for_panels(context.scene):
            self.layout.label(text="", icon="ERROR")

    def draw(self, context: Context) -> None:
        """Switch to our engine, and what changes the looks."""
        layout, scene = self.layout, context.scene
        layout.operator("emodifftalk.camera_on_head", icon="CAMERA_DATA")
        row = layout.row(align=True)
        row.operator("render.render", text="Image", icon="RENDER_STILL").write_still = False
        row.operator("render.render", text="Animation", icon="RENDER_ANIMATION").animation = True
        layout.prop(scene.render, "film_transparent", text="Transparent")
        ours, view = scene.render.engine == ENGINE, scene.view_settings.view_transform
        changed = ours and view not in TRUE_TRANSFORMS
        row = layout.row(align=True)
        row.enabled = changed or not ours
        row.operator("emodifftalk.use_engine", text="Use Standard Colours" if ours else "Render with EmoDiffTalk")
        draw_lines(layout, f"{view} changes its colours" if changed else "", 1, letters(context) - 4, "INFO")
