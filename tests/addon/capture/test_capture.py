"""Capture as Subject from Blender: who is captured, what the file keeps, how it is interrupted and gone on with."""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from addon.backend import long_work
from addon.capture.operators import capture_folder, selected_face, start_capture, why_not
from addon.capture.training import subject_path
from emodifftalk.core.errors import UserError
from tests.helpers.small_character import build_character


@pytest.fixture
def character(scene, tmp_path, monkeypatch):
    """The small character in a saved file whose name has been changed since; small settings; the real backend."""
    monkeypatch.setenv("EMODIFFTALK_PYTHON", sys.executable)
    face = build_character(scene, "Bea")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    face.name = "Ada"
    kept = scene.emodifftalk_capture
    kept.size, kept.samples, kept.spoken = 32, 1, 0
    bpy.context.view_layer.objects.active = bpy.data.objects["Bea Rig"]
    yield face
    long_work.stop()


def select(name: str) -> None:
    """Make an object active."""
    bpy.context.view_layer.objects.active = bpy.data.objects[name] if name else None


@pytest.mark.parametrize("part", ["Ada", "Bea Rig", "hair", "eye left"])
def test_any_part_of_a_character_means_its_face(character, part):
    select(part)
    face, shapes = selected_face(bpy.context)
    assert face == character and shapes.aus == ["AU12", "AU15", "AU26", "AU45"]
    # An armature that only deforms it is enough.
    character.parent = None
    character.modifiers.new("rig", "ARMATURE").object = bpy.data.objects["Bea Rig"]
    assert selected_face(bpy.context)[0] == character
    assert capture_folder(face, bpy.context.scene) == Path(bpy.data.filepath).parent / "captures" / "Ada"


def test_the_button_says_what_is_missing(character, tmp_path):
    kept = bpy.context.scene.emodifftalk_capture
    assert why_not(bpy.context) == ""
    select("")
    assert "Select a character" in why_not(bpy.context)
    bpy.ops.mesh.primitive_cube_add()
    assert "no face with shape keys" in why_not(bpy.context)
    select("Ada")
    for key in character.data.shape_keys.key_blocks[1:]:
        key.name = f"Key {key.name[:3]}"
    assert "None of the shape keys of “Ada” has a known name" in why_not(bpy.context)
    (tmp_path / "mapping.json").write_text('{"jawOpen": "Key jaw"}')
    kept.mapping = "//mapping.json"
    assert why_not(bpy.context) == "" and selected_face(bpy.context)[1].aus == ["AU26"]
    (tmp_path / "broken.json").write_text("{")
    kept.mapping = "//broken.json"
    assert "is no JSON" in why_not(bpy.context)


@pytest.mark.slow
def test_the_file_as_it_is_now_is_captured_and_stays_as_it_was_and_cancel_keeps_the_pictures(character, tmp_path):
    if find_spec("torch") is None:
        pytest.skip("this Python has no backend (torch is missing)")
    blend = Path(bpy.data.filepath)
    before, out = blend.read_bytes(), tmp_path / "captures" / "Ada"
    # Pictures that take their time: the last one must not be there before the person has pressed Cancel.
    bpy.context.scene.emodifftalk_capture.samples = 400
    job = start_capture(bpy.context)
    with pytest.raises(UserError, match="“Capture Ada” is still at work"):
        start_capture(bpy.context)
    end = time.monotonic() + 120
    while job.running and "picture" not in job.text:
        assert time.monotonic() < end
        long_work.pump()
        time.sleep(0.02)
    assert not job.problem
    assert bpy.ops.emodifftalk.cancel_work() == {"FINISHED"}
    long_work.wait()
    assert job.cancelled and not job.problem and not long_work.client.alive
    kept = list((out / "pictures").glob("*.png"))
    # The face is called Ada in the open file alone: what was captured is not what lies on the disk.
    assert kept and blend.read_bytes() == before and Path(bpy.data.filepath) == blend
    assert not list(Path(bpy.app.tempdir).glob("capture_*.blend"))
    bpy.context.scene.emodifftalk_capture.size = 48
    with pytest.raises(RuntimeError, match="another size: choose another folder, or overwrite it"):
        bpy.ops.emodifftalk.capture_subject()
    assert set(kept) <= set((out / "pictures").glob("*.png"))
    with pytest.raises(RuntimeError, match="holds no finished capture"):
        bpy.ops.emodifftalk.train_subject(capture=str(out))


def test_a_subject_never_lands_on_another_file(tmp_path):
    assert subject_path(tmp_path / "ada").name == "ada.safetensors"
    (tmp_path / "ada.safetensors").touch()
    assert subject_path(tmp_path / "ada").name == "ada_2.safetensors"
