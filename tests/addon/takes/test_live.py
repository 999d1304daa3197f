"""Live: after an edit the current frame changes first, the take follows behind, and renders see takes only."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from addon.backend import connection
from addon.files.ply_frames import PlySequence, write_ply_frames
from addon.playback import gaussians
from addon.scene.heads import absolute, active_take, settings
from addon.scene.strips import prompt_strips, write_words
from addon.takes import live, live_heads, live_takes
from addon.takes.generate import start_job
from addon.takes.settings import live_settings
from addon.timeline.prompts import add_prompt
from tests.helpers.waiting import until

pytestmark = pytest.mark.slow

HERE = 110
"""A frame in the last prompt."""


@pytest.fixture
def shot(speaking, scene, monkeypatch):
    """A head with a take made by Generate, the playhead in its last prompt, and Live on."""
    monkeypatch.setattr(live, "UNTOUCHED", 0.2)
    monkeypatch.setattr(live, "_SHARE", 0.0)
    live._on_load()
    assert bpy.ops.emodifftalk.generate() == {"FINISHED"}
    scene.frame_set(HERE)
    live_settings().on = True
    live.step()
    assert not live_heads.of(speaking).stale
    yield speaking
    live_settings().on = True
    live._on_load()
    live_takes._leave()


def reword(head, scene, words: str) -> None:
    write_words(prompt_strips(head, scene)[-1], words)
    live._on_change(scene)


def preview(head, scene):
    """Step until the current frame's preview is there."""
    until(lambda: gaussians.preview_of(head, scene) is not None, act)
    return gaussians.preview_of(head, scene)


def act() -> None:
    connection.pump()
    live._on_change(bpy.context.scene)
    live.step()
    assert not live.state.problem, live.state.problem


def caught_up(head) -> bool:
    return not live_heads.of(head).stale


def mouth(head, scene) -> np.ndarray:
    return gaussians.current_gaussians(head, scene).means


def test_the_frame_changes_at_once_and_is_marked_then_the_take_follows_and_agrees(shot, scene):
    before, entry = mouth(shot, scene), active_take(shot).path
    reword(shot, scene, "furious")
    preview(shot, scene)
    assert active_take(shot).path == entry, "the take came first"
    early = mouth(shot, scene)
    assert np.linalg.norm(early - before, axis=1).max() > 0.002
    assert live.status(shot)[0].startswith("Preview")
    until(lambda: caught_up(shot), act)
    assert gaussians.preview_of(shot, scene) is None and not live.status(shot)[0].startswith("Preview")
    assert active_take(shot).path != entry
    assert np.linalg.norm(mouth(shot, scene) - early, axis=1).max() < 0.002


def test_live_takes_take_each_others_place_and_those_of_generate_stay(shot, scene, tmp_path, monkeypatch):
    monkeypatch.setattr(live_takes, "_UNDONE", 0)
    kept = absolute(settings(shot).takes[0].path)
    for words in ("furious", "shy", "proud"):
        reword(shot, scene, words)
        until(lambda: not caught_up(shot), act)
        until(lambda: caught_up(shot), act)
    takes = settings(shot).takes
    assert [take.live for take in takes] == [False, True] and settings(shot).active_take == 1
    assert sorted((tmp_path / "takes").iterdir()) == sorted([kept, absolute(takes[1].path)])
    assert bpy.ops.emodifftalk.keep_take() == {"FINISHED"}
    reword(shot, scene, "bored")
    until(lambda: len(settings(shot).takes) == 3, act)


def test_a_live_take_that_a_saved_file_plays_is_not_deleted(shot, scene, monkeypatch):
    monkeypatch.setattr(live_takes, "_UNDONE", 0)
    reword(shot, scene, "furious")
    until(lambda: len(settings(shot).takes) == 2, act)
    bpy.ops.wm.save_mainfile()
    saved = absolute(settings(shot).takes[1].path)
    reword(shot, scene, "shy")
    until(lambda: absolute(settings(shot).takes[1].path) != saved, act)
    assert saved.is_file()


