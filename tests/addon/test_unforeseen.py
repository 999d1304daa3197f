"""Whatever fails in anything of ours that Blender calls: a sentence with Copy Details, and never a traceback.

Every operator, panel, menu, list, gizmo and engine, every handler, timer, drawing and property callback is made to
raise, one by one, in a Blender of its own. Written out by `python -m tests.addon.test_unforeseen`.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

from tests.helpers.places import ROOT, with_paths

pytest.importorskip("bpy")

RAISING = """
import inspect
import json
import bpy
import addon
from addon.start_up import ensure_core
ensure_core()
from addon.blender import guarding, registering, unforeseen
from emodifftalk.core.errors import UserError

class Boom(Exception):
    pass

def boom(*words, **named):
    raise Boom("a thing that nobody foresaw")

addon.register()
modules = registering.load("addon")
addon.unregister()
found = {"operators": [], "other classes": [], "handlers": [], "timers": [], "drawings and menus": []}
wrong = []

def failed(name, call, instead):
    unforeseen._faults.clear()
    try:
        given = call()
    except BaseException as error:
        wrong.append(f"{name}: {type(error).__name__} {error}")
        return
    fault = unforeseen.last()
    if given != instead or fault is None or "Boom" not in fault.details or "Traceback" in fault.sentence:
        wrong.append(f"{name}: {given!r} {fault}")

class Owner:
    layout = None
    bl_label = "x"

def with_words(count):
    scope = {"boom": boom}
    names = ", ".join(f"a{i}" for i in range(count))
    exec(f"def method({names}): boom()", scope)
    return scope["method"]

# Every method that Blender calls on our classes: replaced by one that raises, then guarded and called as Blender does.
for module in modules:
    for cls in module.ADDS.classes:
        methods = []
        for name, instead in guarding._INSTEAD.items():
            method = getattr(cls, name, None)
            function = getattr(method, "__func__", method)
            if hasattr(function, "__code__") and function.__module__.startswith("addon"):
                count = getattr(function, "__wrapped__", function).__code__.co_argcount
                raising = with_words(count)
                raising.__module__ = function.__module__
                stand_in = type(cls.__name__, (), {"bl_label": getattr(cls, "bl_label", ""), name: raising})
                guarding.guard_class(stand_in)
                words = [Owner()] + [None] * (count - 1)
                failed(f"{cls.__name__}.{name}", lambda: getattr(stand_in, name)(*words), instead)
                if not hasattr(function, "is_guarded"):
                    wrong.append(f"{cls.__name__}.{name} is not guarded where it is registered")
                methods.append(name)
        kind = "operators" if issubclass(cls, bpy.types.Operator) else "other classes"
        if methods:
            found[kind].append(f"{getattr(cls, 'bl_idname', cls.__name__) or cls.__name__} ({', '.join(methods)})")

# Handlers, menus, drawings and timers: what Blender was given is called, the insides of ours replaced.
given = {}
kept = registering.guarded
def spying(where, instead=None):
    def guard(function):
        safe = kept(where, instead)(function)
        given.setdefault(function, []).append(safe)
        return safe
    return guard
registering.guarded = spying
addon.register()

def raising(*words, **named):
    raise LookupError("Boom")

def words_of(function):
    inside = inspect.unwrap(function).__code__
    return 2 if inside.co_flags & inspect.CO_VARARGS else inside.co_argcount

def failing(name, kind, function, call, instead=None):
    inside = function
    while hasattr(inside, "__wrapped__"):
        inside = inside.__wrapped__
    was, inside.__code__ = inside.__code__, raising.__code__
    failed(name, call, instead)
    inside.__code__ = was
    found[kind].append(name)

for module in modules:
    ours = module.ADDS
    for event, function in ours.handlers:
        there = [f for f in getattr(bpy.app.handlers, event) if f in given.get(function, ())]
        name = f"{event}: {function.__module__}.{function.__qualname__}"
        if not there:
            wrong.append(f"{name} is not what Blender was given")
        else:
            words = [bpy.context.scene, None][: words_of(function)]
            failing(name, "handlers", function, lambda: there[0](*words))
    for place, function in (*ours.menus, *ours.headers):
        if hasattr(bpy.types, place):
            name = f"{place}: {function.__module__}.{function.__qualname__}"
            failing(name, "drawings and menus", function, lambda: given[function][0](None, bpy.context))
    for place, function, _ in ours.drawings:  # there are none without a window: as `registering` guards them
        name = f"{place}: {function.__module__}.{function.__qualname__}"
        failing(name, "drawings and menus", function, lambda: kept("Drawing")(function)())
    for timer in ours.timers:
        name = f"{timer.__module__}.{timer.__qualname__}"
        failing(name, "timers", timer, guarding.guarded_timer(timer), guarding._AGAIN)
