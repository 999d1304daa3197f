"""The pad of valence and arousal in the 3D viewport: a gizmo, so that it stays while one scrubs, plays and works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpy.props import BoolProperty
from bpy.types import Context, Event, Gizmo, GizmoGroup, Object, Operator, PropertyGroup, Scene, WindowManager

from ..blender import compat
from ..blender.redraw import VIEWS, redraw
from ..blender.regions import Box, free_box, navigation_boxes
from ..blender.registering import Adds
from ..blender.state import State
from ..blender.undo import push_undo
from ..blender.unforeseen import guarded
from ..scene.heads import active_head, present_head, settings
from ..scene.operators import ForHead
from . import affect_drawing, affect_layout, memory

if TYPE_CHECKING:
    from .affect_layout import Point, Square

PATHS = ("emodifftalk.valence", "emodifftalk.arousal")
GROUP = "EmoDiffTalk Mood"
"""The group its keys lie in when the animator has not chosen one."""
_MOST_STEPS = 240
_FIELD, _CROSS, _FRAME = 0, 1, 2
"""Parts of the pad: where the mood is set, where it is closed, and all else, by which it is dragged. A press on any of
them is the pad's until the button is let go: what it leaves alone, Blender takes for a click beside the head."""


@dataclass
class _Place(State):
    """dragged: where the animator has put the pad, see `affect_layout.placed`; None: nowhere yet."""

    dragged: Point | None = None


_place = memory.keep(_Place())


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

    __slots__ = ("before", "free", "grip", "head_uid", "interface", "over_cross", "part", "square")

    def setup(self) -> None:
        """Nothing has been dragged yet.

        square, free, interface: where it lies, in what can be seen of the region, and Blender's resolution scale.
        part: under the pointer, or held.
        head_uid, before: whose mood is being dragged, and what it was.
        grip: how far the pointer is from the corner by which the pad is held, and where that was put before.
        over_cross: whether the pointer is on the mark that closes the pad.
        """
        self.square: Square | None = None
        self.free, self.interface = Box(0, 0, 0, 0), 1.0
        self.part = -1
        self.head_uid, self.before = 0, (0.0, 0.0)
        self.grip: tuple[Point, Point | None] = ((0.0, 0.0), None)
        self.over_cross = False

    def put(self, context: Context) -> None:
        """Lay it where the animator has put it."""
        self.free, self.interface = free_box(context.area, context.region), context.preferences.system.ui_scale
        self.square = square_in(context)

    def draw(self, context: Context) -> None:
        """Draw the pad where the group has put it."""
        head = active_head(context)
        if head is not None and self.square is not None:
            now = settings(head).valence, settings(head).arousal
            movable = self.part == _FRAME and (self.is_highlight or self.is_modal)
            affect_drawing.draw_pad(self.square, now, *keyed_path(head, context.scene), head.name, movable)

    def test_select(self, context: Context, location: tuple[float, float]) -> int:
        """The part under the pointer."""
        self.part = self._part_at(context, *location)
        return self.part

    def _part_at(self, context: Context, x: float, y: float) -> int:
        head = active_head(context)
        if self.square is None or head is None or not self.square.frame.holds(x, y):
            return -1
        if self.square.closes(x, y):
            return _CROSS
        return _FIELD if head.library is None and self.square.holds(x, y) else _FRAME

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Begin where the press was."""
        x, y = event.mouse_region_x, event.mouse_region_y
        self.part, head = self._part_at(context, x, y), active_head(context)
        if self.part == -1 or head is None:
            return {"PASS_THROUGH"}
        if self.part == _FIELD:
            self.head_uid, self.before = head.session_uid, (settings(head).valence, settings(head).arousal)
        else:
            self.grip = (x - self.square.frame.right, y - self.square.frame.bottom), _place.dragged
        self._follow(context, event)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event, tweak: set[str]) -> set[str]:
        """Follow the pointer."""
        self._follow(context, event)
        return {"RUNNING_MODAL"}

    def _follow(self, context: Context, event: Event) -> None:
        x, y = event.mouse_region_x, event.mouse_region_y
        if self.part == _FIELD:
            head = present_head(self.head_uid)
            if head is not None:
                place(head, *self.square.affect(x, y, snap=event.ctrl))
        elif self.part == _CROSS:
            self.over_cross = self.square.closes(x, y)
        elif (x, y) != (self.square.frame.right + self.grip[0][0], self.square.frame.bottom + self.grip[0][1]):
            right, bottom = x - self.grip[0][0], y - self.grip[0][1]
            wanted = (right - self.free.right) / self.interface, (bottom - self.free.bottom) / self.interface
            square = affect_layout.placed(self.free, self.interface, wanted)
            if square is not None:
                self.square, _place.dragged = square, affect_layout.dragged_to(square, self.free, self.interface)
        redraw(VIEWS)

    def exit(self, context: Context, cancel: bool) -> None:
        """Leave it as it is, or take it back."""
        if self.part == _FIELD:
            self._leave_mood(context, cancel)
        elif self.part == _CROSS and self.over_cross and not cancel:
            pad_settings(context).shown = False
        elif self.part == _FRAME and cancel:
            _place.dragged = self.grip[1]
        self.part, self.over_cross = -1, False
        redraw(VIEWS)

    def _leave_mood(self, context: Context, cancel: bool) -> None:
        """Keyed if asked for, as one step to undo."""
        head = present_head(self.head_uid)
        if head is None:
            return
        if cancel:
            place(head, *self.before)
        elif self.before != (settings(head).valence, settings(head).arousal):
            auto_key(head, context)
            push_undo("Valence and Arousal")


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
        """Keep it in its place."""
        self.pad.put(context)


def square_in(context: Context) -> Square | None:
    """Where the pad lies in the region of a 3D viewport; None when it shows none."""
    space: Any = context.space_data
    if not EMODIFFTALK_GGT_affect_pad.poll(context) or not space.show_gizmo:
        return None
    interface, free = context.preferences.system.ui_scale, free_box(context.area, context.region)
    return affect_layout.placed(free, interface, _place.dragged, navigation_boxes(context))


class EMODIFFTALK_OT_affect_pad(ForHead, Operator):
    """Show or hide the pad."""

    bl_idname = "emodifftalk.affect_pad"
    bl_label = "Valence and Arousal Pad"
    bl_description = (
        "Show or hide a pad in the 3D viewport on which valence (right is pleasant) and arousal (up is excited) are "
        "set by dragging a point. With Auto Keying on, every drag is keyed. Its upper edge moves the pad"
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
