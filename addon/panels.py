"""The EmoDiffTalk tab of the 3D viewport's side bar, from top to bottom the way an animator works."""

from __future__ import annotations

import bpy
from bpy.types import Context, Object, Panel, UILayout, UIList

from emodifftalk.core.clock import clock_text
from emodifftalk.core.facs import AU_LABELS

from .backend import connection
from .backend.client import BUSY, DEAD, READY, STARTING
from .backend.panel import draw_remedy
from .blender import compat
from .curves import confidence
from .playback import gaussians
from .render.engine import ENGINE, TRUE_TRANSFORMS
from .scene.heads import active_head, settings
from .scene.names import au_property
from .scene.panel_parts import AU_GROUPS, InTab, OfHead, draw_problem, draw_sentence, letters
from .scene.strips import scene_clock, sound_strips, strip_scene, voice_strips
from .takes.generate import Job, job_of, job_text
from .takes.status import EMODIFFTALK_PT_take_status, draw_status
from .timeline.emotion_panel import EMODIFFTALK_MT_labels, EMODIFFTALK_PT_emotion, EMODIFFTALK_PT_prompt
from .timeline.pick_voice import draw_offer
from .viewport import drawing

_STATES = {
    READY: ("Ready", "CHECKMARK"),
    BUSY: ("Working", "SORTTIME"),
    STARTING: ("Starting", "SORTTIME"),
    DEAD: ("Stopped by a problem", "ERROR"),
}


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
            return
        kept = settings(head)
        row = layout.row(align=True)
        row.prop(head, "name", text="", icon="USER")
        row.operator("emodifftalk.import_subject", text="", icon="IMPORT")
        layout.prop(kept, "subject_path", text="")
        layout.prop(context.window_manager.emodifftalk, "show_gaussians")
        details = [f"{kept.subject_points:,} Gaussians", kept.subject_licence]
        layout.label(text=" · ".join(part for part in details if part))
        problem = gaussians.problems.get(head.session_uid)
        for sentence in (problem, drawing.problem):
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
        else:
            row.operator("emodifftalk.add_voice", icon="SOUND", text="Add Voice…")
        draw_offer(layout, head, scene)
        spoken = voice_strips(head, scene)
        if spoken:
            start, end = compat.left_handle(spoken[0]), max(compat.right_handle(strip) for strip in spoken)
            seconds = scene_clock(scene, start).seconds(end)
            layout.label(text=f"{clock_text(seconds)}  ·  frames {start:.0f} to {end - 1:.0f}")
        elif sound_strips(scene):
            layout.label(text="Choose the strip this head speaks", icon="INFO")


class EMODIFFTALK_PT_acting(OfHead, Panel):
    """How strongly it shows."""

    bl_label = "Acting"

    def draw(self, context: Context) -> None:
        """The style of the performance."""
        layout, kept = self.layout, settings(active_head(context))
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(kept, "expressiveness")
        layout.prop(kept, "lip_sync")
        layout.prop(kept, "liveliness")
        layout.prop(kept, "voice_feeling")
        layout.prop(kept, "gap")
        layout.prop(kept, "seed")
        layout.prop(kept, "mode")
        if kept.mode == "paper":
            column = layout.column(align=True)
            column.prop(kept, "alpha")
            column.prop(kept, "beta")


class EMODIFFTALK_PT_fine(OfHead, Panel):
    """Curves an animator draws herself."""

    bl_label = "Mood, Gaze and Action Units"
    bl_parent_id = "EMODIFFTALK_PT_acting"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Context) -> None:
        """Sliders that take keyframes."""
        layout, kept = self.layout, settings(active_head(context))
        layout.use_property_split = True
        row = layout.row(align=True)
        column = row.column(align=True)
        column.prop(kept, "valence", slider=True)
        column.prop(kept, "arousal", slider=True)
        pad = row.column(align=True)
        pad.scale_y = 2.0
        shown = context.window_manager.emodifftalk_pad.shown
        pad.operator("emodifftalk.affect_pad", text="", icon="PIVOT_CURSOR", depress=shown)
        column = layout.column(align=True)
        column.active = steers = gaussians.steers(active_head(context))
        column.prop(kept, "gaze_yaw", slider=True)
        column.prop(kept, "gaze_pitch", slider=True)
        if not steers:
            column.label(text="This subject's eyes cannot be steered", icon="INFO")
        for title, aus in AU_GROUPS:
            column = layout.column(align=True, heading=title)
            column.label(text=title)
            for au in aus:
                column.prop(kept.aus, au_property(au), text=AU_LABELS[au], slider=True)


class EMODIFFTALK_UL_takes(UIList):
    """The takes of a head."""

    bl_idname = "EMODIFFTALK_UL_takes"

    def draw_item(self, context, layout, data, item, icon, active_data, active_property, index=0, flt_flag=0) -> None:
        """Name, length and seed of a take."""
        row = layout.row(align=True)
        row.prop(item, "name", text="", emboss=False, icon="PLAY" if index == data.active_take else "BLANK1")
        right = row.row()
        right.alignment = "RIGHT"
        right.label(text=f"{clock_text(item.frames / 25)}  seed {item.seed}")


