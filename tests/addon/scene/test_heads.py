"""Heads behave like other objects: duplicates, undo, files saved elsewhere, append, link and override, lost files."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")

from addon.files.head_files import missing_files
from addon.playback import gaussians, sources
from addon.scene.heads import absolute, heads, is_head, settings


@pytest.fixture
def shot(head, scene, tmp_path):
    """A tiny head with a take, saved as shots/shot.blend beside shots/files."""
    files = tmp_path / "shots" / "files"
    files.mkdir(parents=True)
    shutil.move(tmp_path / "tiny.safetensors", files / "tiny.safetensors")
    save_tiny_take(files / "take.safetensors", tiny_subject())
    settings(head).subject_path = str(files / "tiny.safetensors")
    bpy.ops.emodifftalk.drop_file(directory=str(files), files=[{"name": "take.safetensors"}])
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shots" / "shot.blend"))
    return scene


def the_head():
    """The only head of the file, whatever undo and loading made of it."""
    (found,) = [thing for thing in bpy.data.objects if is_head(thing)]
    return found


def plays(head) -> bool:
    """Whether its files are found and belong together."""
    return len(gaussians.current_gaussians(head, bpy.context.scene)) == 340 and sources.take_of(head) is not None


def test_a_saved_file_is_small_and_its_paths_are_relative(shot, tmp_path):
    head = the_head()
    assert settings(head).subject_path == "//files/tiny.safetensors"
    assert settings(head).takes[0].path == "//files/take.safetensors"
    assert (tmp_path / "shots" / "shot.blend").stat().st_size < 400_000
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shots" / "shot.blend"))
    assert plays(the_head())


def test_saving_elsewhere_keeps_the_paths_right(shot, tmp_path):
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "elsewhere" / "deep" / "shot.blend"))
    head = the_head()
    assert settings(head).subject_path == "//../../shots/files/tiny.safetensors"
    assert plays(head)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "elsewhere" / "deep" / "shot.blend"))
    assert plays(the_head())


def test_saving_a_copy_leaves_the_work_where_it_is(shot, tmp_path):
    (tmp_path / "copies").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "copies" / "copy.blend"), copy=True)
    assert settings(the_head()).subject_path == "//files/tiny.safetensors" and plays(the_head())
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "copies" / "copy.blend"))
    assert settings(the_head()).subject_path == "//../shots/files/tiny.safetensors" and plays(the_head())


def test_a_project_that_moves_as_a_whole_still_plays(shot, tmp_path):
    shutil.move(tmp_path / "shots", tmp_path / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "moved" / "shot.blend"))
    assert plays(the_head()) and not missing_files()


@pytest.mark.parametrize("linked", [False, True], ids=["Shift D", "Alt D"])
def test_a_duplicate_plays_a_take_of_its_own(shot, tmp_path, linked):
    head = the_head()
    head.select_set(True)
    bpy.context.view_layer.objects.active = head
    bpy.ops.object.duplicate(linked=linked)
    twin = bpy.context.active_object
    assert twin != head and (twin.data == head.data) == linked and len(list(heads(shot))) == 2
    settings(twin).active_take = -1  # shows its neutral face
    shot.frame_set(40)
    talking, still = (gaussians.current_gaussians(thing, shot) for thing in (head, twin))
    assert np.abs(talking.means - still.means).max() > 0.005
    bpy.data.objects.remove(twin)
    assert plays(head)


def test_undo_and_redo_of_an_import(scene, subject_path):
    bpy.ops.ed.undo_push(message="empty")
    bpy.ops.emodifftalk.import_subject(filepath=str(subject_path))
    bpy.ops.ed.undo_push(message="import")
    bpy.ops.ed.undo()
    assert not any(is_head(thing) for thing in bpy.data.objects)
    bpy.ops.ed.redo()
    assert settings(the_head()).subject_points == 340
    assert len(gaussians.current_gaussians(the_head(), bpy.context.scene)) == 340


def test_an_appended_head_finds_its_files(shot, tmp_path):
    name = the_head().name
    bpy.ops.wm.read_factory_settings(use_empty=True)
    (tmp_path / "other").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other" / "new.blend"))
    bpy.ops.wm.append(directory=str(tmp_path / "shots" / "shot.blend" / "Object") + os.sep, filename=name)
    assert settings(the_head()).subject_path == "//../shots/files/tiny.safetensors"
    assert plays(the_head())


def test_a_linked_head_plays_and_an_override_can_be_acted(shot, tmp_path):
    name = the_head().name
    bpy.ops.wm.read_factory_settings(use_empty=True)
    (tmp_path / "other").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other" / "new.blend"))
    with bpy.data.libraries.load(str(tmp_path / "shots" / "shot.blend"), link=True) as (_, here):
        here.objects = [name]
    linked = here.objects[0]
    bpy.context.scene.collection.objects.link(linked)
    assert plays(linked) and absolute(settings(linked).subject_path, linked).is_file()
    mine = linked.override_create(remap_local_usages=True)
    assert plays(mine)
    settings(mine).expressiveness = 0.25
    settings(mine).aus.au12 = 0.5
    bpy.ops.emodifftalk.drop_file(directory=str(tmp_path / "shots" / "files"), files=[{"name": "take.safetensors"}])
    assert len(settings(mine).takes) == 2
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "other" / "new.blend"))
    mine = next(thing for thing in bpy.data.objects if thing.override_library)
    kept = settings(mine)
    assert (kept.expressiveness, kept.aus.au12) == (0.25, 0.5)
    assert len(kept.takes) == 2 and plays(mine)


def test_missing_files_are_found_by_name_and_by_content(shot, tmp_path):
    files, archive = tmp_path / "shots" / "files", tmp_path / "archive" / "2026"
    (archive / "wrong").mkdir(parents=True)
    save_tiny_subject(archive / "wrong" / "tiny.safetensors", seed=9)  # of the same name, another person
    shutil.move(files / "tiny.safetensors", archive / "tiny.safetensors")
    shutil.move(files / "take.safetensors", archive / "renamed.safetensors")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shots" / "shot.blend"))
    assert sorted(file.kind for file in missing_files()) == ["subject", "take"]
    assert "cannot be found" in gaussians.problems[the_head().session_uid]
    with pytest.raises(RuntimeError, match="There is no folder"):
        bpy.ops.emodifftalk.find_missing(directory=str(tmp_path / "nowhere"))
    assert bpy.ops.emodifftalk.find_missing(directory=str(tmp_path / "archive")) == {"FINISHED"}
    kept = settings(the_head())
    assert kept.subject_path == "//../archive/2026/tiny.safetensors"
    assert kept.takes[0].path == "//../archive/2026/renamed.safetensors"
    assert plays(the_head()) and not gaussians.problems
    with pytest.raises(RuntimeError, match="No file is missing"):
        bpy.ops.emodifftalk.find_missing(directory=str(tmp_path))


def test_what_is_not_there_stays_missing_and_is_named(shot, tmp_path):
    Path(absolute(settings(the_head()).subject_path)).unlink()
    (tmp_path / "empty").mkdir()
    assert bpy.ops.emodifftalk.find_missing(directory=str(tmp_path / "empty")) == {"CANCELLED"}
    assert [file.path.name for file in missing_files()] == ["tiny.safetensors"]
