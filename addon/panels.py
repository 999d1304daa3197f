"""The EmoDiffTalk tab of the 3D viewport's side bar, from top to bottom the way an animator works."""

from __future__ import annotations

from bpy.types import Context, Panel

from emodifftalk.core.clock import clock_text
from emodifftalk.core.facs import AU_LABELS

from .backend.panel import EMODIFFTALK_PT_backend
from .blender import compat
from .blender.registering import Adds
from .capture.panel import EMODIFFTALK_PT_capture
from .composite.panel import EMODIFFTALK_PT_composite
from .curves.panel import EMODIFFTALK_PT_au_curves
from .files.panel import EMODIFFTALK_PT_exchange
from .files.relink import EMODIFFTALK_PT_missing
from .playback import gaussians, sources
from .render.panels import EMODIFFTALK_PT_render, EMODIFFTALK_PT_viewport
from .scene.heads import AU_PROPERTIES, active_head, settings
from .scene.panel_parts import AU_GROUPS, InTab, OfHead, draw_problem, draw_sentence, letters
from .scene.properties import window_settings
from .scene.strips import scene_clock, sound_strips, strip_scene, voice_strips
from .shots.panel import EMODIFFTALK_PT_shot, EMODIFFTALK_PT_shot_output, EMODIFFTALK_PT_shots, EMODIFFTALK_UL_shots
from .takes.live_panel import EMODIFFTALK_PT_live
from .takes.panel import EMODIFFTALK_PT_generate, EMODIFFTALK_UL_takes
from .takes.status import EMODIFFTALK_PT_take_status
from .timeline.affect_pad import pad_settings
from .timeline.emotion_panel import EMODIFFTALK_MT_labels, EMODIFFTALK_PT_emotion, EMODIFFTALK_PT_prompt
from .timeline.fitting import draw_fit
from .timeline.pick_voice import draw_offer
from .timeline.sound_sync import draw_offer_of_sync
from .timeline.whose import draw_strip_colour
from .viewport import drawing


class EMODIFFTALK_PT_subject(InTab, Panel):
    """The head."""

    bl_label = "Subject"

    def draw(self, context: Context) -> None:
        """The head's name and file, or how to get one."""
        layout, head = self.layout, active_head(context)
        if head is None:
            layout.operator("emodifftalk.import_subject", icon="IMPORT")
            draw_sentence(layout, "A subject is one trained head, a .safetensors file.", width=letters(context))
            layout.operator_menu_enum("emodifftalk.open_sample", "scene", icon="FILE_BLEND")
            layout.operator("emodifftalk.talking_head_workspace", icon="WORKSPACE")
            return
        head_settings = settings(head)
        row = layout.row(align=True)
        row.prop(head, "name", text="", icon="USER")
        row.operator("emodifftalk.import_subject", text="", icon="IMPORT")
        layout.prop(head_settings, "subject_path", text="")
        row = layout.row(align=True)
        row.prop(window_settings(context), "show_gaussians")
        row.operator("emodifftalk.talking_head_workspace", text="", icon="WORKSPACE")
        details = [f"{head_settings.subject_points:,} Gaussians", head_settings.subject_licence]
        layout.label(text=" · ".join(part for part in details if part))
        problem = gaussians.problems.get(head.session_uid)
        for sentence in (problem, drawing.state.problem):
            if sentence:
                draw_problem(layout, sentence, letters(context))


