"""Clicking on a head selects it, and is a step to undo only when that changes something."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

bpy = pytest.importorskip("bpy")

from addon.viewport import click_select


class Window:
    """The context of a viewport, in which an operator can stay until the button is let go."""

    window_manager = SimpleNamespace(modal_handler_add=lambda operator: None)
    preferences = SimpleNamespace(inputs=SimpleNamespace(drag_threshold_mouse=3))

    def __getattr__(self, name: str):
        return getattr(bpy.context, name)


@pytest.fixture
def click(head, monkeypatch):
    """Click on the head; returns how the operator ended."""
    monkeypatch.setattr(click_select, "head_at", lambda context, x, y: head)
    monkeypatch.setattr(click_select, "_select_mouse", lambda context: "LEFTMOUSE")
    operator = click_select.EMODIFFTALK_OT_click_select
    methods = {name: getattr(operator, name) for name in ("invoke", "modal", "_ended")}

    def clicked(toggle: bool = False, move: bool = False) -> set[str]:
        held = type("Click", (), {**methods, "toggle": toggle, "move": move})()
        place = {"mouse_x": 5, "mouse_y": 5, "mouse_region_x": 5, "mouse_region_y": 5}
        press = SimpleNamespace(type="LEFTMOUSE", value="PRESS", **place)
        ended = held.invoke(Window(), press)
        if ended == {"RUNNING_MODAL"}:
            ended = held.modal(Window(), SimpleNamespace(type=press.type, value="RELEASE", **place))
        return ended

    return clicked


@pytest.mark.parametrize("move", [False, True])
def test_a_click_on_what_is_selected_already_is_no_step_to_undo(head, click, move):
    assert head.select_get() and click(move=move) == {"CANCELLED"} and head.select_get()
    head.select_set(False)
    assert click(move=move) == {"FINISHED"} and head.select_get()


def test_a_click_that_deselects_others_or_takes_the_head_out_is_a_step(head, scene, click):
    other = bpy.data.objects.new("Other", None)
    scene.collection.objects.link(other)
    other.select_set(True)
    assert click() == {"FINISHED"} and not other.select_get() and head.select_get()
    assert click(toggle=True) == {"FINISHED"} and not head.select_get()
