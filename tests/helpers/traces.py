"""What an add-on can leave behind in Blender, listed. Runs in any Blender, with a window or without."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import bpy


def traces(package: str) -> dict[str, list[str]]:
    """Everything there is of each kind, by name: compare two of them. package: of the add-on, to look for timers."""
    return {
        "handlers": sorted(_handlers()),
        "timers": sorted(name for name, function in _functions(package) if _is_timer(function)),
        "types": sorted(dir(bpy.types)),
        "properties": sorted(_properties()),
        "operators": sorted(dir(bpy.ops.emodifftalk)),
        "menu entries and panels": sorted(_drawn()),
        "render engines' panels": sorted(_engines()),
        "key maps": sorted(_keys()),
        "asset libraries": sorted(library.name for library in bpy.context.preferences.filepaths.asset_libraries),
        "processes": sorted(_children()),
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }


def differences(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, list[str]]:
    """What is in one and not in the other; empty when nothing was left behind."""
    found = {kind: sorted(set(before[kind]) ^ set(after[kind])) for kind in before}
    return {kind: names for kind, names in found.items() if names}


def _handlers() -> Iterator[str]:
    for name in dir(bpy.app.handlers):
        functions = getattr(bpy.app.handlers, name)
        if isinstance(functions, list):
            yield from (f"{name}: {function.__module__}.{function.__qualname__}" for function in functions)


def _is_timer(function: FunctionType) -> bool:
    return bpy.app.timers.is_registered(getattr(function, "guarded", function))


def _functions(package: str) -> Iterator[tuple[str, FunctionType]]:
    for name, module in list(sys.modules.items()):
        if name == package or name.startswith(f"{package}."):
            for value in vars(module).values():
                if isinstance(value, FunctionType):
                    yield f"{name}.{value.__qualname__}", value


def _properties() -> Iterator[str]:
    """Those that were added to Blender's own types."""
    for name in dir(bpy.types):
        rna = getattr(getattr(bpy.types, name), "bl_rna", None)
        if rna is not None:
            yield from (f"{name}.{prop.identifier}" for prop in rna.properties if prop.is_runtime)


def _drawn() -> Iterator[str]:
    """What was appended to menus, panels and headers."""
    for name in dir(bpy.types):
        draw = getattr(getattr(bpy.types, name), "draw", None)
        for function in getattr(draw, "_draw_funcs", ()):
            if function.__qualname__ != f"{name}.draw":  # Blender's own, listed from the first addition on
                yield f"{name}: {function.__module__}.{function.__qualname__}"


def _engines() -> Iterator[str]:
    for name in dir(bpy.types):
        for engine in getattr(getattr(bpy.types, name), "COMPAT_ENGINES", ()):
            yield f"{name}: {engine}"


def _keys() -> Iterator[str]:
    config = bpy.context.window_manager.keyconfigs.addon if bpy.context.window_manager else None
    for keymap in config.keymaps if config is not None else ():
        yield from (f"{keymap.name}: {item.idname} {item.type}" for item in keymap.keymap_items)


def _children() -> Iterator[str]:
    """Command lines of the processes we started, where the system lists them (Linux)."""
    for listed in Path("/proc/self/task").glob("*/children"):
        for number in listed.read_text().split():
            with contextlib.suppress(OSError):
                yield Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