class EMODIFFTALK_PT_voice(OfHead, Panel):
    """What the head says."""

    bl_label = "Voice"

    def draw(self, context: Context) -> None:
        """Choose among the sound strips, or bring in a recording."""
        layout, head = self.layout, active_head(context)
        scene = strip_scene(head, context.scene)
        row = layout.row(align=True)
        if sound_strips(scene):
            row.prop(settings(head), "voice", text="", icon="SOUND")
            row.operator("emodifftalk.add_voice", text="", icon="FILE_NEW")
            draw_strip_colour(row, head, scene)
        else:
            row.operator("emodifftalk.add_voice", icon="SOUND", text="Add Voice…")
        draw_offer(layout, head, scene)
        spoken = voice_strips(head, scene)
        if spoken:
            start, end = compat.left_handle(spoken[0]), max(compat.right_handle(strip) for strip in spoken)
            seconds = scene_clock(scene, start).seconds(end)
            row = layout.row(align=True)
            row.label(text=f"{clock_text(seconds)}  ·  frames {start:.0f} to {end - 1:.0f}")
            draw_fit(row, context.scene, spoken)
        elif sound_strips(scene):
            layout.label(text="Choose the strip this head speaks", icon="INFO")
        draw_offer_of_sync(layout, context)


class EMODIFFTALK_PT_acting(OfHead, Panel):
    """How strongly it shows."""

    bl_label = "Acting"

    def draw(self, context: Context) -> None:
        """The style of the performance."""
        layout, head_settings = self.layout, settings(active_head(context))
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(head_settings, "expressiveness")
        layout.prop(head_settings, "lip_sync")
        layout.prop(head_settings, "liveliness")
        layout.prop(head_settings, "voice_feeling")
        layout.prop(head_settings, "gap")
        layout.prop(head_settings, "seed")
        layout.prop(head_settings, "mode")
        if head_settings.mode == "paper":
            column = layout.column(align=True)
            column.prop(head_settings, "alpha")
            column.prop(head_settings, "beta")


class EMODIFFTALK_PT_fine(OfHead, Panel):
    """Curves drawn by hand."""

    bl_label = "Mood, Gaze and Action Units"
    bl_parent_id = "EMODIFFTALK_PT_acting"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """Sliders that take keyframes."""
        layout, head_settings = self.layout, settings(active_head(context))
        layout.use_property_split = True
        row = layout.row(align=True)
        column = row.column(align=True)
        column.prop(head_settings, "valence", slider=True)
        column.prop(head_settings, "arousal", slider=True)
        pad = row.column(align=True)
        pad.scale_y = 2.0
        shown = pad_settings(context).shown
        pad.operator("emodifftalk.affect_pad", text="", icon="PIVOT_CURSOR", depress=shown)
        column = layout.column(align=True)
        column.active = steers = sources.steers(active_head(context))
        column.prop(head_settings, "gaze_yaw", slider=True)
        column.prop(head_settings, "gaze_pitch", slider=True)
        if not steers:
            column.label(text="This subject's eyes cannot be steered", icon="INFO")
        for title, aus in AU_GROUPS:
            column = layout.column(align=True, heading=title)
            column.label(text=title)
            for au in aus:
                column.prop(head_settings.aus, AU_PROPERTIES[au], text=AU_LABELS[au], slider=True)


ADDS = Adds(
    classes=(
        EMODIFFTALK_MT_labels,
        EMODIFFTALK_UL_takes,
        EMODIFFTALK_UL_shots,
        EMODIFFTALK_PT_subject,
        EMODIFFTALK_PT_voice,
        EMODIFFTALK_PT_emotion,
        EMODIFFTALK_PT_generate,
        EMODIFFTALK_PT_take_status,
        EMODIFFTALK_PT_render,
        EMODIFFTALK_PT_acting,
        EMODIFFTALK_PT_fine,
        EMODIFFTALK_PT_backend,
        EMODIFFTALK_PT_prompt,
        EMODIFFTALK_PT_live,
        EMODIFFTALK_PT_au_curves,
        EMODIFFTALK_PT_composite,
        EMODIFFTALK_PT_missing,
        EMODIFFTALK_PT_shots,
        EMODIFFTALK_PT_shot,
        EMODIFFTALK_PT_shot_output,
        EMODIFFTALK_PT_exchange,
        EMODIFFTALK_PT_capture,
        EMODIFFTALK_PT_viewport,
    ),
)
"""The panels in the order in which they stand, a panel before those within it."""
