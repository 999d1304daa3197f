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

from .bell import Bell

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

Function = Callable[..., object]
Timer = Callable[[], float | None]
_added = ExitStack()
"""How to take away what has been added, the latest first."""


@dataclass(frozen=True)
class Adds:
    """What a file adds to Blender, in this order.

    classes: registered with Blender.
    properties: (Blender's type, name, property group, options of the pointer to it).
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
    menus: tuple[tuple[str, Function], ...] = ()
    handlers: tuple[tuple[str, Function], ...] = ()
    listens: tuple[tuple[Bell, Function], ...] = ()
    drawings: tuple[tuple[str, Function, str], ...] = ()
    timers: tuple[Timer, ...] = ()
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
        bpy.utils.register_class(cls)
        added.callback(bpy.utils.unregister_class, cls)
    for owner, name, group, options in what.properties:
        pointer = PointerProperty(type=group, **options)  # type: ignore[func-returns-value]  # it does, the stub errs
        setattr(owner, name, pointer)
        added.callback(delattr, owner, name)
    for name, draw in what.menus:
        menu = getattr(bpy.types, name, None)
        if menu is not None:
            menu.append(draw)
            added.callback(menu.remove, draw)
    for name, function in what.handlers:
        getattr(bpy.app.handlers, name).append(function)
        added.callback(getattr(bpy.app.handlers, name).remove, function)
    for bell, function in what.listens:
        bell.listen(function)
        added.callback(bell.ignore, function)
    if not bpy.app.background:
        for name, draw, when in what.drawings:
            space = getattr(bpy.types, name)
            handle = space.draw_handler_add(draw, (), "WINDOW", when)
            added.callback(space.draw_handler_remove, handle, "WINDOW")
    for timer in what.timers:
        added.callback(_stop, timer)
    if what.at_exit is not None:
        atexit.register(what.at_exit)
        added.callback(atexit.unregister, what.at_exit)
        added.callback(what.at_exit)
    if what.end is not None:
        added.callback(what.end)
    if what.begin is not None:
        what.begin()


def _stop(timer: Timer) -> None:
    if bpy.app.timers.is_registered(timer):
        bpy.app.timers.unregister(timer)
