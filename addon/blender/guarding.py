"""Classes and timers of ours whose failures end as a sentence: their methods are guarded when they are registered."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import bpy
from bpy.types import Operator, RenderEngine, UILayout

from . import unforeseen

Function = Callable[..., Any]
Timer = Callable[[], float | None]

_INSTEAD: dict[str, Any] = {
    "execute": {"CANCELLED"},
    "invoke": {"CANCELLED"},
    "modal": {"CANCELLED"},
    "poll": False,
    "poll_drop": False,
    "check": False,
    "description": "",
    "test_select": -1,
    "filter_items": ([], []),
    **dict.fromkeys(
        (
            *("cancel", "draw", "draw_header", "draw_header_preset", "draw_item", "draw_prepare", "draw_select"),
            *("exit", "refresh", "setup", "render", "update", "view_draw", "view_update"),
        )
    ),
}
"""The methods that Blender calls, and what each returns when it fails."""
_SAID = ("execute", "invoke", "modal")
COPY_DETAILS = "emodifftalk.copy_details"
_AGAIN = 5.0
"""Seconds after which a timer that failed is tried again."""


def guard_class(cls: type) -> None:
    """Let the methods that Blender calls on a class end with a sentence when they fail."""
    for name, instead in _INSTEAD.items():
        method = getattr(cls, name, None)
        function = getattr(method, "__func__", method)
        ours = hasattr(function, "__code__") and not hasattr(function, "is_guarded")
        if ours and not function.__module__.startswith(("bpy_types", "_bpy_types", "bpy_extras")):
            guarded = _guarded(cls, name, function, instead)
            setattr(cls, name, guarded if method is function else classmethod(guarded))


def _guarded(cls: type, name: str, function: Function, instead: object) -> Function:
    where = getattr(cls, "bl_label", "") or cls.__name__

    def call(owner: Any, *words: Any) -> Any:
        try:
            return function(owner, *words)
        except Exception as error:
            sentence = unforeseen.note(where, error)
            _say(owner, name, sentence)
            return set(instead) if isinstance(instead, set) else instead

    guarded = wraps(function)(unforeseen.with_as_many_words(call, function.__code__.co_argcount))
    guarded.is_guarded = True  # type: ignore[attr-defined]  # functions take attributes
    return guarded


def _say(owner: Any, name: str, sentence: str) -> None:
    if isinstance(owner, Operator) and name in _SAID:
        owner.report({"ERROR"}, sentence)
        _offer_details(sentence)
    elif isinstance(owner, RenderEngine) and name == "render":
        owner.report({"ERROR"}, sentence)
        owner.error_set(sentence)
    elif name.startswith("draw") and isinstance(layout := getattr(owner, "layout", None), UILayout):
        row = layout.row(align=True)
        row.alert = True
        row.label(text="This could not be drawn", icon="ERROR")
        row.operator(COPY_DETAILS, icon="COPYDOWN")


def _offer_details(sentence: str) -> None:
    """A small window with the sentence's remedy; a report alone has no button."""
    fault = unforeseen.last()
    if bpy.app.background or fault is None or not fault.details:
        return

    def draw(menu: Any, context: bpy.types.Context) -> None:
        menu.layout.label(text=f"{fault.where} stopped. Nothing of yours is lost.")
        menu.layout.operator(COPY_DETAILS, icon="COPYDOWN")

    bpy.context.window_manager.popup_menu(draw, title="Not Foreseen", icon="ERROR")


def start_timer(timer: Timer, first: float, persistent: bool = True) -> None:
    """Have Blender call `timer` after `first` seconds and as it then says, once and not twice. One that fails is tried
    again after some seconds. Timers never fire in background mode."""
    if not bpy.app.background and not is_running(timer):
        bpy.app.timers.register(guarded_timer(timer), first_interval=first, persistent=persistent)


def is_running(timer: Timer) -> bool:
    """Whether Blender is going to call it."""
    return bpy.app.timers.is_registered(guarded_timer(timer))


def stop_timer(timer: Timer) -> None:
    """Have Blender call it no more."""
    if is_running(timer):
        bpy.app.timers.unregister(guarded_timer(timer))


def guarded_timer(timer: Timer) -> Timer:
    """What Blender is given for a timer; always the same for the same."""
    if not hasattr(timer, "guarded"):

        @wraps(timer)
        def call() -> float | None:
            try:
                return timer()
            except Exception as error:
                unforeseen.note("Something that works behind", error)
                return _AGAIN

        timer.guarded = call  # type: ignore[attr-defined]  # functions take attributes
    return timer.guarded  # type: ignore[attr-defined]
