"""Collect Files: what heads refer to lies beside the .blend afterwards, and the folder plays wherever it is put."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.places import BACKEND, ROOT, with_paths
from tests.helpers.sounds import save_ramp
from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.files import collect, missing
from addon.files.head_files import head_files
from addon.scene.heads import absolute, heads, settings
from addon.timeline.prompts import add_voice

OPEN = """
import json, sys
import bpy
import addon
addon.register()
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
from addon.files.head_files import head_files, missing_files
from addon.playback import gaussians, sources
from addon.scene.heads import heads
scene = bpy.context.scene
played = [sources.take_of(head) is not None and len(gaussians.current_gaussians(head, scene)) for head in heads(scene)]
print("found " + json.dumps([len(missing_files()), played, sorted({str(file.path) for file in head_files()})]))
addon.unregister()
"""


@pytest.fixture
def film(head, scene, tmp_path):
    """Two heads of one subject, with takes and voices from all over the disk, saved as film/shot.blend."""
    far = tmp_path / "far" / "away"
    far.mkdir(parents=True)
    shutil.copy(tmp_path / "tiny.safetensors", far / "same.safetensors")
    bpy.ops.emodifftalk.import_subject(filepath=str(far / "same.safetensors"))
    twin = bpy.context.active_object
    for number, one in enumerate((head, twin)):
        bpy.context.view_layer.objects.active = one
        (tmp_path / str(number)).mkdir()
        save_tiny_take(tmp_path / str(number) / "take.safetensors", tiny_subject(), seconds=1.0 + number)
        bpy.ops.emodifftalk.drop_file(directory=str(tmp_path / str(number)), files=[{"name": "take.safetensors"}])
    strip = add_voice(head, scene, save_ramp(far / "line.wav", 2.0), 1)
    strip.split(frame=20, split_method="SOFT")
    add_voice(twin, scene, save_ramp(far / "packed.wav", 1.0), 100).sound.pack()
    scene.sequence_editor.strips.new_sound("music", str(save_ramp(far / "music.wav", 1.0)), 9, 1)
    (tmp_path / "film").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "film" / "shot.blend"))
    return tmp_path / "film"


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*") if path.suffix != ".blend1")


COLLECTED = ["shot.blend", "subjects/tiny.safetensors", "takes/take.safetensors", "takes/take_2.safetensors",
             "voices/line.wav"]  # fmt: skip


def test_a_collected_folder_plays_wherever_it_is_put(film, tmp_path):
    assert bpy.ops.emodifftalk.collect_files() == {"FINISHED"}
    assert listing(film) == COLLECTED  # the subject once, the packed voice and the music not at all
    assert all(getattr(file.owner, file.attribute).startswith("//") for file in head_files())
    shutil.move(film, tmp_path / "elsewhere")
    for gone in ("far", "0", "1", "tiny.safetensors"):
        path = tmp_path / gone
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    command = [sys.executable, "-c", OPEN, str(tmp_path / "elsewhere" / "shot.blend")]
    done = subprocess.run(command, env=with_paths(ROOT, BACKEND), capture_output=True, text=True, timeout=300)
    line = next((line for line in done.stdout.splitlines() if line.startswith("found ")), done.stderr)
    missing, played, files = json.loads(line.removeprefix("found "))
    assert missing == 0 and played == [340, 340]
    assert all(Path(path).is_relative_to(tmp_path / "elsewhere") for path in files)


def test_nothing_is_overwritten_and_a_second_time_nothing_is_copied(film):
    (film / "voices").mkdir(), (film / "subjects").mkdir()
    save_ramp(film / "voices" / "line.wav", 0.5)
    save_tiny_subject(film / "subjects" / "tiny.safetensors", seed=4)
    mine = (film / "voices" / "line.wav").read_bytes()
    bpy.ops.emodifftalk.collect_files()
    assert (film / "voices" / "line.wav").read_bytes() == mine
    assert {"voices/line_2.wav", "subjects/tiny_2.safetensors"} <= set(listing(film))
    before = listing(film)
    bpy.ops.emodifftalk.collect_files()
    assert listing(film) == before and collect._state.said[0] == "Everything lies beside the file already."


def test_the_report_says_what_was_copied_and_what_could_not_be(film, tmp_path):
    (tmp_path / "far" / "away" / "line.wav").unlink()
    assert bpy.ops.emodifftalk.collect_files() == {"FINISHED"}
    said = " ".join(collect._state.said)
    assert "2 subjects, 2 takes" in said and "Still missing: voice line.wav." in said and "1 voice packed" in said
    assert missing.missing_line() == "The voice line.wav is missing"


def test_the_file_on_the_disk_refers_to_what_was_collected_unless_asked_otherwise(film):
    bpy.ops.emodifftalk.collect_files(save=False)
    bpy.ops.wm.open_mainfile(filepath=str(film / "shot.blend"))
    (path, *_) = sorted(settings(head).takes[0].path for head in heads(bpy.context.scene))
    assert path == "//../0/take.safetensors"
    bpy.ops.emodifftalk.collect_files()
    bpy.ops.wm.open_mainfile(filepath=str(film / "shot.blend"))
    assert {settings(head).takes[0].path for head in heads(bpy.context.scene)} == {
        "//takes/take.safetensors",
        "//takes/take_2.safetensors",
    }


def test_what_lies_below_the_files_folder_stays_and_becomes_relative(film, scene):
    head = next(heads(bpy.context.scene))
    (film / "my heads").mkdir()
    shutil.copy(absolute(settings(head).subject_path), film / "my heads" / "nora.safetensors")
    settings(head).subject_path = str(film / "my heads" / "nora.safetensors")
    bpy.ops.emodifftalk.collect_files()
    assert settings(head).subject_path == "//my heads/nora.safetensors"


def test_cancelling_leaves_nothing_and_changes_nothing(film):
    before = [getattr(file.owner, file.attribute) for file in head_files()]
    now = collect.start(save=True)
    steps = iter(range(3))
    go = now._go
    now._go = lambda done: [setattr(now, "stopped", next(steps, None) is None), go(done)][1]
    now.work()
    assert now.stopped and bpy.ops.emodifftalk.end_collecting() == {"CANCELLED"}
    assert [path.name for path in film.iterdir()] == ["shot.blend"]
    assert [getattr(file.owner, file.attribute) for file in head_files()] == before
    assert collect._state.said == ("Cancelled: nothing was changed.",)


def test_a_full_disk_is_said_before_anything_is_copied(film, monkeypatch):
    from addon.files import collection

    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr(collection.shutil, "disk_usage", lambda folder: usage)
    bpy.ops.emodifftalk.collect_files()
    assert listing(film) == ["shot.blend"] and "There is no room" in " ".join(collect._state.said)


def test_other_files_go_on_when_one_cannot_be_copied(film):
    (film / "takes").write_text("a file where the folder would be")
    bpy.ops.emodifftalk.collect_files()
    assert "voices/line.wav" in listing(film)
    assert sum("take.safetensors:" in sentence for sentence in collect._state.said) == 2


def test_the_button_says_why_it_cannot_be_pressed(head):
    with pytest.raises(RuntimeError, match="Save the file first"):
        bpy.ops.emodifftalk.collect_files()


def test_another_file_opened_meanwhile_gives_it_up(film):
    now = collect.start(save=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert now.stopped and collect.collecting() is None
    now.work()
    assert not list(film.glob("*/*"))


def test_a_movie_of_a_voice_is_collected_with_it(film, tmp_path):
    scene = bpy.context.scene
    movie = scene.sequence_editor.strips.new_movie("m", str(tmp_path / "far" / "away" / "line.wav"), 12, 1)
    bpy.ops.emodifftalk.collect_files()
    assert absolute(movie.filepath) == film / "voices" / "line.wav" and len(compat.all_strips(scene)) == 5
