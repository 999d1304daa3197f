"""The tab in the window: a sample scene keeps it open, and what was read stays read after undo."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import bpy
from in_window import in_view

PATIENCE = 20
"""Looks at a side bar that is to be drawn first."""


def tab(package: str, facts: dict) -> Iterator[float]:
    """Open a sample from another tab; read words, go on, and undo."""
    side_bar()
    yield 0.5  # it knows its tabs once it has been drawn
    side_bar().active_panel_category = "View"
    bpy.ops.emodifftalk.open_sample("EXEC_DEFAULT", scene="hello")
    for _ in range(PATIENCE):
        yield 0.2
        if side_bar().active_panel_category == "EmoDiffTalk":
            break
    facts["tab of a sample"] = side_bar().active_panel_category
    readings = sys.modules[f"{package}.addon.timeline.readings"]
    readings.remember("a word of ours", {"aus": {"AU12": 0.5}, "answer": ""})
    with bpy.context.temp_override(**in_view()):
        bpy.ops.ed.undo_push(message="before")
        strip().emodifftalk.text = "a word of ours"
        bpy.ops.ed.undo_push(message="typed")
        strip().emodifftalk.ease_in = 1.0
        strip().emodifftalk.read_text = ""
        bpy.ops.ed.undo_push(message="eased")
        bpy.ops.ed.undo()
    yield 0.1
    facts["read after undo"] = strip().emodifftalk.read_text


def strip() -> bpy.types.Strip:
    """The first prompt."""
    strips = bpy.context.scene.sequence_editor.strips_all
    return next(strip for strip in strips if strip.emodifftalk.is_prompt)


def side_bar() -> bpy.types.Region:
    """That of the viewport."""
    area = in_view()["area"]
    area.spaces.active.show_region_ui = True
    return next(region for region in area.regions if region.type == "UI")
