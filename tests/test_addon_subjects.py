"""Importing heads: what comes in, what a damaged file does (nothing), and that the add-on leaves Blender as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_subject import tiny_subject

bpy = pytest.importorskip("bpy")

from addon.heads import active_head, settings

ROOT = Path(__file__).resolve().parent.parent


def everything() -> dict[str, list[str]]:
    """Names of all data-blocks in the file."""
    lists = (name for name in dir(bpy.data) if isinstance(getattr(bpy.data, name), bpy.types.bpy_prop_collection))
    return {name: sorted(block.name for block in getattr(bpy.data, name)) for name in lists}


def test_an_imported_head_is_one_light_object_with_its_credits(scene, subject_path):
    scene.cursor.location = (1, 2, 3)
    assert bpy.ops.emodifftalk.import_subject(filepath=str(subject_path)) == {"FINISHED"}
    head, subject = bpy.context.active_object, tiny_subject()
    assert active_head(bpy.context) == head and head.select_get()
    assert tuple(head.location) == (1, 2, 3)
    kept = settings(head)
    assert (kept.subject_name, kept.subject_licence, kept.subject_points) == ("Tiny", "CC0-1.0", 340)
    points = np.array([v.co for v in head.data.vertices])
    assert points == pytest.approx(subject.template.neutral, abs=1e-6)


def test_the_sketch_shows_the_features_and_is_left_out_by_other_render_engines(head):
    assert len(head.data.polygons) == 0
    assert 50 < len(head.data.edges) < 400
    assert not head.hide_render


def test_paths_are_relative_to_a_saved_file(scene, subject_path, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.emodifftalk.import_subject(filepath=str(subject_path))
    assert settings(bpy.context.active_object).subject_path == "//tiny.safetensors"


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def renamed(data: bytes) -> bytes:
    return data.replace(b"emodifftalk.subject", b"emodifftalk.picture")


def scrambled(data: bytes) -> bytes:
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    begin, end = header["gaussians.means"]["data_offsets"]
    return data[: 8 + length + begin] + b"\xff" * (end - begin) + data[8 + length + end :]


@pytest.mark.parametrize("damage", [cut, renamed, scrambled, lambda data: b"", lambda data: b"PK" + os.urandom(500)])
def test_a_damaged_subject_is_refused_in_one_sentence_and_changes_nothing(scene, subject_path, damage):
    subject_path.write_bytes(damage(subject_path.read_bytes()))
    before = everything()
    with pytest.raises(RuntimeError) as refusal:
        bpy.ops.emodifftalk.import_subject(filepath=str(subject_path))
    assert "tiny.safetensors" in str(refusal.value)
    assert len(str(refusal.value).strip().splitlines()) == 1
    assert everything() == before


def test_a_missing_file_is_refused_too(scene, tmp_path):
    with pytest.raises(RuntimeError, match="does not exist"):
        bpy.ops.emodifftalk.import_subject(filepath=str(tmp_path / "nobody.safetensors"))


def ours(functions: list) -> int:
    """How many of these functions belong to the add-on."""
    return sum(f.__module__.startswith("addon") for f in functions)


def traces() -> dict[str, int]:
    """Everything an add-on could leave behind, counted."""
    found = {name: getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)}
    owners = (bpy.types.Object, bpy.types.Strip, bpy.types.WindowManager, bpy.types.Scene)
    return {
        "handlers": sum(ours(functions) for functions in found.values() if isinstance(functions, list)),
        "classes": sum("emodifftalk" in name.lower() for name in dir(bpy.types)),
        "properties": sum(hasattr(owner, "emodifftalk") for owner in owners),
        "menu entries": ours(bpy.types.TOPBAR_MT_file_import._dyn_ui_initialize()),
        "operators": len(dir(bpy.ops.emodifftalk)),
    }


def test_switching_it_off_and_on_twice_leaves_nothing_behind(addon, scene):
    on = traces()
    assert all(on.values())
    for _ in range(2):
        addon.unregister()
        off = traces()
        addon.register()
        assert not any(off.values()), off
    assert traces() == on


def test_importing_the_add_on_loads_nothing_and_switching_it_on_nothing_heavy():
    """What makes Blender start slowly is loading packages; seconds themselves depend on the machine."""
    code = (
        "import sys, addon; print('numpy' in sys.modules, 'bpy' in sys.modules); addon.register(); "
        "heavy = ('torch', 'scipy', 'numba', 'PIL', 'transformers'); print(*(name in sys.modules for name in heavy)); "
        "addon.unregister()"
    )
    paths = os.pathsep.join([str(ROOT), str(ROOT / "backend")])
    environment = os.environ | {"PYTHONPATH": paths}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    lines = [line for line in answer.stdout.splitlines() if line.startswith(("True", "False"))]
    assert lines[0].split() == ["False"] * 2
    assert lines[1].split() == ["False"] * 5
