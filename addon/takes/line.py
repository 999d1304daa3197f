"""A line under the ruler of the time editors: where a head's take is baked, stale, missing, or of low confidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import bpy
from bpy.props import BoolProperty
from bpy.types import Context, Menu, PropertyGroup, Region, Scene, UILayout

from ..blender.redraw import TIME_EDITORS, redraw
from ..blender.registering import Adds
from ..blender.state import State
from ..blender.unforeseen import guarded
from ..scene.heads import active_head, heads, settings
from . import memory
from .staleness import BAKED, MISSING, STALE, STRETCHED, status

COLOURS = {
    BAKED: (0.337, 0.706, 0.914, 1.0),
    STALE: (0.902, 0.624, 0.0, 1.0),
    MISSING: (0.6, 0.6, 0.6, 1.0),
    STRETCHED: (0.8, 0.475, 0.655, 1.0),
}
"""sRGB. Blue, orange and purple of Okabe and Ito's palette and a grey: told apart by people of every colour vision."""
NAMES = {
    BAKED: "Up to date",
    STALE: "Stale",
    MISSING: "No take yet",
    STRETCHED: "Low confidence",
}
_SHAPES = {BAKED: (0.0, 1.0), STALE: (0.0, 1.0), MISSING: (0.4, 0.6), STRETCHED: (-0.6, 0.4)}
"""Top and bottom of each, in heights of the line: without colours they are still not the same."""
_HEIGHT, _GAP, _MOST = 4, 2, 4
"""Pixels at a resolution scale of 1, and how many heads have a line."""
_RULER = 23
"""Height of the ruler, in the same pixels."""
_CACHE = 7
"""Room for what the sequencer shows of its own cache."""
_EDITORS = ("SpaceSequenceEditor", "SpaceDopeSheetEditor", "SpaceGraphEditor")
_MENUS = ("SEQUENCER_MT_view", "TIME_MT_view", "DOPESHEET_MT_view", "GRAPH_MT_view")


@dataclass
class _LineState(State):
    """What the line is drawn with.

    icons: of the legend; none in background mode.
    problem: why the line cannot be drawn, one sentence.
    """

    icons: bpy.utils.previews.ImagePreviewCollection | None = None
    problem: str = ""


_state = memory.keep(_LineState())


@guarded("Showing the change")
def _switched(self: PropertyGroup, context: Context) -> None:
    redraw(TIME_EDITORS)


class LineSettings(PropertyGroup):
    """How the time editors of a scene look."""

    show: BoolProperty(
        name="Take Status",
        description="Show under the ruler where the take is up to date, stale, missing, or of low confidence",
        default=True,
        update=_switched,
    )


def line_settings(scene: Scene) -> LineSettings:
    """Those of a scene."""
    return scene.emodifftalk_line  # type: ignore[attr-defined]  # ADDS puts it there


def bars(scene: Scene, context: Context) -> Iterator[tuple[int, float, float, str]]:
    """Row, first frame, frame after the last, and kind of everything the line shows; the active head comes first."""
    first = active_head(context)
    shown = sorted(heads(scene), key=lambda head: (head != first, head.name))
    shown = [head for head in shown if settings(head).voice_uid or len(settings(head).takes)]
    for row, head in enumerate(shown[:_MOST]):
        for start, end, kind in status(head, scene).parts:
            yield row, start, end, kind


def rectangles(
    parts: Iterator[tuple[int, float, float, str]], region: Region, scale: float, below: float = 0.0
) -> dict[str, list[tuple[float, float, float, float]]]:
    """Left, bottom, right and top, pixels of the region, of what is to be seen of each kind.

    parts: as `bars` gives them.
    scale: pixels for one at a resolution scale of 1.
    below: how far under the ruler the line lies, in pixels at a resolution scale of 1.
    """
    boxes: dict[str, list[tuple[float, float, float, float]]] = {kind: [] for kind in COLOURS}
    top = region.height - (_RULER + below) * scale
    for row, start, end, kind in parts:
        first, last = (region.view2d.view_to_region(frame, 0, clip=False)[0] for frame in (start, end))
        left, right = max(first, 0), min(max(last, first + scale), region.width)
        if right > left:
            line = top - row * (_HEIGHT + _GAP) * scale
            upper, lower = (line - part * _HEIGHT * scale for part in _SHAPES[kind])
            boxes[kind].append((left, lower, right, upper))
    return boxes


def _draw() -> None:
    context = bpy.context
    if _state.problem or not line_settings(context.scene).show or context.region.type != "WINDOW":
        return
    space: Any = context.space_data
    if context.area.type == "SEQUENCE_EDITOR" and space.view_type == "PREVIEW":
        return
    try:
        below = _CACHE if context.area.type == "SEQUENCE_EDITOR" else 0.0
        scale = context.preferences.system.ui_scale
        boxes = rectangles(bars(context.scene, context), context.region, scale, below)
        for kind, rects in boxes.items():
            if rects:
                _fill(rects, COLOURS[kind])
    except Exception as error:  # an exception here would come again at every redraw
        _state.problem = f"The line of the takes cannot be drawn ({error})."
        print(f"EmoDiffTalk: {_state.problem}", flush=True)


def _fill(boxes: list[tuple[float, float, float, float]], colour: tuple[float, float, float, float]) -> None:
    import gpu
    from gpu_extras.batch import batch_for_shader

    corners: list[tuple[float, float]] = []
    triangles: list[tuple[int, int, int]] = []
    for left, bottom, right, top in boxes:
        first = len(corners)
        corners += [(left, bottom), (right, bottom), (right, top), (left, top)]
        triangles += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    shader.uniform_float("color", colour)
    batch_for_shader(shader, "TRIS", {"pos": corners}, indices=triangles).draw(shader)


def draw_legend(layout: UILayout, context: Context) -> None:
    """The switch of the line and what its colours mean."""
    line = line_settings(context.scene)
    layout.prop(line, "show")
    if line.show and _state.icons is not None:
        flow = layout.grid_flow(columns=2, even_columns=True, align=True)
        flow.scale_y = 0.85
        for kind, name in NAMES.items():
            flow.label(text=name, icon_value=_state.icons[kind].icon_id)
    if _state.problem:
        layout.label(text=_state.problem, icon="ERROR")


def _make_icons() -> None:
    import bpy.utils.previews

    size = 16
    _state.icons = bpy.utils.previews.new()
    for kind, colour in COLOURS.items():
        top, bottom = _SHAPES[kind]
        low, high = round(8 - 5 * (bottom - 0.3)), round(8 - 5 * (top - 0.3))
        rows = [(colour if low <= y < max(high, low + 1) else (0.0,) * 4) * size for y in range(size)]
        icon: Any = _state.icons.new(kind)
        icon.icon_size = (size, size)
        icon.icon_pixels_float = [value for row in rows for value in row]


def _draw_switch(self: Menu, context: Context) -> None:
    self.layout.separator()
    self.layout.prop(line_settings(context.scene), "show", text="EmoDiffTalk Take Status")


def _begin() -> None:
    if not bpy.app.background:
        _make_icons()


def _end() -> None:
    if _state.icons is not None:
        bpy.utils.previews.remove(_state.icons)
        _state.icons = None


ADDS = Adds(
    classes=(LineSettings,),
    properties=((Scene, "emodifftalk_line", LineSettings, {}),),
    menus=tuple((name, _draw_switch) for name in _MENUS),
    drawings=tuple((name, _draw, "POST_PIXEL") for name in _EDITORS),
    begin=_begin,
    end=_end,
)
