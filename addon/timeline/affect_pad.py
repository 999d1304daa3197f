"""The pad of valence and arousal in the 3D viewport: a gizmo, so that it stays while one scrubs, plays and works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty
from bpy.types import Context, Event, Gizmo, GizmoGroup, Object, Operator, PropertyGroup, Scene, WindowManager

from ..blender import compat
from ..blender.redraw import VIEWS, redraw
from ..blender.registering import Adds
from ..blender.unforeseen import guarded
from ..scene.heads import active_head, settings
from ..scene.operators import ForHead
from . import affect_drawing

if TYPE_CHECKING:
    from .affect_drawing import Point, Square

PATHS = ("emodifftalk.valence", "emodifftalk.arousal")
GROUP = "EmoDiffTalk Mood"
"""The group its keys lie in when the animator has not chosen one."""
_MOST_STEPS = 240
_FIELD, _CROSS = 0, 1


@guarded("Showing the change")
def _shown_changed(self: PropertyGroup, context: Context) -> None:
    redraw(VIEWS)


class PadSettings(PropertyGroup):
    """What the pad remembers while Blender runs."""

    shown: BoolProperty(
        name="Pad",
        description="Show the pad in the 3D viewports",
        options={"SKIP_SAVE"},
        update=_shown_changed,
    )


def pad_settings(context: Context) -> Any:
    """What the pad remembers: a `PadSettings`. Any, as `heads.settings` says."""
    return context.window_manager.emodifftalk_pad  # type: ignore[attr-defined]  # from ADDS


def place(head: Object, valence: float, arousal: float) -> None:
    """Set a head's mood."""
    settings(head).valence, settings(head).arousal = valence, arousal


def auto_key(head: Object, context: Context) -> bool:
    """Key a head's mood at the playhead if Auto Keying is on; returns whether."""
    if not context.scene.tool_settings.use_keyframe_insert_auto or not compat.can_animate(head):
        return False
    for path in PATHS:
        head.keyframe_insert(path, frame=context.scene.frame_current_final, group=GROUP)
    return True


def keyed_path(head: Object, scene: Scene) -> tuple[list[Point], list[Point]]:
    """The way of the mood's F-curves over the shot, and its keys, as (valence, arousal); empty without curves."""
    by_path = {curve.data_path: curve for curve in compat.fcurves(head) if not curve.mute}
    curves = [by_path.get(path) for path in PATHS]
    if not any(curves):
        return [], []
    now = settings(head).valence, settings(head).arousal

    def at(frame: float) -> Point:
        valence, arousal = (
            value if curve is None else min(max(curve.evaluate(frame), -1.0), 1.0)
            for curve, value in zip(curves, now, strict=True)
        )
        return valence, arousal

    first, last = scene.frame_start, scene.frame_end
    step = max((last - first) / _MOST_STEPS, 1.0)
    frames = [first + i * step for i in range(int((last - first) / step) + 1)]
    keys = sorted({key.co.x for curve in curves if curve is not None for key in curve.keyframe_points})
    return [at(frame) for frame in frames], [at(frame) for frame in keys]


class EMODIFFTALK_GT_affect_pad(Gizmo):
    """Drag the point: right is pleasant, up is excited. Ctrl snaps to tenths, Esc or the right button takes it back"""

    bl_idname = "EMODIFFTALK_GT_affect_pad"

    __slots__ = ("before", "square")

    def setup(self) -> None:
        """Nothing has been dragged yet."""
        self.square: Square | None = None
        self.before: Point | None = None

    def draw(self, context: Context) -> None:
        """Draw the pad where the group has put it."""
        head = active_head(context)
        if head is not None and self.square is not None:
            now = settings(head).valence, settings(head).arousal
            affect_drawing.draw_pad(self.square, now, *keyed_path(head, context.scene), head.name)

    def test_select(self, context: Context, location: tuple[float, float]) -> int:
        """The part under the pointer."""
        head = active_head(context)
        if self.square is None or head is None:
            return -1
        if self.square.closes(*location):
            return _CROSS
        return _FIELD if head.library is None and self.square.holds(*location) else -1

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Begin where the click was."""
        if self.square.closes(event.mouse_region_x, event.mouse_region_y):
            pad_settings(context).shown = False
            return {"FINISHED"}
        head_settings = settings(active_head(context))
        self.before = head_settings.valence, head_settings.arousal
        self._follow(context, event)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event, tweak: set[str]) -> set[str]:
        """Follow the pointer."""
        self._follow(context, event)
        return {"RUNNING_MODAL"}

    def _follow(self, context: Context, event: Event) -> None:
        head = active_head(context)
        if head is not None:
            place(head, *self.square.affect(event.mouse_region_x, event.mouse_region_y, snap=event.ctrl))
            redraw(VIEWS)

    def exit(self, context: Context, cancel: bool) -> None:
        """Leave it there, keyed if asked for, as one step to undo; or take it back."""
        head = active_head(context)
        if self.before is None or head is None:
            return
        if cancel:
            place(head, *self.before)
        elif self.before != (settings(head).valence, settings(head).arousal):
            auto_key(head, context)
            bpy.ops.ed.undo_push(message="Valence and Arousal")
        self.before = None
        redraw(VIEWS)


class EMODIFFTALK_GGT_affect_pad(GizmoGroup):
    """The pad of the active head"""

    bl_idname = "EMODIFFTALK_GGT_affect_pad"
    bl_label = "Valence and Arousal"
    bl_space_type = "VIEW_3D"
    bl_region_type = "WINDOW"
    bl_options = {"PERSISTENT", "SCALE"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        """While it is shown and there is a head."""
        return pad_settings(context).shown and active_head(context) is not None

    def setup(self, context: Context) -> None:
        """One pad."""
        self.pad: Any = self.gizmos.new(EMODIFFTALK_GT_affect_pad.bl_idname)
        self.pad.use_draw_modal = True

    def draw_prepare(self, context: Context) -> None:
        """Keep it in its corner."""
        self.pad.square = _corner(context)


def _corner(context: Context) -> Square:
    region = context.region
    bars = [other for other in context.area.regions if other.type == "UI" and other.alignment == "RIGHT"]
    covered = sum(bar.width for bar in bars if bar.width > 1) if context.preferences.system.use_region_overlap else 0
    return affect_drawing.corner_square(region.width, region.height, covered, context.preferences.system.ui_scale)


class EMODIFFTALK_OT_affect_pad(ForHead, Operator):
    """Show or hide the pad."""

    bl_idname = "emodifftalk.affect_pad"
    bl_label = "Valence and Arousal Pad"
    bl_description = (
        "Show or hide a pad in the 3D viewport on which valence (right is pleasant) and arousal (up is excited) are "
        "set by dragging a point. With Auto Keying on, every drag is keyed"
    )

    def execute(self, context: Context) -> set[str]:
        """Switch it."""
        pad = pad_settings(context)
        pad.shown = not pad.shown
        if pad.shown and not getattr(context.space_data, "show_gizmo", True):
            self.report({"INFO"}, "Turn on Gizmos in this viewport to see the pad")
        return {"FINISHED"}


_CLASSES = (PadSettings, EMODIFFTALK_GT_affect_pad, EMODIFFTALK_GGT_affect_pad, EMODIFFTALK_OT_affect_pad)

ADDS = Adds(classes=_CLASSES, properties=((WindowManager, "emodifftalk_pad", PadSettings, {}),))
