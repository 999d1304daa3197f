"""The EmoDiffTalk tab of the 3D viewport's side bar, from top to bottom the way an animator works."""

from __future__ import annotations

from bpy.types import Context, Panel

from emodifftalk.core.clock import clock_text

from .backend.panel import EMODIFFTALK_PT_backend
from .blender import compat
from .blender.registering import Adds
from .capture.panel import EMODIFFTALK_PT_capture
from .composite.panel import EMODIFFTALK_PT_composite
from .curves.panel import EMODIFFTALK_PT_au_curves
from .files.add_head import draw_samples
from .files.panel import EMODIFFTALK_PT_tools
from .playback import sources
from .render.panels import EMODIFFTALK_PT_render, EMODIFFTALK_PT_viewport
from .scene.heads import AU_PROPERTIES, active_head, settings
from .scene.panel_parts import AU_GROUPS, BESIDE_VALUE, InTab, OfHead, letters, unit_name
from .scene.properties import window_settings
from .scene.strips import scene_clock, strip_scene, voice_strips
from .shots.panel import EMODIFFTALK_PT_shot, EMODIFFTALK_PT_shot_output, EMODIFFTALK_PT_shots, EMODIFFTALK_UL_shots
from .takes.panel import EMODIFFTALK_PT_generate, EMODIFFTALK_PT_take_details, EMODIFFTALK_UL_takes
from .takes.status import EMODIFFTALK_PT_take_status
from .timeline.affect_pad import pad_settings
from .timeline.emotion_panel import EMODIFFTALK_MT_labels, EMODIFFTALK_PT_emotion, EMODIFFTALK_PT_prompt
from .timeline.fitting import draw_fit
from .timeline.pick_voice import draw_offer
from .timeline.prompt_list import EMODIFFTALK_UL_prompts
from .timeline.sound_sync import draw_offer_of_sync
from .timeline.whose import draw_strip_colour
from .top_line import EMODIFFTALK_PT_details, EMODIFFTALK_PT_top_line


class EMODIFFTALK_PT_head(InTab, Panel):
    """The head."""

    bl_label = "Head"

    def draw(self, context: Context) -> None:
        """The head's name, or how to get one."""
        layout, head = self.layout, active_head(context)
        if head is None:
            self._draw_ways_in(context)
            return
        row = layout.row(align=True)
        row.prop(head, "name", text="", icon="USER")
        shown = window_settings(context).show_gaussians
        row.prop(window_settings(context), "show_gaussians", text="", icon="HIDE_OFF" if shown else "HIDE_ON")
        row.operator("emodifftalk.import_subject", text="", icon="IMPORT")
        row.operator("emodifftalk.talking_head_workspace", text="", icon="WORKSPACE")

    def _draw_ways_in(self, context: Context) -> None:
        """The sample heads, a file, a sample scene."""
        layout = self.layout
        row = layout.row(align=True)
        row.scale_y = 1.5
        draw_samples(row, "Add {}")
        column = layout.column(align=True)
        column.operator("emodifftalk.import_subject", text="Import Subject…", icon="IMPORT")
        column.operator_menu_enum("emodifftalk.open_sample", "scene", icon="FILE_BLEND")
        column.operator("emodifftalk.talking_head_workspace", icon="WORKSPACE")


class EMODIFFTALK_PT_subject(OfHead, Panel):
    """The file that the head is."""

    bl_label = "Subject"
    bl_parent_id = "EMODIFFTALK_PT_head"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """Where it lies, how large it is, under which terms it may be used."""
        layout, head_settings = self.layout, settings(active_head(context))
        layout.prop(head_settings, "subject_path", text="")
        details = [f"{head_settings.subject_points:,} Gaussians", head_settings.subject_licence]
        layout.label(text=" · ".join(part for part in details if part))


class EMODIFFTALK_PT_voice(OfHead, Panel):
    """What the head says."""

    bl_label = "Voice"

    def draw(self, context: Context) -> None:
        """Choose among the sound strips, or bring in a recording."""
        layout, head = self.layout, active_head(context)
        scene = strip_scene(head, context.scene)
        split = layout.split(factor=0.64, align=True)
        split.prop(settings(head), "voice", text="", icon="SOUND", placeholder="No voice")
        row = split.row(align=True)
        row.operator("emodifftalk.add_voice", text="Add…", icon="FILE_NEW")
        draw_strip_colour(row, head, scene)
        draw_offer(layout, head, scene)
        spoken, split = voice_strips(head, scene), layout.split(factor=0.72)
        if spoken:
            start, end = compat.left_handle(spoken[0]), max(compat.right_handle(strip) for strip in spoken)
            seconds = clock_text(scene_clock(scene, start).seconds(end))
            split.label(text=f"{seconds} · {start:.0f} to {end - 1:.0f}")
        else:
            split.label(text="")
        row = split.row(align=True)
        draw_fit(row, context.scene, spoken)
        draw_offer_of_sync(row, context)


