"""Letting a head speak strips that are on the timeline already: dropped in from the file browser, or cut there."""

from __future__ import annotations

from typing import Any

from bpy.props import StringProperty
from bpy.types import Context, Menu, Object, Operator, Scene, SoundStrip, UILayout

from ..blender.registering import Adds
from ..scene.heads import active_head, heads, no_head_reason, settings
from ..scene.strips import ensure_uid, sound_strips, strip_scene, strip_settings, voice_strips
from .fitting import ForVoices
from .prompts import listening_scene


def offered(head: Object, scene: Scene) -> SoundStrip | None:
    """The strip a head without a voice most likely wants: the only sound strip there is."""
    sounds = sound_strips(strip_scene(head, scene))
    return sounds[0] if len(sounds) == 1 and not voice_strips(head, scene) else None


def joinable(head: Object, scene: Scene) -> list[SoundStrip]:
    """Selected sound strips that no head speaks yet, earliest first."""
    taken = {settings(other).voice_uid for other in heads(scene)} | {settings(head).voice_uid}
    free = (strip for strip in sound_strips(strip_scene(head, scene)) if strip.select)
    return [strip for strip in free if not strip_settings(strip).uid or strip_settings(strip).uid not in taken]


def speak(head: Object, strips: list[SoundStrip]) -> None:
    """Let a head speak these strips too, beside those it speaks already."""
    head_settings = settings(head)
    scene: Any = strips[0].id_data
    if not voice_strips(head, scene):
        head_settings.voice_uid = ensure_uid(strips[0])
    for strip in strips:
        strip_settings(strip).uid = head_settings.voice_uid


def draw_offer(layout: UILayout, head: Object, scene: Scene) -> None:
    """A button for what can be spoken at once; greyed out where there is no such thing."""
    strip, more = offered(head, scene), joinable(head, scene)
    if strip is not None:
        layout.operator("emodifftalk.speak", text=f"Speak “{strip.name}”", icon="PLAY_SOUND").strip = strip.name
    elif more:
        count = f"“{more[0].name}”" if len(more) == 1 else f"{len(more)} Selected Strips"
        also = "Also Speak" if voice_strips(head, scene) else "Speak"
        layout.operator("emodifftalk.speak", text=f"{also} {count}", icon="PLAY_SOUND")
    else:
        layout.operator("emodifftalk.speak", icon="PLAY_SOUND")


class EMODIFFTALK_OT_speak(ForVoices, Operator):
    """Let this head speak the selected sound strips, one after the other, beside those it speaks already"""

    bl_idname = "emodifftalk.speak"
    bl_label = "Speak Selected Strips"
    bl_options = {"REGISTER", "UNDO"}

    strip: StringProperty(name="Strip", description="A strip's name; empty: those selected", options={"SKIP_SAVE"})

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a head, and a sound strip that is selected or the only one."""
        head = active_head(context)
        reason = no_head_reason(context) if head is None else ""
        if head is not None and not joinable(head, context.scene) and offered(head, context.scene) is None:
            reason = "Select a sound strip that no head speaks yet"
        return reason

    def execute(self, context: Context) -> set[str]:
        """Let it."""
        head = active_head(context)
        scene = listening_scene(head, context)
        strips = [strip for strip in sound_strips(scene) if strip.name == self.strip]
        strips = strips or joinable(head, scene) or [strip for strip in [offered(head, scene)] if strip]
        if not strips:
            self.report({"ERROR"}, f"There is no sound strip “{self.strip}” any more")
            return {"CANCELLED"}
        speak(head, strips)
        self.make_room(context.scene, strips)
        return {"FINISHED"}


def _draw_menu(self: Menu, context: Context) -> None:
    head = active_head(context)
    if head is not None:
        self.layout.separator()
        self.layout.operator("emodifftalk.speak", text=f"Speak with {head.name}", icon="PLAY_SOUND")


ADDS = Adds(classes=(EMODIFFTALK_OT_speak,), menus=(("SEQUENCER_MT_context_menu", _draw_menu),))
