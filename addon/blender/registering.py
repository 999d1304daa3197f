"""The one table by which the rooms of the add-on are added to Blender and taken out again.

A room's `__init__` names in MODULES those of its files that have something to add; each of them says what in ADDS.
Rooms come in the order in which data flows and go in reverse, and nothing stays behind: classes, properties, menu
entries, handlers, drawings, timers, what was to run at exit, and what the rooms remember.
"""

from __future__ import annotations

import atexit
import importlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import ModuleType

import bpy
from bpy.props import PointerProperty

from . import guarding
from .bell import Bell
from .unforeseen import guarded

ROOMS = (
    "blender",
    "scene",
    "backend",
    "timeline",
    "draw",
    "playback",
    "capture",
    "curves",
    "shots",
    "viewport",
    "takes",
    "render",
    "files",
    "composite",
    "top_line",
    "panels",
)
"""In the order of the data: none imports one that comes after it."""

WHERE = {
    "depsgraph_update_post": "Following your changes",
    "frame_change_post": "Following the playhead",
    "load_post": "Opening the file",
    "load_pre": "Leaving the file",
    "redo_post": "Redo",
    "save_post": "Saving the file",
    "save_pre": "Saving the file",
    "undo_post": "Undo",
}
"""What our handlers do, as the animator knows it."""
Function = Callable[..., object]
_added = ExitStack()
"""How to take away what has been added, the latest first."""


@dataclass(frozen=True)
class Adds:
    """What a file adds to Blender, in this order.

    classes: registered with Blender.
    properties: (Blender's type, name, property group, options of the pointer to it).
    headers: (name of a header, what draws at its beginning, where a narrow window shows it too).
    menus: (name of a menu or panel, what draws in it); names this Blender does not have are passed over.
    handlers: (name in `bpy.app.handlers`, function).
    listens: (bell, function it calls).
    drawings: (name of a space type, function, POST_VIEW or POST_PIXEL); none in background mode.
    timers: functions the file may register as timers, to be stopped.
    begin, end: called last when the add-on is switched on, and first when it is switched off.
    at_exit: called when it is switched off, and when Blender ends without that.
    """

    classes: tuple[type, ...] = ()
    properties: tuple[tuple[type, str, type, dict], ...] = ()
    headers: tuple[tuple[str, Function], ...] = ()
    menus: tuple[tuple[str, Function], ...] = ()
    handlers: tuple[tuple[str, Function], ...] = ()
    listens: tuple[tuple[Bell, Function], ...] = ()
    drawings: tuple[tuple[str, Function, str], ...] = ()
    timers: tuple[guarding.Timer, ...] = ()
    begin: Function | None = None
    end: Function | None = None
    at_exit: Function | None = None


def load(add_on: str) -> list[ModuleType]:
    """Import every room of the package `add_on`, and of each the files that add something; returns those in order."""
    rooms = [importlib.import_module(f"{add_on}.{name}") for name in ROOMS]
    names = [f"{room.__name__}.{name}" for room in rooms for name in getattr(room, "MODULES", ())]
    return [*(importlib.import_module(name) for name in names), *(room for room in rooms if hasattr(room, "ADDS"))]


def register(modules: list[ModuleType]) -> None:
    """Add what modules add. What was added is taken back when one part fails."""
    with ExitStack() as added:
        for module in modules:
            _add(module.ADDS, added)
        _added.push(added.pop_all())


def unregister(add_on: str) -> None:
    """Take it all away again, and have the rooms forget."""
    _added.close()
    for name in ROOMS:
        memory = getattr(importlib.import_module(f"{add_on}.{name}"), "memory", None)
        if memory is not None:
            memory.clear()


def _add(what: Adds, added: ExitStack) -> None:
    """Add what one file says; how to take each thing away again goes on the stack."""
    for cls in what.classes:
        guarding.guard_class(cls)
        bpy.utils.register_class(cls)
        added.callback(bpy.utils.unregister_class, cls)
    for owner, name, group, options in what.properties:
        pointer = PointerProperty(type=group, **options)  # type: ignore[func-returns-value]  # it does, the stub errs
        setattr(owner, name, pointer)
        added.callback(delattr, owner, name)
    for name, draw in (*what.headers, *what.menus):
        menu = getattr(bpy.types, name, None)
        if menu is not None:
            add, draw = menu.prepend if (name, draw) in what.headers else menu.append, guarded("A menu")(draw)
            add(draw)
            added.callback(menu.remove, draw)
    for name, function in what.handlers:
        function = guarded(WHERE.get(name, "EmoDiffTalk"))(function)
        getattr(bpy.app.handlers, name).append(function)
        added.callback(getattr(bpy.app.handlers, name).remove, function)
    for bell, function in what.listens:
        bell.listen(function)
        added.callback(bell.ignore, function)
    if not bpy.app.background:
        for name, draw, when in what.drawings:
            space = getattr(bpy.types, name)
            handle = space.draw_handler_add(guarded("Drawing heads and lines")(draw), (), "WINDOW", when)
            added.callback(space.draw_handler_remove, handle, "WINDOW")
    for timer in what.timers:
        added.callback(guarding.stop_timer, timer)
    if what.at_exit is not None:
        at_exit = guarded("Leaving Blender")(what.at_exit)
        atexit.register(at_exit)
        added.callback(atexit.unregister, at_exit)
        added.callback(at_exit)
    if what.end is not None:
        added.callback(what.end)
    if what.begin is not None:
        what.begin()
