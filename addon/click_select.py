"""Selecting a head by clicking anywhere on it: Blender itself only knows the lines of its sketch.

One item in Blender's keymap (Object Mode) asks whether a click hit a head. Any other click goes on to Blender's own
selection, and the item can be switched off in Preferences → Keymap like every other.
"""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import BoolProperty
from bpy.types import Context, Event, KeyMap, KeyMapItem, Object, Operator

from emodifftalk.core.gaussians import Gaussians

from .blender_camera import View, region_view
from .heads import heads

_HIT = 0.3
"""A click hits a head from this alpha on."""
_keys: list[tuple[KeyMap, KeyMapItem]] = []


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

    @classmethod
    def poll(cls, context: Context) -> bool:
        """In a 3D viewport, in object mode, with heads in the scene."""
        return (
            context.mode == "OBJECT"
            and context.space_data is not None
            and context.space_data.type == "VIEW_3D"
            and context.region_data is not None
            and any(True for _ in heads(context.scene))
        )

    def invoke(self, context: Context, event: Event) -> set[str]:
        """Select the head under the mouse, or leave the click to Blender."""
        if event.type != _select_mouse(context):
            return {"PASS_THROUGH"}
        head = head_at(context, event.mouse_region_x, event.mouse_region_y)
        if head is None or head.hide_select:
            return {"PASS_THROUGH"}
        choose(context, head, self.toggle)
        return {"FINISHED"}


def choose(context: Context, head: Object, toggle: bool) -> None:
    """Select a head as a click does; with `toggle` as a click with Shift does."""
    layer = context.view_layer
    if toggle and head.select_get():
        if layer.objects.active == head:
            head.select_set(False)
    elif not toggle:
        for other in context.selected_objects:
            other.select_set(False)
        head.select_set(True)
    else:
        head.select_set(True)
    layer.objects.active = head


def head_at(context: Context, x: float, y: float) -> Object | None:
    """The front-most head that a viewport shows as Gaussians at a pixel of its region, unless a mesh is in front."""
    from .viewport import shows_gaussians
    from .viewport_screens import shown_heads

    if not shows_gaussians(context):
        return None
    view = region_view(context.region, context.region_data)
    pixel = np.array([x + 0.5, view.height - y - 0.5])
    hits = []
    for shown in shown_heads(context):
        depth = depth_at(shown.gaussians.transformed(shown.matrix), view, pixel)
        if depth is not None:
            hits.append((depth, shown.head))
    if not hits:
        return None
    depth, head = min(hits, key=lambda hit: hit[0])
    return None if _mesh_before(context, view, pixel, depth) else head


def depth_at(gaussians: Gaussians, view: View, pixel: np.ndarray) -> float | None:
    """Expected view depth in metres of Gaussians (world space) at a pixel (2,), row 0 at the top; None beside them."""
    from .splat_numpy import blend_at

    alpha, depth = blend_at(gaussians, view, pixel)
    return depth if alpha >= _HIT else None


def _mesh_before(context: Context, view: View, pixel: np.ndarray, depth: float) -> bool:
    """Whether a mesh is nearer at a pixel than `depth`. Heads have no faces, so rays pass them."""
    shading = context.space_data.shading
    if shading.show_xray if shading.type == "SOLID" else False:
        return False
    origin, direction = view.ray(pixel)
    found, place, *_ = context.scene.ray_cast(context.evaluated_depsgraph_get(), origin, direction)
    return found and float(view.depths(np.array([place], np.float32))[0]) < depth


def _select_mouse(context: Context) -> str:
    """The mouse button the person selects with."""
    chosen = getattr(context.window_manager.keyconfigs.active.preferences, "select_mouse", "LEFT")
    return f"{chosen}MOUSE"


def register() -> None:
    """Add the operator and its keys."""
    bpy.utils.register_class(EMODIFFTALK_OT_click_select)
    keyconfig = bpy.context.window_manager.keyconfigs.addon
    if keyconfig is None:  # background
        return
    tweak = {"name": "3D View Tool: Tweak", "space_type": "VIEW_3D"}
    for where, mouse, value in (
        ({"name": "Object Mode"}, "LEFTMOUSE", "CLICK"),
        ({"name": "Object Mode"}, "RIGHTMOUSE", "PRESS"),
        (tweak, "LEFTMOUSE", "CLICK"),
    ):
        keymap = keyconfig.keymaps.new(**where)
        for shift in (False, True):
            item = keymap.keymap_items.new(EMODIFFTALK_OT_click_select.bl_idname, mouse, value, shift=shift)
            item.properties.toggle = shift
            _keys.append((keymap, item))


def unregister() -> None:
    """Take both away."""
    for keymap, item in _keys:
        keymap.keymap_items.remove(item)
    _keys.clear()
    bpy.utils.unregister_class(EMODIFFTALK_OT_click_select)
