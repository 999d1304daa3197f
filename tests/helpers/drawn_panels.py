"""Panels drawn without a window, on a layout that notes what stands where."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import bpy


class Seen:
    """Blender's context as a panel in a side bar of some width sees it."""

    def __init__(self, width: int = 280) -> None:
        self.region = SimpleNamespace(width=width)
        self.preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=1.0))  # 0 without a window

    def __getattr__(self, name: str) -> Any:
        return getattr(bpy.context, name)


class Layout:
    """Blender's layout, as far as our panels use it. Everything drawn in it is kept with its height."""

    def __init__(self, beside: bool = False) -> None:
        self.beside, self.parts, self.scale_y = beside, [], 1.0
        self.enabled = self.active = True
        self.alert = self.use_property_split = self.use_property_decorate = False
        self.alignment = self.operator_context = ""

    def _within(self, beside: bool) -> Layout:
        self.parts.append(Layout(beside))
        return self.parts[-1]

    def row(self, **_: object) -> Layout:
        return self._within(True)

    def column(self, **_: object) -> Layout:
        return self._within(False)

    def split(self, **_: object) -> Layout:
        return self._within(True)

    def box(self) -> Layout:
        return self._within(False)

    def grid_flow(self, **_: object) -> Layout:
        return self._within(False)

    def panel(self, name: str, default_closed: bool = False) -> tuple[Layout, Layout | None]:
        return self.row(), None if default_closed else self.column()

    def _leaf(self, name: str, text: str = "", height: float = 1.0) -> SimpleNamespace:
        leaf = SimpleNamespace(name=name, text=text, height=height, set=SimpleNamespace())
        self.parts.append(leaf)
        return leaf

    def label(self, text: str = "", **_: object) -> None:
        self._leaf("", text)

    def operator(self, name: str, text: str | None = None, **_: object) -> SimpleNamespace:
        known = getattr(getattr(bpy.ops, name.split(".")[0]), name.split(".")[1]).get_rna_type()
        return self._leaf(name, known.name if text is None else text).set

    def prop(self, data: object, name: str, text: str | None = None, **_: object) -> None:
        known = data.bl_rna.properties[name]
        self._leaf(f"{type(data).__name__}.{name}", known.name if text is None else text)

    def progress(self, text: str = "", factor: float = 0.0, **_: object) -> None:
        assert 0.0 <= factor <= 1.0
        self._leaf("progress", text)

    def template_list(self, kind: str, *_: object, rows: int = 5, **__: object) -> None:
        assert hasattr(bpy.types, kind)
        self._leaf(kind, height=rows + 1)

    def menu(self, name: str, text: str = "", **_: object) -> None:
        assert hasattr(bpy.types, name)
        self._leaf(name, text)

    popover = menu

    def operator_menu_enum(self, name: str, *_: object, text: str = "", **__: object) -> None:
        self._leaf(name, text)

    def prop_decorator(self, *_: object) -> None:
        self._leaf("decorator")

    def separator(self, **_: object) -> None:
        self._leaf("separator", height=0.5)


def height(part: Any) -> float:
    """How high something is, in rows."""
    if not isinstance(part, Layout):
        return part.height
    heights = [height(inner) for inner in part.parts]
    return part.scale_y * (max(heights, default=0.0) if part.beside else sum(heights))


def places(part: Any, top: float = 0.0, scale: float = 1.0) -> Iterator[tuple[Any, float]]:
    """Every leaf with how many rows lie above it."""
    if not isinstance(part, Layout):
        yield part, round(top, 3)
        return
    for inner in part.parts:
        yield from places(inner, top, scale * part.scale_y)
        top += 0.0 if part.beside else scale * part.scale_y * height(inner)


def draw(panel: type, context: Any) -> Layout:
    """What a panel draws."""
    layout = Layout()
    standing = SimpleNamespace(layout=layout)
    for name, function in vars(panel).items():
        if callable(function) and name.startswith("_draw"):
            setattr(standing, name, function.__get__(standing))
    panel.draw(standing, context)
    return layout
