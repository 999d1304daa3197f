"""Selecting a head by clicking anywhere on it: Blender itself only knows the lines of its sketch.

Items in Blender's keymap (Object Mode, and the Tweak tool) ask whether a click hit a head. Any other click goes on to
Blender's own selection, and the items can be switched off in Preferences → Keymap like every other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import bpy
import numpy as np
from bpy.props import BoolProperty
from bpy.types import Context, Event, KeyConfig, KeyMap, KeyMapItem, Object, Operator

from ..blender import camera
from ..blender.registering import Adds
from ..draw import numpy_splats
from ..scene.heads import drawn
from . import drawing, memory, screens

if TYPE_CHECKING:
    from emodifftalk.core.gaussians import Gaussians

_HIT = 0.3
"""A click hits a head from this alpha on."""
_WIRES = {"EMPTY", "LIGHT", "ARMATURE", "LATTICE", "SPEAKER"}
"""Small objects that may stand before a face. Not cameras: the lines of one that looks at a face are all around it."""
_keys: list[tuple[KeyMap, KeyMapItem]] = memory.keep([])


class EMODIFFTALK_OT_click_select(Operator):
    """Select the head under the mouse"""

    bl_idname = "emodifftalk.click_select"
    bl_label = "Select Head"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    toggle: BoolProperty(
        name="Toggle",
        description="Add the head to the selection, or take it out if it is the active one",
        options={"SKIP_SAVE"},
    )
    move: BoolProperty(
        name="Move", description="Go on to move what is selected when the mouse is dragged", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: Context) -> bool:
        """In a 3D viewport, in object mode, with heads in the scene."""
        return (
            context.mode == "OBJECT"
            and context.space_data is not None
            and context.space_data.type == "VIEW_3D"
            and context.region_data is not None
            and any(True for _ in drawn(context.scene))
        )

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Select the head under the mouse, or leave the click to Blender."""
        if event.type != _select_mouse(context):
            return {"PASS_THROUGH"}
        head = head_at(context, event.mouse_region_x, event.mouse_region_y)
        if head is None or head.hide_select:
            return {"PASS_THROUGH"}
        self._before = _selection(context)
        choose(context, head, self.toggle, self.move)
        if not self.move:
            return self._ended(context)
        self._from, self._button = (event.mouse_x, event.mouse_y), event.type
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Context, event: Event) -> set[str]:
        """Until the button is let go: a drag moves what is selected."""
        threshold = context.preferences.inputs.drag_threshold_mouse
        dragged = max(abs(event.mouse_x - self._from[0]), abs(event.mouse_y - self._from[1])) > threshold
        if event.type == "MOUSEMOVE" and dragged:
            ended = self._ended(context)  # before the move, which is a step of its own
            bpy.ops.transform.translate("INVOKE_DEFAULT", release_confirm=True)
            return ended
        if event.type == self._button and event.value == "RELEASE":
            if not self.toggle:
                choose(context, context.view_layer.objects.active, toggle=False)  # it was a click after all
            return self._ended(context)
        return {"RUNNING_MODAL"}

    def _ended(self, context: Context) -> set[str]:
        """A step to undo only when something else is selected now than before."""
        return {"CANCELLED"} if _selection(context) == self._before else {"FINISHED"}


def _selection(context: Context) -> tuple[Object | None, list[Object]]:
    return context.view_layer.objects.active, list(context.selected_objects)


def choose(context: Context, head: Object, toggle: bool, move: bool = False) -> None:
    """Select a head as a click does; with `toggle` as a click with Shift does.

    move: what is selected beside it stays so, since it may be about to be moved together.
    """
    layer = context.view_layer
    if toggle and head.select_get() and layer.objects.active == head:
        head.select_set(False)
        return
    if not toggle and not (move and head.select_get()):
        for other in context.selected_objects:
            other.select_set(False)
    head.select_set(True)
    layer.objects.active = head