for name in dir(bpy.app.handlers):
    functions = getattr(bpy.app.handlers, name)
    for function in functions if isinstance(functions, list) else ():
        if getattr(function, "__module__", "").startswith("addon") and not hasattr(function, "is_guarded"):
            wrong.append(f"{name}: {function.__qualname__} is not guarded")

# In Blender itself: an operator, a handler and a panel that raise, and what was foreseen.
import addon.files.import_subject as importing
importing.import_subject = boom
try:
    bpy.ops.emodifftalk.import_subject(filepath="/nowhere/head.safetensors")
    wrong.append("an operator that fails is not said")
except RuntimeError as error:
    said = str(error)
bpy.ops.emodifftalk.copy_details()
details = unforeseen.all_details()
def foreseen(scene, depsgraph):
    raise UserError("The disk is full: make room.")
kept("Something")(foreseen)(None, None)
last = unforeseen.last()
print("found " + json.dumps([found, wrong, said, details, last.sentence, last.details]))
"""


@pytest.fixture(scope="module")
def raised():
    words = [sys.executable, "-c", RAISING]
    done = subprocess.run(words, cwd=ROOT, env=with_paths(), capture_output=True, text=True, timeout=120)
    line = next((line for line in done.stdout.splitlines() if line.startswith("found ")), "")
    assert line, done.stdout + done.stderr
    return *json.loads(line.removeprefix("found ")), done.stderr


def test_everything_of_ours_that_blender_calls_ends_as_a_sentence_when_it_raises(raised):
    found, wrong = raised[:2]
    assert not wrong, "\n".join(wrong)
    assert {kind: len(names) > 3 for kind, names in found.items()} == dict.fromkeys(found, True)


def test_the_animator_is_told_in_one_sentence_and_the_details_can_be_copied(raised):
    _, _, said, details, _, _, stderr = raised
    assert "Traceback" not in said + stderr and "Copy Details" in said
    assert "Import Subject stopped" in said and "Boom: a thing that nobody foresaw" in details
    assert "Blender" in details and "Traceback" in details


def test_what_was_foreseen_is_said_as_it_is(raised):
    assert raised[4:6] == ("The disk is full: make room.", "")


def test_timers_and_handlers_are_only_given_to_blender_through_the_guard():
    """And every callback of a property is guarded where it is written."""
    loose = []
    for path in sorted((ROOT / "addon").rglob("*.py")):
        if path.parent.name in ("worker", "studio") or path.name in ("guarding.py", "registering.py"):
            continue  # those run in processes of their own
        tree = ast.parse(path.read_text(encoding="utf-8"))
        guarded = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
            and any(isinstance(d, ast.Call) and getattr(d.func, "id", "") == "guarded" for d in node.decorator_list)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            words = ast.unparse(node.func)
            if words.startswith(("bpy.app.timers.", "bpy.msgbus.")) or words.endswith(
                (".draw_handler_add", "handlers.append")
            ):
                loose.append(f"{path.name}:{node.lineno} {words}")
            if words.endswith("Property"):
                for named in node.keywords:
                    callback = named.arg in ("update", "get", "set", "search", "poll", "items")
                    if callback and isinstance(named.value, (ast.Name, ast.Lambda)):
                        name = getattr(named.value, "id", "lambda")
                        if name not in guarded and not name.isupper():
                            loose.append(f"{path.name}:{node.lineno} {named.arg}={name}")
    assert loose == []


if __name__ == "__main__":
    process = subprocess.run(
        [sys.executable, "-c", RAISING], cwd=ROOT, env=with_paths(), capture_output=True, text=True
    )
    for title, names in json.loads(process.stdout.partition("found ")[2].splitlines()[0])[0].items():
        print(f"{title}: {len(names)}", *(f"  {name}" for name in names), sep="\n")
