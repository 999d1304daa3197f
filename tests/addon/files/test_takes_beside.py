"""Takes lie beside their .blend: those made before it was saved, and those of a file that is saved elsewhere."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")

from addon.files import copying, laying, missing, relink
from addon.playback import gaussians, sources
from addon.scene import heads as scene_heads
from addon.scene.bells import TAKE_CHANGED
from addon.scene.heads import absolute, is_head, new_take_path, settings
from tests.helpers.windowed import WindowedApp


@pytest.fixture
def hidden(head, monkeypatch, tmp_path):
    """Where takes go before the first save."""
    folder = tmp_path / "home" / "takes"
    folder.mkdir(parents=True)
    for module in (scene_heads, laying, relink):
        monkeypatch.setattr(module, "user_folder", lambda name: folder)
    return folder


def the_head():
    (head,) = [obj for obj in bpy.data.objects if is_head(obj)]
    return head


def make_take(seconds: float = 2.0) -> Path:
    """A take where the next one goes, listed and playing."""
    path = new_take_path(the_head())
    path.parent.mkdir(parents=True, exist_ok=True)
    save_tiny_take(path, tiny_subject(), seconds=seconds)
    bpy.ops.emodifftalk.drop_file(directory=str(path.parent), files=[{"name": path.name}])
    return path


def take_paths() -> list[str]:
    return [entry.path for entry in settings(the_head()).takes]


def save(path: Path, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert bpy.ops.wm.save_as_mainfile(filepath=str(path), **options) == {"FINISHED"}


def plays() -> bool:
    return sources.take_of(the_head()) is not None


@pytest.fixture(params=["second name", "copy"])
def disk(request, monkeypatch):
    """A disk that gives files a second name, and one that cannot."""
    if request.param == "copy":
        monkeypatch.setattr(copying, "link", lambda source, path: False)
    return request.param


def test_takes_made_before_the_first_save_lie_beside_the_file_afterwards(hidden, disk, tmp_path):
    paths = [make_take(), make_take(1.0)]
    assert {path.parent for path in paths} == {hidden}
    save(tmp_path / "film" / "shot.blend")
    assert take_paths() == [f"//takes/{path.name}" for path in paths] and plays()
    shutil.move(tmp_path / "film", tmp_path / "moved")
    shutil.rmtree(hidden)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "moved" / "shot.blend"))
    assert plays() and not missing.missing_line()


def test_undo_after_the_first_save_still_plays_and_the_next_save_makes_no_second_copy(hidden, disk, tmp_path):
    make_take()
    bpy.ops.ed.undo_push(message="take")
    save(tmp_path / "film" / "shot.blend")
    settings(the_head()).seed = 5
    bpy.ops.ed.undo_push(message="seed")
    bpy.ops.ed.undo()
    assert plays() and not missing.missing_line()
    bpy.ops.wm.save_mainfile()
    assert take_paths() == ["//takes/Tiny_001.safetensors"] and plays()
    assert len(list((tmp_path / "film" / "takes").iterdir())) == 1


def test_undo_after_saving_elsewhere_points_at_nothing_that_is_gone(hidden, tmp_path):
    save(tmp_path / "a" / "shot.blend")
    make_take()
    subject = absolute(settings(the_head()).subject_path)
    bpy.ops.ed.undo_push(message="take")
    save(tmp_path / "b" / "deep" / "shot.blend")
    settings(the_head()).seed = 5
    bpy.ops.ed.undo_push(message="seed")
    bpy.ops.ed.undo()
    assert plays() and not missing.missing_line() and absolute(settings(the_head()).subject_path) == subject
    bpy.ops.ed.redo()
    assert plays() and not missing.missing_line()


def test_saving_elsewhere_takes_the_takes_along_and_takes_them_from_nobody(hidden, disk, tmp_path):
    save(tmp_path / "a" / "shot.blend")
    name = make_take().name
    bpy.ops.wm.save_mainfile()
    content = (tmp_path / "a" / "takes" / name).read_bytes()
    save_tiny_take(tmp_path / "stranger.safetensors", tiny_subject(), seconds=0.5)
    (tmp_path / "b" / "takes").mkdir(parents=True)
    shutil.move(tmp_path / "stranger.safetensors", tmp_path / "b" / "takes" / name)  # of another file there
    stranger = (tmp_path / "b" / "takes" / name).read_bytes()
    save(tmp_path / "b" / "shot.blend")
    assert take_paths() == ["//takes/Tiny_001_2.safetensors"] and plays()
    assert (tmp_path / "a" / "takes" / name).read_bytes() == content
    assert (tmp_path / "b" / "takes" / name).read_bytes() == stranger
    assert (tmp_path / "b" / "takes" / "Tiny_001_2.safetensors").read_bytes() == content


def test_a_saved_copy_has_its_takes_and_the_work_goes_on_where_it_was(hidden, tmp_path):
    make_take()
    save(tmp_path / "copies" / "copy.blend", copy=True)
    assert Path(take_paths()[0]).parent == hidden and plays()
    save(tmp_path / "film" / "shot.blend")
    assert take_paths()[0].startswith("//takes/")
    shutil.rmtree(hidden), shutil.rmtree(tmp_path / "film")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "copies" / "copy.blend"))
    assert take_paths()[0].startswith("//takes/") and plays()


def test_a_version_in_the_same_folder_and_takes_from_elsewhere_stay_where_they_are(hidden, tmp_path):
    save(tmp_path / "film" / "shot.blend")
    make_take()
    save_tiny_take(tmp_path / "given.safetensors", tiny_subject())
    bpy.ops.emodifftalk.drop_file(directory=str(tmp_path), files=[{"name": "given.safetensors"}])
    save(tmp_path / "film" / "shot_v2.blend")
    assert take_paths() == ["//takes/Tiny_001.safetensors", "//../given.safetensors"]
    save(tmp_path / "other" / "shot.blend")
    assert take_paths() == ["//takes/Tiny_001.safetensors", "//../given.safetensors"]


@pytest.mark.parametrize("copy", [False, True], ids=["saved", "saved as a copy"])
def test_heads_play_while_their_file_is_being_saved_and_nothing_is_said_to_be_gone(hidden, tmp_path, copy):
    """Blender draws a picture of a file while it saves it."""
    make_take()
    said, rung = [], []

    def ring(*about) -> None:
        rung.append(about)

    def drawn(*_) -> None:
        gaussians.refresh(bpy.context.scene)
        said.append((dict(gaussians.problems), plays()))

    TAKE_CHANGED.listen(ring)
    bpy.app.handlers.save_pre.append(drawn)
    try:
        save(tmp_path / "film" / "deep" / "shot.blend", copy=copy)
        save(tmp_path / "b" / "shot.blend", copy=copy)
    finally:
        bpy.app.handlers.save_pre.remove(drawn)
        TAKE_CHANGED.ignore(ring)
    gaussians.refresh(bpy.context.scene)
    assert said == [({}, True)] * 2 and not gaussians.problems and rung == [] and plays()


def test_a_save_that_fails_changes_no_path(hidden, tmp_path):
    save(tmp_path / "film" / "shot.blend")
    make_take()
    before = take_paths(), settings(the_head()).subject_path
    (tmp_path / "full" / "deep" / "shot.blend@").mkdir(parents=True)  # Blender writes there first
    with pytest.raises(RuntimeError):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "full" / "deep" / "shot.blend"))
    assert (take_paths(), settings(the_head()).subject_path) == before and plays()


def test_a_folder_that_takes_nothing_is_one_sentence_and_loses_nothing(hidden, tmp_path):
    path = make_take()
    (tmp_path / "film").mkdir()
    (tmp_path / "film" / "takes").write_text("a file where the folder would be")
    save(tmp_path / "film" / "shot.blend")
    assert path.is_file() and plays()
    assert path.name in missing.missing_line() and "\n" not in missing.missing_line()
    (tmp_path / "film" / "takes").unlink()
    bpy.ops.wm.save_mainfile()
    assert take_paths() == [f"//takes/{path.name}"] and missing.missing_line() == ""


@pytest.fixture
def in_window(monkeypatch):
    """As in a window, where large takes are copied while Blender goes on, and a disk without second names."""
    monkeypatch.setattr(laying.bpy, "app", WindowedApp())
    monkeypatch.setattr(laying, "_AT_ONCE", 1000)
    monkeypatch.setattr(copying, "link", lambda source, path: False)


@pytest.mark.usefixtures("in_window")
def test_a_large_take_plays_while_it_is_copied_and_saving_waits_for_nothing(hidden, monkeypatch, tmp_path):
    from threading import Event

    going, copied = Event(), copying.copy
    monkeypatch.setattr(copying, "copy", lambda *args: going.wait(10) and copied(*args))
    path = make_take()
    save(tmp_path / "film" / "shot.blend")
    place = tmp_path / "film" / "takes" / path.name
    assert take_paths() == [f"//takes/{path.name}"] and not place.exists() and plays()
    bpy.ops.wm.save_mainfile()  # and again, while it is on its way
    assert take_paths() == [f"//takes/{path.name}"]
    going.set()
    laying.settle()
    assert place.read_bytes() == path.read_bytes() and absolute(take_paths()[0]) == place and plays()
    assert [item.name for item in place.parent.iterdir()] == [path.name]


@pytest.mark.usefixtures("in_window")
def test_a_copy_that_fails_in_the_background_is_said_and_the_take_plays_on(hidden, monkeypatch, tmp_path):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copying, "copy", full)
    path = make_take()
    save(tmp_path / "film" / "shot.blend")
    laying.settle()
    assert plays() and absolute(take_paths()[0]) == path
    assert "No space left on device" in laying.problem()


def test_a_file_whose_takes_were_on_their_way_when_blender_was_killed_plays(hidden, tmp_path):
    path = make_take()
    save(tmp_path / "film" / "shot.blend")
    (tmp_path / "film" / "takes" / path.name).unlink()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "film" / "shot.blend"))
    assert plays()
    bpy.ops.wm.save_mainfile()
    assert take_paths() == [f"//takes/{path.name}"] and plays()


def test_old_places_go_after_a_week_and_only_when_the_take_is_where_it_was_laid(hidden, disk, monkeypatch, tmp_path):
    first, second = make_take(), make_take(1.0)
    save(tmp_path / "film" / "shot.blend")
    (tmp_path / "film" / "takes" / second.name).unlink()
    bpy.ops.wm.save_mainfile()
    assert first.is_file() and second.is_file()
    week = time.time() + 8 * 24 * 3600
    monkeypatch.setattr(laying.time, "time", lambda: week)
    bpy.ops.wm.save_mainfile()
    assert not first.exists() and second.is_file()


def test_a_take_that_a_saved_file_has_listed_in_the_hidden_folder_stays_there(hidden, monkeypatch, tmp_path):
    """As files of earlier versions do: another of them may list it too."""
    path = make_take()
    monkeypatch.setattr(laying, "laid_beside", lambda file, target: None)
    save(tmp_path / "film" / "shot.blend")
    monkeypatch.undo()
    monkeypatch.setattr(laying, "user_folder", lambda name: hidden)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "film" / "shot.blend"))
    bpy.ops.wm.save_mainfile()
    assert take_paths() == [f"//takes/{path.name}"]
    later = time.time() + 30 * 24 * 3600
    monkeypatch.setattr(laying.time, "time", lambda: later)
    bpy.ops.wm.save_mainfile()
    assert path.is_file()


def test_nonsense_in_the_list_of_old_places_deletes_nothing(hidden, tmp_path):
    path = make_take()
    (hidden / "laid.json").write_text(f'{{"{path.name}": ["/etc/passwd", 0.0], "../x": ["y", 0.0], "z": 7}}')
    save(tmp_path / "film" / "shot.blend")
    assert path.is_file() and os.path.isfile("/etc/passwd")