def test_no_picture_and_no_file_ever_shows_a_preview(shot, scene, tmp_path, monkeypatch):
    monkeypatch.setattr(live, "UNTOUCHED", 1e6)
    bpy.ops.emodifftalk.use_engine()
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    scene.camera.location, scene.camera.rotation_euler = (0, -0.8, 0), (np.pi / 2, 0, 0)
    scene.render.resolution_x = scene.render.resolution_y = 64
    scene.frame_start = scene.frame_end = HERE

    def picture(name: str) -> bytes:
        scene.render.filepath = str(tmp_path / f"{name}.png")
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(scene.render.filepath)
        return np.array(image.pixels).tobytes()

    def file(name: str) -> bytes:
        return write_ply_frames([shot], scene, range(HERE, HERE + 1), PlySequence(tmp_path / name, "f"))[0].read_bytes()

    seen, written = picture("before"), file("before")
    scene.frame_set(HERE)
    reword(shot, scene, "furious")
    preview(shot, scene)
    graph = bpy.context.evaluated_depsgraph_get()
    assert gaussians.current_gaussians(shot.evaluated_get(graph), graph) is gaussians.current_gaussians(shot, scene)
    assert picture("during") == seen
    assert file("during") == written


def test_only_the_last_of_many_quick_edits_is_shown_and_never_more_than_one_is_asked_for(shot, scene, monkeypatch):
    monkeypatch.setattr(live, "UNTOUCHED", 1e6)
    asked = []
    request = connection.request

    def counted(op, *arguments, **more):
        asked.append(op)
        return request(op, *arguments, **more)

    monkeypatch.setattr(connection, "request", counted)
    for words in ("shy", "bored", "proud", "scared", "furious"):
        reword(shot, scene, words)
        live.step()
        assert len(connection.client.pending) <= 1
    assert asked.count("preview") == 1
    shown = preview(shot, scene)
    assert asked.count("preview") == 2
    assert shown.aus == pytest.approx(_final(shot, scene).aus, abs=1e-5)


def _final(head, scene):
    """The frame of the take that Generate makes of the same."""
    gaussians.previews.clear()
    job = start_job(head, bpy.context)
    connection.wait(job.number)
    return gaussians.current_frame(head, scene)


def test_previews_follow_the_playhead_while_the_take_is_out_of_date(shot, scene, monkeypatch):
    monkeypatch.setattr(live, "UNTOUCHED", 1e6)
    reword(shot, scene, "furious")
    first = preview(shot, scene)
    scene.frame_set(HERE + 7)
    assert gaussians.preview_of(shot, scene) is None
    assert not np.array_equal(preview(shot, scene).aus, first.aus)
    scene.frame_set(HERE)
    assert gaussians.preview_of(shot, scene) is first


def test_an_edit_that_is_taken_back_shows_the_take_again_and_nothing_is_made(shot, scene):
    before, takes = mouth(shot, scene), len(settings(shot).takes)
    reword(shot, scene, "furious")
    preview(shot, scene)
    reword(shot, scene, "delighted")
    live.step()
    assert np.array_equal(mouth(shot, scene), before)
    until(lambda: not connection.client.pending, act)
    time.sleep(0.3)
    act()
    assert len(settings(shot).takes) == takes and live_heads.of(shot).job is None


def test_an_edit_while_the_take_is_made_gives_that_one_up(shot, scene):
    reword(shot, scene, "furious")
    until(lambda: live_heads.of(shot).job is not None and live_heads.of(shot).job.running, act)
    first = live_heads.of(shot).job
    reword(shot, scene, "shy")
    until(lambda: caught_up(shot), act)
    assert not first.result and len(settings(shot).takes) == 2


