"""The workspace Talking Head: the viewport with our tab above, the sequencer and the Graph Editor below.

It is made from the workspace in view, by Blender's own operators, a step at a time: each changes where editors lie, and
Blender has to draw in between.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy
from bpy.types import Area, Context, Menu, Operator, Region, Window, WorkSpace

from ..blender import compat
from ..blender.guarding import start_timer
from ..blender.operators import Explained
from ..blender.registering import Adds
from ..blender.state import State
from ..scene.heads import active_head
from ..scene.strips import strip_scene
from . import memory

NAME, _MARK, _TAB = "Talking Head", "emodifftalk_talking_head", "EmoDiffTalk"
_TICK, _MOST_TICKS = 0.02, 250
"""Seconds between two steps, and steps after which it is given up."""
_BELOW, _STRIPS = 0.36, 0.6
"""Shares of the height for the editors below, and of their width for the sequencer."""


@dataclass
class _Making(State):
    """steps: those that are left of the workspace that is being made."""

    steps: Iterator[None] | None = None


_making = memory.keep(_Making())


def made_before() -> WorkSpace | None:
    """The workspace of this file that was made by us, whatever it is called now."""
    return next((workspace for workspace in bpy.data.workspaces if workspace.get(_MARK)), None)


def _steps(window: Window, before: set[str]) -> Iterator[None]:
    """Arrange the copy of a workspace that `window` shows soon. before: names of the workspaces that were there."""
    for _ in range(_MOST_TICKS):
        if window.workspace.name not in before:
            break
        yield
    else:
        return
    workspace, screen = window.workspace, window.screen
    workspace.name = NAME
    workspace[_MARK] = True
    # The viewport stays, with what it shows, or else the largest editor. Until all is in place none of them shows it: a
    # viewport may be slow to draw.
    kept = max(screen.areas, key=lambda area: (area.type == "VIEW_3D", _size(area)))
    for area in screen.areas:
        area.ui_type = "SEQUENCE_EDITOR"
    yield
    while len(screen.areas) > 1:
        count = len(screen.areas)
        # The smallest first: its edge is a neighbour's more often. Some have no neighbour that could take their place.
        for area in sorted((area for area in screen.areas if area != kept), key=_size):
            with _in(window, area), contextlib.suppress(RuntimeError):
                bpy.ops.screen.area_close()
            if len(screen.areas) < count:
                break
        else:
            return
        yield
    yield from _split(window, screen.areas[0], "HORIZONTAL", _BELOW)
    yield from _split(window, min(screen.areas, key=lambda area: area.y), "VERTICAL", _STRIPS)
    lowest = min(area.y for area in screen.areas)
    max((area for area in screen.areas if area.y == lowest), key=lambda area: area.x).ui_type = "FCURVES"
    max(screen.areas, key=lambda area: area.y).ui_type = "VIEW_3D"
    yield
    yield from _set_up(window)


def _split(window: Window, area: Area, direction: Any, factor: float) -> Iterator[None]:
    with _in(window, area):
        bpy.ops.screen.area_split(direction=direction, factor=factor)
    yield


def _set_up(window: Window) -> Iterator[None]:
    """Our tab open, the sequencer on its strips, all of them in view."""
    areas: dict[str, Any] = {area.type: area for area in window.screen.areas}
    scene = window.scene
    with bpy.context.temp_override(window=window):
        compat.show_in_sequencer(bpy.context, strip_scene(active_head(bpy.context), scene))
    view, sequencer, graph = (areas[kind] for kind in ("VIEW_3D", "SEQUENCE_EDITOR", "GRAPH_EDITOR"))
    view.spaces.active.show_region_ui = True
    sequencer.spaces.active.view_type = "SEQUENCER"
    sequencer.spaces.active.show_region_ui = graph.spaces.active.show_region_ui = False
    for _ in range(5):  # the side bar learns which tabs it has when it is drawn
        view.tag_redraw()
        yield
    with contextlib.suppress(TypeError):
        side_bar: Any = _region(view, "UI")
        side_bar.active_panel_category = _TAB
    if scene.camera is not None:
        view.spaces.active.region_3d.view_perspective = "CAMERA"
    with _in(window, sequencer), contextlib.suppress(RuntimeError):
        bpy.ops.sequencer.view_all()


def _in(window: Window, area: Area) -> Any:
    """The UI context of an editor."""
    return bpy.context.temp_override(window=window, screen=window.screen, area=area, region=_region(area, "WINDOW"))


def _region(area: Area, kind: str) -> Region:
    return next(region for region in area.regions if region.type == kind)


def _size(area: Area) -> int:
    return area.width * area.height


def _step() -> float | None:
    if _making.steps is None:
        return None
    steps, _making.steps = _making.steps, None  # given up when a step fails
    try:
        next(steps)
    except (StopIteration, ReferenceError):  # done, or the window is gone
        return None
    _making.steps = steps
    return _TICK


class EMODIFFTALK_OT_talking_head_workspace(Explained, Operator):
    """Open the workspace Talking Head, made the first time."""

    bl_idname = "emodifftalk.talking_head_workspace"
    bl_label = "Talking Head Workspace"
    bl_description = (
        "Open a workspace for acting: the viewport with this tab, the sequencer and the Graph Editor. It is made the "
        "first time, and shown again later"
    )

    @classmethod
    def why_not(cls, context: Context) -> str:
        """In a window whose editors can be arranged."""
        if bpy.app.background or context.window is None:
            return "Blender runs without its window"
        if context.screen.show_fullscreen:
            return "Leave the maximized editor first (Ctrl Space)"
        return "It is being made" if _making.steps is not None else ""

    def execute(self, context: Context) -> set[str]:
        """Show it, or begin to make it."""
        workspace = made_before()
        if workspace is not None:
            context.window.workspace = workspace
            return {"FINISHED"}
        before = {workspace.name for workspace in bpy.data.workspaces}
        bpy.ops.workspace.duplicate()
        _making.steps = _steps(context.window, before)
        start_timer(_step, _TICK, persistent=False)
        return {"FINISHED"}


def _in_menu(menu: Menu, context: Context) -> None:
    menu.layout.separator()
    menu.layout.operator("emodifftalk.talking_head_workspace", icon="WORKSPACE")


ADDS = Adds(
    classes=(EMODIFFTALK_OT_talking_head_workspace,),
    menus=(("TOPBAR_MT_workspace_menu", _in_menu), ("TOPBAR_MT_window", _in_menu)),
    timers=(_step,),
)