def head_at(context: Context, x: float, y: float) -> Object | None:
    """The front-most head that a viewport shows as Gaussians at a pixel of its region; None behind anything else."""
    if not drawing.shows_gaussians(context):
        return None
    view = camera.region_view(context.region, context.region_data)
    pixel = np.array([x + 0.5, view.height - y - 0.5])
    hits = []
    for shown in screens.shown_heads(context):
        depth = depth_at(shown.gaussians.transformed(shown.matrix), view, pixel)
        if depth is not None:
            hits.append((depth, shown.head))
    if not hits:
        return None
    depth, head = min(hits, key=lambda hit: hit[0])
    hidden = _mesh_before(context, view, pixel, depth) or _wire_before(context, view, (int(x), int(y)), depth)
    return None if hidden else head


def depth_at(gaussians: Gaussians, view: camera.View, pixel: np.ndarray) -> float | None:
    """Expected view depth in metres of Gaussians (world space) at a pixel (2,), row 0 at the top; None beside them."""
    alpha, depth = numpy_splats.blend_at(gaussians, view, pixel)
    return depth if alpha >= _HIT else None


def _mesh_before(context: Context, view: camera.View, pixel: np.ndarray, depth: float) -> bool:
    """Whether a mesh is nearer at a pixel than `depth`. Heads have no faces, so rays pass them."""
    origin, direction = view.ray(pixel)
    hit, place, *_ = context.scene.ray_cast(context.evaluated_depsgraph_get(), origin.tolist(), direction.tolist())
    return hit and float(view.depths(np.array([place], np.float32))[0]) < depth


def _wire_before(context: Context, view: camera.View, place: tuple[int, int], depth: float) -> bool:
    """Whether Blender would select something without a surface (a light, an empty, a bone) that stands before `depth`.

    Asked of Blender's own selection, which is put back as it was.
    """
    if not any(obj.type in _WIRES for obj in context.visible_objects):
        return False
    layer = context.view_layer
    active, selected = layer.objects.active, list(context.selected_objects)
    layer.objects.active = None
    try:
        bpy.ops.view3d.select(location=place)
        wire = layer.objects.active
    finally:
        for obj in context.selected_objects:
            obj.select_set(False)
        for obj in selected:
            obj.select_set(True)
        layer.objects.active = active
    if wire is None or wire.type not in _WIRES:
        return False
    return float(view.depths(np.array([wire.matrix_world.translation], np.float32))[0]) < depth


def _select_mouse(context: Context) -> str:
    """The mouse button the animator selects with."""
    chosen = getattr(context.window_manager.keyconfigs.active.preferences, "select_mouse", "LEFT")
    return f"{chosen}MOUSE"


def _places(
    keyconfig: KeyConfig,
) -> Iterator[tuple[KeyMap, Literal["LEFTMOUSE", "RIGHTMOUSE"], Literal["CLICK", "PRESS"]]]:
    """Where Blender itself selects: on a click of the left button, or as a button goes down."""
    object_mode = keyconfig.keymaps.new("Object Mode")
    yield object_mode, "LEFTMOUSE", "CLICK"
    yield object_mode, "RIGHTMOUSE", "PRESS"
    for name in ("3D View Tool: Tweak", "3D View Tool: Tweak (fallback)"):
        yield keyconfig.keymaps.new(name, space_type="VIEW_3D", region_type="WINDOW", tool=True), "LEFTMOUSE", "PRESS"


def _add_keys() -> None:
    keyconfig = bpy.context.window_manager.keyconfigs.addon
    if keyconfig is None:  # background
        return
    for keymap, mouse, value in _places(keyconfig):
        for shift in (False, True):
            item = keymap.keymap_items.new(EMODIFFTALK_OT_click_select.bl_idname, mouse, value, shift=shift)
            item.properties.toggle, item.properties.move = shift, value == "PRESS"
            _keys.append((keymap, item))


def _remove_keys() -> None:
    for keymap, item in _keys:
        keymap.keymap_items.remove(item)


ADDS = Adds(classes=(EMODIFFTALK_OT_click_select,), begin=_add_keys, end=_remove_keys)