def test_a_take_that_was_chosen_to_be_looked_at_is_left_alone(shot, scene):
    reword(shot, scene, "furious")
    until(lambda: len(settings(shot).takes) == 2, act)
    until(lambda: caught_up(shot), act)
    settings(shot).active_take = 0
    time.sleep(0.3)
    for _ in range(5):
        act()
    assert caught_up(shot) and settings(shot).active_take == 0 and gaussians.preview_of(shot, scene) is None


def test_undo_goes_from_edit_to_edit(shot, scene):
    bpy.ops.ed.undo_push(message="before")
    uid = shot.session_uid
    add_prompt(shot, scene, "furious", 60)
    bpy.ops.ed.undo_push(message="edit")
    live._on_change(scene)
    until(lambda: len(settings(shot).takes) == 2, act)
    bpy.ops.ed.undo()
    head, scene = next(o for o in bpy.data.objects if o.session_uid == uid), bpy.context.scene
    act()
    assert len(prompt_strips(head, scene)) == 2 and len(settings(head).takes) == 1
    assert not live_heads.of(head).stale and gaussians.preview_of(head, scene) is None
    bpy.ops.ed.redo()
    head, scene = next(o for o in bpy.data.objects if o.session_uid == uid), bpy.context.scene
    act()
    assert live_heads.of(head).stale
    job = live.generate.job_of(head)
    until(lambda: len(settings(head).takes) == 2 and caught_up(head), act)
    assert live.generate.job_of(head) is job, "what was there already was made again"


def test_a_backend_that_dies_pauses_live_with_a_sentence_and_resume_goes_on(shot, scene):
    reword(shot, scene, "furious")
    live.step()
    os.kill(connection.client.pid, signal.SIGKILL)
    until(lambda: live.state.problem, live.step)
    assert "SIGKILL" in live.state.problem and gaussians.preview_of(shot, scene) is None
    live.step()
    assert not connection.client.alive, "it was started again without being asked"
    assert bpy.ops.emodifftalk.resume_live() == {"FINISHED"}
    preview(shot, scene)


def test_a_backend_that_died_in_its_sleep_is_not_started_unasked(shot, scene):
    os.kill(connection.client.pid, signal.SIGKILL)
    until(lambda: connection.client.state == "dead", connection.pump)
    reword(shot, scene, "furious")
    live.step()
    assert "Resume Live" in live.state.problem and not connection.client.alive


def test_without_a_backend_it_says_so_and_does_not_pause(shot, scene, monkeypatch):
    connection.stop()
    monkeypatch.setenv("EMODIFFTALK_PYTHON", "/nowhere/python")
    reword(shot, scene, "furious")
    live.step()
    assert "/nowhere/python" in live.status(shot)[0] and not live.state.problem


def test_switched_off_it_shows_takes_and_asks_for_nothing(shot, scene):
    reword(shot, scene, "furious")
    preview(shot, scene)
    live_settings().on = False
    assert gaussians.preview_of(shot, scene) is None
    until(lambda: not connection.client.pending, connection.pump)
    time.sleep(0.3)
    live.step()
    assert not connection.client.pending and len(settings(shot).takes) == 1


def test_generate_makes_a_take_that_stays_even_while_live_is_at_it(shot, scene):
    reword(shot, scene, "furious")
    until(lambda: live_heads.of(shot).job is not None and live_heads.of(shot).job.running, act)
    assert bpy.ops.emodifftalk.generate.poll() and bpy.ops.emodifftalk.generate() == {"FINISHED"}
    until(lambda: caught_up(shot), act)
    assert [take.live for take in settings(shot).takes] == [False, False]


def test_sync_to_audio_is_offered_not_imposed(shot, scene):
    scene.sync_mode = "NONE"
    assert bpy.ops.emodifftalk.sync_to_audio.poll()
    assert bpy.ops.emodifftalk.sync_to_audio() == {"FINISHED"}
    assert scene.sync_mode == "AUDIO_SYNC" and not bpy.ops.emodifftalk.sync_to_audio.poll()
