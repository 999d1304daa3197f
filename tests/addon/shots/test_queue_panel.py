"""The shot queue's panel: the list is kept in the file, the saved file is rendered, Blender is never held up."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from addon.shots import process
from addon.shots import queue as shot_queue
from addon.shots.edit import marker_shots
from addon.shots.settings import queue_settings
from tests.helpers.small_shots import add_camera, save_shot

pytestmark = pytest.mark.slow


@pytest.fixture
def film(addon, tmp_path, monkeypatch):
    """The small scene, open and saved, and its list; no backend."""
    monkeypatch.setenv("EMODIFFTALK_PYTHON", "/no/backend")
    bpy.ops.wm.open_mainfile(filepath=str(save_shot(tmp_path / "film")))
    yield queue_settings(bpy.context)
    process.queue.stop()


def pump(true) -> None:
    """What the window's timer does, until something comes true."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, process.queue.status
        process.queue.poll()
        time.sleep(0.02)


def test_the_list_is_edited_and_travels_with_the_file(film):
    scene = bpy.context.scene
    scene.render.image_settings.file_format = "OPEN_EXR"
    bpy.ops.emodifftalk.add_shot()
    assert (film.shots[0].name, film.shots[0].scene, film.shots[0].format) == ("sh010", scene, "OPEN_EXR")
    bpy.ops.emodifftalk.choose_shot_take()
    film.shots[0].takes[0].take = "second"
    bpy.ops.emodifftalk.duplicate_shot()
    assert [shot.name for shot in film.shots] == ["sh010", "sh010_2"] and film.active == 1
    assert film.shots[1].takes[0].take == "second" and film.shots[1].format == "OPEN_EXR"
    bpy.ops.emodifftalk.move_shot(direction="UP")
    assert [shot.name for shot in film.shots] == ["sh010_2", "sh010"] and film.active == 0
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    kept = queue_settings(bpy.context)
    assert [shot.name for shot in kept.shots] == ["sh010_2", "sh010"] and kept.shots[1].takes[0].head.name == "Nora"
    bpy.ops.emodifftalk.remove_shot()
    bpy.context.window.scene = bpy.data.scenes.new("Kitchen")
    assert [shot.name for shot in queue_settings(bpy.context).shots] == ["sh010"]


def test_cameras_bound_to_markers_become_shots(film):
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 100
    assert not bpy.ops.emodifftalk.add_marker_shots.poll() and marker_shots(scene) == []
    side = add_camera(scene, "Side")
    for name, frame, camera in (("wide", 10, scene.camera), ("close/up", 40, side), ("late", 130, side)):
        scene.timeline_markers.new(name, frame=frame).camera = camera
    assert [shot[2:] for shot in marker_shots(scene)] == [(1, 39), (40, 100)]
    bpy.ops.emodifftalk.add_marker_shots()
    assert [(shot.name, shot.camera.name, shot.frame_start) for shot in film.shots] == [
        ("wide", "Front", 1), ("close_up", "Side", 40),
    ]  # fmt: skip


def test_the_saved_file_is_rendered_while_the_person_works_on_and_cancel_keeps_frames(film):
    assert shot_queue.why_not(bpy.context) == "Add a shot, and tick it"
    bpy.ops.emodifftalk.add_shot()
    film.shots[0].own_range, film.shots[0].frame_end = True, 400
    bpy.ops.wm.save_mainfile()
    blend = Path(bpy.data.filepath)
    film.shots[0].name, before = "renamed", blend.read_bytes()
    queue, renders = process.queue, blend.parent / "renders"
    shot_queue.start_queue(bpy.context, as_seen=True)
    assert blend.read_bytes() == before
    assert json.loads((renders / "shots.json").read_text())["shots"][0]["name"] == "renamed"
    assert "already" in shot_queue.why_not(bpy.context)
    pump(lambda: queue.status and queue.status["shots"][0]["done"] >= 2)
    bpy.ops.wm.save_mainfile()  # in the middle: what is rendered stays what it was
    bpy.ops.emodifftalk.pause_shots()
    pump(lambda: queue.status["state"] == "paused")
    bpy.ops.emodifftalk.resume_shots()
    pump(lambda: queue.status["state"] == "rendering")
    bpy.ops.emodifftalk.cancel_shots()
    pump(lambda: not queue.running)
    assert queue.status["state"] == "cancelled" and queue.status["shots"][0]["problem"] == "" and not queue.problem
    frames = list((renders / "renamed").glob("renamed_*.png"))
    assert 2 <= len(frames) < 400 and (renders / "report.html").is_file()
    assert not list(blend.parent.glob(".*.blend"))


def test_a_script_waits_for_the_end_and_nothing_is_saved_on_the_sly(film):
    bpy.ops.emodifftalk.add_shot()
    film.shots[0].own_range, film.shots[0].frame_end, film.shots[0].movie = True, 2, False
    film.shots[0].takes.add().head = bpy.data.objects["Nora"]
    film.shots[0].takes[0].take = "second"
    before = Path(bpy.data.filepath).read_bytes()
    assert bpy.ops.emodifftalk.render_shots() == {"FINISHED"}
    shot = process.queue.status["shots"][0]
    assert (shot["state"], shot["done"], shot["low"]) == ("done", 2, [1, 2])
    assert Path(bpy.data.filepath).read_bytes() == before
    film.shots[0].name = "a/b"
    with pytest.raises(RuntimeError, match=r"shot 1 .*“name” must begin"):
        bpy.ops.emodifftalk.render_shots()


def test_the_queue_ends_with_the_add_on(film):
    bpy.ops.emodifftalk.add_shot()
    film.shots[0].own_range, film.shots[0].frame_end = True, 400
    shot_queue.start_queue(bpy.context, as_seen=True)
    queue = process.queue
    pump(lambda: queue.status and queue.status["shots"][0]["done"] >= 1)
    queue.stop()
    assert not queue.running and not queue.folder.running and not queue.folder.living_workers()
