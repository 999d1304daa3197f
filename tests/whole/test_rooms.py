"""The house stands as it is drawn: rooms import in the order of the data, there are no circles, every room says what
happens in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ADD_ON, BACKEND = ROOT / "addon", ROOT / "backend" / "emodifftalk"

BACKEND_ROOMS = (
    "core",
    "shots",
    "splat",
    "speech",
    "emotion",
    "motion",
    "appearance",
    "data",
    "perform",
    "train",
    "export",
    "evaluate",
    "serve",
    "cli",
)
"""In the order of the data: none imports one that comes after it."""
HIDDEN = {
    "addon/__init__.py": "importing the add-on costs Blender nothing before it is switched on",
    "addon/capture/studio/__main__.py": "a script, which first has to find the packages",
    "addon/shots/worker/render_worker.py": "a script, which first has to find the packages",
}
"""Files of the add-on that may import others of it inside functions, and why."""


def add_on_rooms() -> tuple[str, ...]:
    """As `registering` has them, read without Blender."""
    tree = ast.parse((ADD_ON / "blender" / "registering.py").read_text(encoding="utf-8"))
    (table,) = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROOMS"
    ]
    return ast.literal_eval(table)


@cache
def files(top: Path) -> dict[str, Path]:
    """The modules under a folder, by dotted name from the folder above it."""
    found = {}
    for path in sorted(top.rglob("*.py")):
        parts = path.relative_to(top.parent).with_suffix("").parts
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def imports(name: str, top: Path) -> Iterator[tuple[str, bool]]:
    """The modules under `top` that one of them imports, and whether it does so inside a function."""
    path, known = files(top)[name], files(top)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - (node.level - 1)] if node.level else []
            source = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            targets = [
                f"{source}.{alias.name}" if f"{source}.{alias.name}" in known else source for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        else:
            continue
        yield from ((target, id(node) in inside) for target in targets if target in known and target != name)


def room_of(name: str) -> str:
    """The folder a module lies in, below the top; a module at the top is a room of its own."""
    return [*name.split("."), ""][1]


@pytest.mark.parametrize(
    ("top", "rooms"), [(ADD_ON, add_on_rooms()), (BACKEND, BACKEND_ROOMS)], ids=["add-on", "backend"]
)
def test_no_file_imports_against_the_order_of_the_rooms(top, rooms):
    rank = {room: number for number, room in enumerate(rooms)}
    against = [
        f"{name} imports {target}"
        for name in files(top)
        for target, _ in imports(name, top)
        if rank.get(room_of(target), -1) > rank.get(room_of(name), len(rooms))
    ]
    assert not against


@pytest.mark.parametrize(
    ("top", "rooms"), [(ADD_ON, add_on_rooms()), (BACKEND, BACKEND_ROOMS)], ids=["add-on", "backend"]
)
def test_every_folder_is_a_room_in_the_order_and_says_in_its_first_line_what_happens_there(top, rooms):
    folders = {path.name for path in top.iterdir() if any(path.glob("*.py"))}
    assert folders <= set(rooms) <= folders | {path.stem for path in top.glob("*.py")}
    for path in top.rglob("__init__.py"):
        said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        assert len(said.splitlines()[0] if said else "") > 20, path
    assert not {"utils", "misc", "common", "helpers"} & {path.stem for path in top.rglob("*")}


@pytest.mark.parametrize("top", [ADD_ON, BACKEND], ids=["add-on", "backend"])
def test_there_are_no_circles(top):
    """Every module can be put after all those it imports, inside functions or not."""
    waiting = {name: {target for target, _ in imports(name, top)} for name in files(top)}

    while ready := {name for name, needs in waiting.items() if not needs & waiting.keys()}:
        for name in ready:
            del waiting[name]
    assert not waiting, f"in circles, or importing them: {sorted(waiting)}"


def test_the_add_on_hides_no_import_in_a_function_without_a_reason():
    hidden = {
        files(ADD_ON)[name].relative_to(ROOT).as_posix()
        for name in files(ADD_ON)
        for _, inside in imports(name, ADD_ON)
        if inside
    }
    assert hidden <= set(HIDDEN)


def test_neither_end_imports_what_is_not_its_own():
    """The add-on never loads torch, and the backend never loads Blender."""
    for top, forbidden in ((ADD_ON, {"torch", "transformers", "gsplat"}), (BACKEND, {"bpy", "addon"})):
        for name, path in files(top).items():
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                named += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
                assert not {word.split(".")[0] for word in named} & forbidden, name


def test_memory_is_kept_in_rooms_and_not_in_globals():
    """What outlives a call lies in a room's memory, which is emptied when the add-on is switched off."""
    for name, path in files(ADD_ON).items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert not any(isinstance(node, ast.Global) for node in ast.walk(tree)), name
        for node in tree.body:
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            empty = isinstance(value, ast.List | ast.Dict) and not (
                value.elts if isinstance(value, ast.List) else value.keys
            )
            called = isinstance(value, ast.Call) and ast.unparse(value.func) in ("dict", "list", "set", "OrderedDict")
            assert not empty and not (called and not value.args), f"{name}: {ast.unparse(node)}"