class EMODIFFTALK_PT_style(OfHead, Panel):
    """How strongly it shows."""

    bl_label = "Acting"

    def draw(self, context: Context) -> None:
        """The style of the performance."""
        layout, head_settings = self.layout, settings(active_head(context))
        column = layout.column(align=True)
        for name in ("expressiveness", "lip_sync", "liveliness", "voice_feeling"):
            column.prop(head_settings, name, slider=True)
        layout.prop(head_settings, "seed")
        layout.row(align=True).prop(head_settings, "gap", expand=True)


class EMODIFFTALK_PT_blending(OfHead, Panel):
    """How feelings and speech are put together."""

    bl_label = "Blending"
    bl_parent_id = "EMODIFFTALK_PT_style"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """The edit, and the two numbers of the published one."""
        layout, head_settings = self.layout, settings(active_head(context))
        layout.row(align=True).prop(head_settings, "mode", expand=True)
        column = layout.column(align=True)
        column.enabled = head_settings.mode == "paper"
        column.prop(head_settings, "alpha")
        column.prop(head_settings, "beta")


class EMODIFFTALK_PT_fine(OfHead, Panel):
    """Curves drawn by hand."""

    bl_label = "Mood, Gaze and Action Units"
    bl_parent_id = "EMODIFFTALK_PT_style"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """Sliders that take keyframes."""
        layout, head = self.layout, active_head(context)
        head_settings, width = settings(head), letters(context) - BESIDE_VALUE - 1
        row = layout.row(align=True)
        column = row.column(align=True)
        column.prop(head_settings, "valence", slider=True)
        column.prop(head_settings, "arousal", slider=True)
        pad = row.column(align=True)
        pad.scale_y = 2.0
        pad.operator("emodifftalk.affect_pad", text="", icon="PIVOT_CURSOR", depress=pad_settings(context).shown)
        column = layout.column(align=True)
        column.active = sources.steers(head)
        column.prop(head_settings, "gaze_yaw", slider=True)
        column.prop(head_settings, "gaze_pitch", slider=True)
        if not column.active:
            column.label(text="Its eyes cannot be steered", icon="INFO")
        for title, aus in AU_GROUPS:
            column = layout.column(align=True)
            column.label(text=title)
            for au in aus:
                column.prop(head_settings.aus, AU_PROPERTIES[au], text=unit_name(au, width), slider=True)


ADDS = Adds(
    classes=(
        EMODIFFTALK_MT_labels,
        EMODIFFTALK_UL_prompts,
        EMODIFFTALK_UL_takes,
        EMODIFFTALK_UL_shots,
        EMODIFFTALK_PT_details,
        EMODIFFTALK_PT_prompt,
        EMODIFFTALK_PT_top_line,
        EMODIFFTALK_PT_head,
        EMODIFFTALK_PT_subject,
        EMODIFFTALK_PT_voice,
        EMODIFFTALK_PT_emotion,
        EMODIFFTALK_PT_style,
        EMODIFFTALK_PT_blending,
        EMODIFFTALK_PT_fine,
        EMODIFFTALK_PT_generate,
        EMODIFFTALK_PT_take_details,
        EMODIFFTALK_PT_au_curves,
        EMODIFFTALK_PT_take_status,
        EMODIFFTALK_PT_render,
        EMODIFFTALK_PT_composite,
        EMODIFFTALK_PT_viewport,
        EMODIFFTALK_PT_shots,
        EMODIFFTALK_PT_shot,
        EMODIFFTALK_PT_shot_output,
        EMODIFFTALK_PT_tools,
        EMODIFFTALK_PT_capture,
        EMODIFFTALK_PT_backend,
    ),
)
"""The panels in the order in which they stand, a panel before those within it. At the top level no more than eight
beside the line: Head, Voice, Emotion, Acting, Takes, Render, Shots, Other Tools."""
