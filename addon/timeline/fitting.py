"""The scene's frame range and what heads say and feel in it: fitted to it, and made longer for a voice that is."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bpy.props import BoolProperty, FloatProperty
from bpy.types import Context, Menu, Operator, Scene, SoundStrip, UILayout

from ..blender import compat
from ..blender.operators import Explained
from ..blender.registering import Adds
from ..scene.heads import heads, no_head_reason
from ..scene.strips import scene_clock
from .timeline import read_timeline

_ROOM = 0.5
"""Seconds before the first word and after the last."""


def reach(scene: Scene) -> tuple[float, float] | None:
    """First frame, and frame after the last, of all that the heads of a scene say and feel; None when it is nothing."""
    spans = [span for head in heads(scene) if (span := read_timeline(head, scene).reach) is not None]
    return (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None


def fit(scene: Scene, room: float = _ROOM) -> tuple[int, int] | None:
    """Let a scene begin and end with what its heads say and feel, `room` seconds around it; returns its first and last
    frame, None when they say and feel nothing. It does not begin before frame 1 unless they do."""
    span = reach(scene)
    if span is None:
        return None
    around = room * scene_clock(scene).rate
    first, last = math.floor(span[0]), math.ceil(span[1]) - 1
    scene.frame_start = max(math.floor(span[0] - around), min(first, 1), 0)  # Blender has no scene before frame 0
    scene.frame_end = max(last + round(around), scene.frame_start)
    return scene.frame_start, scene.frame_end


def extend(scene: Scene, strips: Iterable[SoundStrip]) -> str:
    """Let a scene end a little after strips that last longer; what was done, one sentence, empty for nothing."""
    last = _last(strips)
    if last <= scene.frame_end:
        return ""
    scene.frame_end = last + round(_ROOM * scene_clock(scene).rate)
    return f"The scene now ends at frame {scene.frame_end}, after the voice"


def outlast(scene: Scene, strips: Iterable[SoundStrip]) -> str:
    """That strips last longer than a scene, one sentence; empty when they do not."""
    last = _last(strips)
    if last <= scene.frame_end:
        return ""
    return f"The voice ends at frame {last}, after the scene's last frame {scene.frame_end}: Fit Scene to Voice"


def _last(strips: Iterable[SoundStrip]) -> int:
    return max((math.ceil(compat.right_handle(strip)) - 1 for strip in strips), default=0)


class ForVoices(Explained):
    """An operator that brings a voice in, and makes the scene long enough for it."""

    extend: BoolProperty(
        name="Extend Scene",
        description="Let the scene end a little after the voice when that is longer",
        default=True,
        options={"SKIP_SAVE"},
    )

    def make_room(self, scene: Scene, strips: Iterable[SoundStrip]) -> None:
        """Extend the scene when that is asked for, and say what came of it."""
        sentence = extend(scene, strips) if self.extend else outlast(scene, strips)
        if sentence:
            self.report({"INFO"}, sentence)


class EMODIFFTALK_OT_fit_scene(Explained, Operator):
    """Set the scene's first and last frame to what its heads say and feel, and a little around it"""

    bl_idname = "emodifftalk.fit_scene"
    bl_label = "Fit Scene to Voice"
    bl_options = {"REGISTER", "UNDO"}

    room: FloatProperty(
        name="Room",
        description="Seconds before the first word and after the last",
        default=_ROOM,
        min=0.0,
        soft_max=5.0,
    )

    @classmethod
    def why_not(cls, context: Context) -> str:
        """With a head in the scene."""
        return "" if any(True for _ in heads(context.scene)) else no_head_reason(context)

    def execute(self, context: Context) -> set[str]:
        """Fit it."""
        span = fit(context.scene, self.room)
        if span is None:
            self.report({"WARNING"}, "The heads say and feel nothing yet: add a voice or a feeling first")
            return {"CANCELLED"}
        self.report({"INFO"}, f"The scene is frames {span[0]} to {span[1]} now")
        return {"FINISHED"}


def draw_fit(layout: UILayout, scene: Scene, strips: list[SoundStrip]) -> None:
    """The button, red while a voice is longer than the scene."""
    button = layout.row(align=True)
    button.alert = bool(outlast(scene, strips))
    button.operator("emodifftalk.fit_scene", text="", icon="PREVIEW_RANGE")


def _in_menu(menu: Menu, context: Context) -> None:
    menu.layout.separator()
    menu.layout.operator("emodifftalk.fit_scene", icon="PREVIEW_RANGE")


ADDS = Adds(classes=(EMODIFFTALK_OT_fit_scene,), menus=(("SEQUENCER_MT_strip", _in_menu),))