class EMODIFFTALK_PT_generate(OfHead, Panel):
    """Making takes and choosing among them."""

    bl_label = "Takes"

    def draw(self, context: Context) -> None:
        """Generate or progress, what went wrong, the takes there are."""
        layout, head = self.layout, active_head(context)
        job, width = job_of(head), letters(context)
        if job is not None and job.running and not job.live:
            _draw_job(layout, job)
        else:
            row = layout.row()
            row.scale_y = 1.5
            row.operator("emodifftalk.generate", icon="RENDER_ANIMATION")
            _draw_obstacle(layout, job, width)
            draw_status(layout, head, context)
        kept = settings(head)
        if not len(kept.takes):
            return
        row = layout.row()
        row.template_list("EMODIFFTALK_UL_takes", "", kept, "takes", kept, "active_take", rows=2, maxrows=5)
        row.column(align=True).operator("emodifftalk.remove_take", text="", icon="REMOVE")
        entry = gaussians.active_take(head)
        if entry is not None:
            if entry.note:
                draw_sentence(layout, entry.note, width=width)
            _draw_confidence(layout, head)
            layout.operator("emodifftalk.export_ply", icon="EXPORT", text="Export Gaussians (.ply)…")


def _draw_confidence(layout: UILayout, head: Object) -> None:
    text = confidence.line(head)
    if not text:
        return
    row = layout.row(align=True)
    row.label(text=text, icon="ERROR" if confidence.stretched(head) else "CHECKMARK")
    row.operator("emodifftalk.previous_stretch", text="", icon="PREV_KEYFRAME")
    row.operator("emodifftalk.next_stretch", text="", icon="NEXT_KEYFRAME")
    now = settings(head).confidence
    layout.progress(text=f"Confidence {now:.0%}", factor=now)


class EMODIFFTALK_PT_render(OfHead, Panel):
    """How the head gets into pictures."""

    bl_label = "Render"

    def draw(self, context: Context) -> None:
        """Switch to our engine, and what changes the looks."""
        layout, scene = self.layout, context.scene
        if scene.render.engine != ENGINE:
            layout.operator("emodifftalk.use_engine", icon="RENDER_STILL")
            return
        row = layout.row(align=True)
        row.operator("render.render", text="Image", icon="RENDER_STILL").write_still = False
        row.operator("render.render", text="Animation", icon="RENDER_ANIMATION").animation = True
        layout.prop(scene.render, "film_transparent", text="Transparent")
        if scene.view_settings.view_transform not in TRUE_TRANSFORMS:
            name = scene.view_settings.view_transform
            draw_sentence(layout, f"{name} changes the head's colours; Standard keeps them.", "INFO", letters(context))
            layout.operator("emodifftalk.use_engine", text="Use Standard")


def _draw_job(layout: UILayout, job: Job) -> None:
    row = layout.row(align=True)
    row.scale_y = 1.5
    row.progress(text=f"{job_text(job)}  {job.fraction:.0%}", factor=job.fraction)
    row.operator("emodifftalk.cancel", text="", icon="CANCEL")


def _draw_obstacle(layout: UILayout, job: Job | None, width: int) -> None:
    if not draw_remedy(layout, width) and job is not None and job.problem:
        draw_problem(layout, job.problem, width)


class EMODIFFTALK_PT_backend(InTab, Panel):
    """The process that makes takes."""

    bl_label = "Backend"
    bl_options = {"DEFAULT_CLOSED"}

    def draw_header_preset(self, context: Context) -> None:
        """Its state, seen while the panel is closed."""
        name, icon = _STATES.get(connection.client.state, ("", "NONE"))
        if name:
            self.layout.label(text=name, icon=icon)

    def draw(self, context: Context) -> None:
        """State, what it found on this machine, its last words; or how to get it."""
        width = letters(context)
        if not draw_remedy(self.layout, width):
            draw_backend(self.layout, width)


def draw_backend(layout: UILayout, width: int) -> None:
    """The backend's state, what it works with and, when it has died, the end of its log."""
    client = connection.client
    name, icon = _STATES.get(client.state, ("Not started", "RADIOBUT_OFF"))
    row = layout.row()
    row.label(text=name, icon=icon)
    row.operator("emodifftalk.restart_backend", text="Start" if client.state == "stopped" else "Restart")
    for key, title in (
        ("device", "Device"),
        ("rasterizer", "Rasterizer"),
        ("front_end", "Speech"),
        ("text_encoder", "Words"),
        ("version", "Version"),
    ):
        if key in client.hello:
            split = layout.split(factor=0.4)
            split.label(text=title)
            split.label(text=client.hello[key])
    if client.problem:
        draw_problem(layout, client.problem, width)
        box = layout.box().column(align=True)
        box.scale_y = 0.8
        for line in list(client.log)[-6:]:
            box.label(text=line[: width + 10])


_CLASSES: tuple[type, ...] = (
    EMODIFFTALK_MT_labels,
    EMODIFFTALK_UL_takes,
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
)

register, unregister = bpy.utils.register_classes_factory(_CLASSES)
