"""Switching the add-on on costs Blender next to nothing, and switching it off leaves Blender as it was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.places import BACKEND, ROOT, with_paths

pytest.importorskip("bpy")


# A Blender of its own, which has never seen the add-on. It works between on and off: some things only begin then.
ON_AND_OFF = """
import json, sys
from pathlib import Path
import bpy
import addon
from tests.helpers.sounds import save_ramp
from tests.helpers.tiny_subject import save_tiny_subject
from tests.helpers.traces import differences, traces

folder = Path(sys.argv[1])
save_tiny_subject(folder / "tiny.safetensors")
before, found = traces("addon"), []
for _ in range(2):
    addon.register()
    on = traces("addon")
    bpy.ops.emodifftalk.import_subject(filepath=str(folder / "tiny.safetensors"))
    bpy.ops.emodifftalk.add_voice(filepath=str(save_ramp(folder / "voice.wav", 2.0)))
    bpy.ops.emodifftalk.add_prompt(text="calm")
    bpy.context.scene.frame_set(7)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend"))
    addon.unregister()
    found.append((differences(before, on), differences(before, traces("addon"))))
    bpy.ops.wm.read_factory_settings()
print("found " + json.dumps(found))
"""

# Blender as a Python module has loaded NumPy, the program has not: NumPy is put away while the add-on is switched on.
WITHOUT_NUMPY = """
import json, sys
from pathlib import Path
import bpy
import addon
print("found " + json.dumps([name for name in ("bpy_extras", "emodifftalk") if name in sys.modules]))
put_away = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "numpy"}
before = set(sys.modules)
addon.register()
print("found " + json.dumps(sorted({name.split(".")[0] for name in set(sys.modules) - before})))
sys.modules.update(put_away)
from tests.helpers.tiny_subject import save_tiny_subject
path = Path(sys.argv[1]) / "tiny.safetensors"
save_tiny_subject(path)
bpy.ops.emodifftalk.import_subject(filepath=str(path))
bpy.context.scene.frame_set(7)
print("found " + json.dumps(len(bpy.context.active_object.data.vertices)))
addon.unregister()
"""


def answers(code: str, folder: Path) -> list:
    """What a fresh Blender that runs `code` has found."""
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, env=with_paths(ROOT, BACKEND), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return [json.loads(line.removeprefix("found ")) for line in done.stdout.splitlines() if line.startswith("found ")]


def test_switching_it_off_leaves_nothing_behind_the_second_time_neither(tmp_path):
    ((first, second),) = answers(ON_AND_OFF, tmp_path)
    for on, off in (first, second):
        assert {"handlers", "types", "properties", "operators", "menu entries and panels"} <= set(on)
        assert off == {}
    assert first[0] == second[0]


def test_importing_it_loads_nothing_and_switching_it_on_neither_numpy_nor_any_other_package(tmp_path):
    """What makes Blender start slowly is loading packages; seconds themselves depend on the machine."""
    imported, loaded, points = answers(WITHOUT_NUMPY, tmp_path)
    assert "emodifftalk" not in imported
    ours = {"addon", "emodifftalk", "bpy_extras", "bl_ui", "bl_operators", "mathutils", "gpu", "aud", "idprop"}
    assert set(loaded) <= set(sys.stdlib_module_names) | ours
    assert not {"asyncio", "unittest", "sqlite3", "ssl", "xml", "http", "multiprocessing"} & set(loaded)
    assert points > 100
