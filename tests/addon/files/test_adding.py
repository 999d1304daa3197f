"""Ways a head comes in: the Add menu, a dropped file, the asset browser; and what may be dropped is said in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")

from addon.files import add_head, assets
from addon.playback import origin, sources, take_time
from addon.scene.heads import active_take, is_head, settings
from emodifftalk.core.extent import solid_box


def drop(folder: Path, *names: str, **options) -> set[str]:
    """What Blender calls when files are dropped."""
    return bpy.ops.emodifftalk.drop_file(directory=str(folder), files=[{"name": n} for n in names], **options)


def test_the_add_menu_has_the_sample_heads(scene):
    names = [path.stem for path in sorted(add_head.SUBJECTS.glob("*.safetensors"))]
    assert names == ["kofi", "nora"]
    scene.cursor.location = (0.5, 0, 0)
    bpy.ops.emodifftalk.import_subject("EXEC_DEFAULT", filepath=str(add_head.SUBJECTS / "nora.safetensors"))
    head = bpy.context.active_object
    assert head.name == "Nora" and head.location.x == 0.5


def test_a_dropped_subject_becomes_a_head_where_it_was_dropped(scene, subject_path):
    assert drop(subject_path.parent, subject_path.name, place=(1, 2, 3), placed=True) == {"FINISHED"}
    head = bpy.context.active_object
    assert is_head(head) and tuple(head.location) == (1, 2, 3) and head.select_get()
    scene.cursor.location = (4, 5, 6)
    drop(subject_path.parent, subject_path.name)
    assert tuple(bpy.context.active_object.location) == (4, 5, 6)


def test_a_head_dropped_on_a_surface_stands_on_it(scene):
    drop(add_head.SUBJECTS, "nora.safetensors", place=(1, 2, 3), placed=True, on_surface=True)
    bpy.context.view_layer.update()
    head = bpy.context.active_object
    low, _ = solid_box(sources.canonical_of(head).transformed(origin.to_world(head)))
    assert low[2] == pytest.approx(3.0, abs=1e-4) and tuple(head.location)[:2] == (1, 2) and head.location.z > 3.05


def test_a_dropped_take_plays_from_the_current_frame(head, scene, tmp_path):
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject(), metadata={"seed": "7"})
    scene.frame_set(10)
    assert drop(tmp_path, "take.safetensors") == {"FINISHED"}
    entry = active_take(head)
    assert (entry.name, entry.seed, entry.frames) == ("take", 7, 50)
    assert take_time.take_seconds(head, scene) == 0
    scene.frame_set(34)
    assert take_time.take_seconds(head, scene) == pytest.approx(1.0)


def test_what_else_is_dropped_is_said_and_changes_nothing(head, scene, tmp_path):
    from emodifftalk.core import tensors

    tensors.save(tmp_path / "ears.safetensors", {"a": np.zeros(2)}, {"format": "emodifftalk.speech_to_au"})
    tensors.save(tmp_path / "other.safetensors", {"a": np.zeros(2)}, {})
    (tmp_path / "cut.safetensors").write_bytes(b"PK")
    stranger = save_tiny_subject(tmp_path / "stranger.safetensors", shipped_template=True)
    save_tiny_take(tmp_path / "strange.safetensors", stranger)
    before = [thing.name for thing in bpy.data.objects]
    for name, words in (
        ("ears", "a speech model"),
        ("other", "knows nothing of"),
        ("cut", "cut.safetensors"),
        ("strange", "another subject"),
    ):
        with pytest.raises(RuntimeError, match=words):
            drop(tmp_path, f"{name}.safetensors")
    assert [thing.name for thing in bpy.data.objects] == before and not len(settings(head).takes)


def test_a_take_without_a_head_says_what_is_missing(scene, tmp_path):
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject())
    with pytest.raises(RuntimeError, match=r"is a take\. Import a subject first"):
        drop(tmp_path, "take.safetensors")


def test_blender_knows_what_to_do_with_such_files():
    handler = bpy.types.FileHandler.bl_rna_get_subclass_py("EMODIFFTALK_FH_safetensors")
    assert handler.bl_file_extensions == ".safetensors" and handler.bl_import_operator == "emodifftalk.drop_file"


@pytest.fixture
def numpy_draws(monkeypatch):
    """No backend."""
    monkeypatch.setenv("EMODIFFTALK_PYTHON", "/nowhere/python")


def test_a_head_marked_as_an_asset_shows_its_face(head, numpy_draws):
    assert bpy.ops.emodifftalk.mark_asset() == {"FINISHED"}
    assert head.asset_data.license == "CC0-1.0"
    assert tuple(head.preview.image_size) == (256, 256)
    pixels = np.empty(256 * 256 * 4, np.float32)
    head.preview.image_pixels_float.foreach_get(pixels)
    pixels = pixels.reshape(256, 256, 4)[::-1]
    assert pixels[110:150, 110:150, 3].mean() > 0.7 and pixels[:, :30, 3].max() < 0.1
    assert pixels[128, 128, :3] == pytest.approx((0.8, 0.6, 0.5), abs=0.25)


def test_the_sample_heads_become_an_asset_library_on_request_only(scene, numpy_draws, monkeypatch, tmp_path):
    (tmp_path / "subjects").mkdir()
    for name in ("one", "two"):
        save_tiny_subject(tmp_path / "subjects" / f"{name}.safetensors", seed=len(name))
    monkeypatch.setattr(assets, "SUBJECTS", tmp_path / "subjects")
    assert assets.library_of(bpy.context) is None
    before = [thing.name for thing in bpy.data.objects]
    try:
        for _ in range(2):
            assert bpy.ops.emodifftalk.add_asset_library() == {"FINISHED"}
        listed = [library.name for library in bpy.context.preferences.filepaths.asset_libraries]
        assert listed.count(assets.LIBRARY) == 1
        assert [thing.name for thing in bpy.data.objects] == before
        path = Path(assets.library_of(bpy.context).path) / "heads.blend"
        with bpy.data.libraries.load(str(path), assets_only=True) as (there, here):
            assert len(there.objects) == 2
            here.objects = there.objects
        for head in here.objects:
            assert Path(settings(head).subject_path).is_file()
    finally:
        found = assets.library_of(bpy.context)
        if found is not None:
            bpy.context.preferences.filepaths.asset_libraries.remove(found)
