"""Lips and voice together while the timeline plays: an offer, for the scene's sync mode is the animator's."""

from __future__ import annotations

from bpy.types import Context, Operator, UILayout

from ..blender.operators import Explained
from ..blender.registering import Adds
from ..scene.heads import active_head
from ..scene.strips import strip_scene, voice_strips


def why_not(context: Context) -> str:
    """Why there is nothing to offer; empty when there is."""
    head = active_head(context)
    if head is None or not voice_strips(head, strip_scene(head, context.scene)):
        return "There is no voice to play in time with"
    if context.scene.sync_mode != "NONE":
        return "Playback keeps up with the sound already"
    return ""


class EMODIFFTALK_OT_sync_to_audio(Explained, Operator):
    """Set the scene's playback to Sync to Audio."""

    bl_idname = "emodifftalk.sync_to_audio"
    bl_label = "Sync to Audio"
    bl_description = (
        "Set the scene's playback to Sync to Audio: when drawing is slower than the sound, frames are dropped and the "
        "lips stay with the voice"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a voice, while every frame is played."""
        return why_not(context)

    def execute(self, context: Context) -> set[str]:
        """Switch the sync mode."""
        context.scene.sync_mode = "AUDIO_SYNC"
        return {"FINISHED"}


def draw_offer_of_sync(layout: UILayout, context: Context) -> None:
    """The offer; pressed and greyed out where playback keeps up already."""
    kept = context.scene.sync_mode != "NONE"
    layout.operator("emodifftalk.sync_to_audio", text="Sync", depress=kept)


ADDS = Adds(classes=(EMODIFFTALK_OT_sync_to_audio,))
