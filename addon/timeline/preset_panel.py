"""The presets beside a prompt: a list to apply, rename and delete, and a button to keep the prompt that is shown."""

from __future__ import annotations

from collections.abc import Set

from bpy.props import StringProperty
from bpy.types import Context, Event, Operator, Panel, TextStrip

from emodifftalk.core.errors import UserError

from ..blender.registering import Adds
from ..scene.heads import active_head
from ..scene.operators import ForHead
from ..scene.panel_parts import draw_problem
from ..scene.strips import au_values, prompt_words, strip_settings, write_aus, write_words
from . import presets
from .colours import colour
from .prompts import active_prompt, add_prompt, listening_scene
from .reading import is_read


def preset_of(strip: TextStrip, name: str) -> presets.Preset:
    """A prompt as a preset."""
    prompt, words = strip_settings(strip), prompt_words(strip).strip()
    aus = au_values(prompt.aus) if prompt.by_hand or is_read(strip) else {}
    return presets.Preset(name, words, aus, prompt.by_hand)


def apply(preset: presets.Preset, strip: TextStrip) -> None:
    """Let a prompt mean what a preset means; its intensity, strength and ease stay."""
    prompt = strip_settings(strip)
    write_words(strip, preset.words)
    write_aus(prompt.aus, preset.aus)
    if not preset.by_hand and preset.aus:
        write_aus(prompt.read_aus, preset.aus)
        prompt.read_text, prompt.answer = preset.words.strip(), ""
    if prompt.by_hand != preset.by_hand:
        prompt.by_hand = preset.by_hand
        write_aus(prompt.aus, preset.aus)  # switching filled them with what the words mean
    colour(strip)


class EMODIFFTALK_OT_save_preset(ForHead, Operator):
    """Keep this prompt, its words and what they do to the face, for other prompts and other files"""

    bl_idname = "emodifftalk.save_preset"
    bl_label = "Save as Preset"

    name: StringProperty(name="Name", description="A preset of the same name is replaced", options={"SKIP_SAVE"})

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a prompt chosen."""
        reason = super().why_not(context)
        if not reason and active_prompt(active_head(context), context.scene) is None:
            reason = "Select a prompt first"
        return reason

    def invoke(self, context: Context, event: Event) -> Set[str]:
        """Ask for a name; the words are a good one."""
        self.name = prompt_words(active_prompt(active_head(context), context.scene)).strip()
        return context.window_manager.invoke_props_dialog(self, confirm_text="Save")

    def execute(self, context: Context) -> set[str]:
        """Write it."""
        try:
            replaced = presets.save(preset_of(active_prompt(active_head(context), context.scene), self.name))
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Preset “{self.name}” {'replaced' if replaced else 'saved'}")
        return {"FINISHED"}


class EMODIFFTALK_OT_apply_preset(ForHead, Operator):
    """Give this feeling to the prompt that is shown, or put it on the timeline at the playhead where there is none"""

    bl_idname = "emodifftalk.apply_preset"
    bl_label = "Apply Preset"
    bl_options = {"REGISTER", "UNDO"}

    preset: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: Context) -> set[str]:
        """Apply it."""
        head = active_head(context)
        try:
            preset = presets.get(self.preset)
            strip = active_prompt(head, context.scene)
            if strip is None:
                strip, _ = add_prompt(head, listening_scene(head, context), preset.words or preset.name)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        apply(preset, strip)
        return {"FINISHED"}


class EMODIFFTALK_OT_rename_preset(Operator):
    """Give this preset another name"""

    bl_idname = "emodifftalk.rename_preset"
    bl_label = "Rename Preset"

    preset: StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    name: StringProperty(name="Name", options={"SKIP_SAVE"})

    def invoke(self, context: Context, event: Event) -> Set[str]:
        """Ask for the name."""
        try:
            self.name = presets.get(self.preset).name
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return context.window_manager.invoke_props_dialog(self, confirm_text="Rename")

    def execute(self, context: Context) -> set[str]:
        """Rename it."""
        try:
            presets.rename(self.preset, self.name)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class EMODIFFTALK_OT_delete_preset(Operator):
    """Delete this preset's file. Prompts it was applied to stay as they are"""

    bl_idname = "emodifftalk.delete_preset"
    bl_label = "Delete Preset"

    preset: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: Context, event: Event) -> Set[str]:
        """Ask first: a file is not brought back by undo."""
        return context.window_manager.invoke_confirm(
            self, event, title="Delete Preset", message="This cannot be undone.", confirm_text="Delete"
        )

    def execute(self, context: Context) -> set[str]:
        """Delete it."""
        try:
            presets.remove(self.preset)
        except UserError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class EMODIFFTALK_PT_presets(Panel):
    """Feelings kept for later"""

    bl_label = "Feelings Kept as Presets"
    bl_space_type = "TOPBAR"
    bl_region_type = "HEADER"
    bl_ui_units_x = 13

    def draw(self, context: Context) -> None:
        """Every preset, with what can be done with it; files that are none; a button to add one."""
        layout = self.layout
        layout.label(text="Presets")
        readable, broken = presets.listed()
        column = layout.column(align=True)
        for stem, preset in readable.items():
            row = column.row(align=True)
            row.operator("emodifftalk.apply_preset", text=preset.name).preset = stem
            row.operator("emodifftalk.rename_preset", text="", icon="GREASEPENCIL").preset = stem
            row.operator("emodifftalk.delete_preset", text="", icon="TRASH").preset = stem
        if not readable:
            column.label(text="None yet")
        for sentence in broken.values():
            draw_problem(layout, sentence, 34)
        layout.operator("emodifftalk.save_preset", icon="ADD")


_CLASSES = (
    EMODIFFTALK_OT_save_preset,
    EMODIFFTALK_OT_apply_preset,
    EMODIFFTALK_OT_rename_preset,
    EMODIFFTALK_OT_delete_preset,
    EMODIFFTALK_PT_presets,
)

ADDS = Adds(classes=_CLASSES)
