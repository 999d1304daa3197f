"""Takes play with nothing but the add-on: at the right time, on the right head, and they follow their voice."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.sounds import save_ramp
from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.playback import gaussians, origin, sources
from addon.scene.heads import absolute, heads, portable, settings
from addon.takes.generate import add_take
from addon.takes.performance import build_performance
from addon.timeline.prompts import add_prompt, add_voice
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_INDEX

JAW = AU_INDEX["AU26"]


@pytest.fixture
def playing(head, scene, tmp_path):
    """A head with a two second take in which the jaw opens steadily; its voice begins at frame 11."""
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", 2.0), 11)
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject())
    add_take(head, tmp_path / "take.safetensors", build_performance(head, scene))
    return head


def jaw(head, scene) -> float:
    return float(gaussians.current_frame(head, scene).aus[JAW])


def opening(head) -> float:
    template = tiny_subject().template
    points = np.array([v.co for v in head.data.vertices])[: len(template.neutral)] - origin.to_object(head)[:3, 3]
    return float(template.lip_opening(points - template.neutral))


def test_scrubbing_moves_the_sketch_and_the_gaussians(playing, scene):
    scene.frame_set(11)
    closed, start = opening(playing), gaussians.current_gaussians(playing, scene)
    scene.frame_set(11 + 48)
    assert opening(playing) > closed + 0.01
    moved = gaussians.current_gaussians(playing, scene)
    assert np.abs(moved.means - start.means).max() > 0.01
    scene.frame_set(11)
    assert opening(playing) == pytest.approx(closed)
    assert gaussians.current_gaussians(playing, scene).means == pytest.approx(start.means)


def test_a_frame_is_a_time_whatever_the_frame_rate(playing, scene):
    scene.frame_set(11 + 24)
    at_24 = jaw(playing, scene)
    scene.render.fps = 48
    scene.frame_set(11 + 48)
    assert jaw(playing, scene) == pytest.approx(at_24, abs=1e-4)
    scene.frame_set(11 + 48, subframe=0.5)
    assert jaw(playing, scene) > at_24 + 0.004


def test_before_and_after_the_take_it_holds(playing, scene):
    scene.frame_set(-50)
    assert jaw(playing, scene) == 0
    scene.frame_set(5000)
    assert jaw(playing, scene) == 1


@pytest.mark.filterwarnings("ignore")
def test_moving_or_trimming_the_voice_takes_the_face_along(playing, scene):
    strip = compat.all_strips(scene)[0]
    scene.frame_set(30)
    before = jaw(playing, scene)
    strip.frame_start += 100
    scene.frame_set(130)
    assert jaw(playing, scene) == pytest.approx(before, abs=1e-4)
    strip.frame_offset_start = 10
    scene.frame_set(131)
    scene.frame_set(130)
    assert jaw(playing, scene) == pytest.approx(before, abs=1e-4)


def test_a_take_without_a_voice_stays_where_its_prompts_were(head, scene, tmp_path):
    add_prompt(head, scene, "calm", 31)
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject())
    add_take(head, tmp_path / "take.safetensors", build_performance(head, scene))
    scene.frame_set(31)
    assert jaw(head, scene) == 0
    scene.frame_set(31 + 24)
    assert jaw(head, scene) == pytest.approx(25 / 49, abs=1e-3)


def test_several_takes_can_be_compared(playing, scene, tmp_path):
    subject = tiny_subject()
    save_tiny_take(tmp_path / "slow.safetensors", subject, seconds=4.0)
    add_take(playing, tmp_path / "slow.safetensors", build_performance(playing, scene))
    kept = settings(playing)
    assert [take.name for take in kept.takes] == ["take", "slow"] and kept.active_take == 1
    scene.frame_set(11 + 24)
    slow = jaw(playing, scene)
    kept.active_take = 0
    assert jaw(playing, scene) > slow + 0.2
    bpy.ops.emodifftalk.remove_take()
    assert [take.name for take in kept.takes] == ["slow"]
    assert jaw(playing, scene) == pytest.approx(slow)


def test_a_head_without_a_take_shows_its_resting_face(head, scene):
    assert gaussians.current_gaussians(head, scene).means == pytest.approx(tiny_subject().gaussians.means)


def test_a_lost_take_is_a_sentence_in_the_panel_and_not_an_error_at_every_frame(playing, scene, tmp_path):
    (tmp_path / "take.safetensors").unlink()
    scene.frame_set(20)
    assert "take.safetensors" in gaussians.problems[playing.session_uid]
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject())
    scene.frame_set(21)
    assert playing.session_uid not in gaussians.problems


def test_a_take_of_another_subject_is_refused(playing, scene, tmp_path):
    save_tiny_take(tmp_path / "other.safetensors", tiny_subject(faces=10))
    settings(playing).takes[0].path = str(tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="another subject"):
        gaussians.current_gaussians(playing, scene)


def test_the_evaluated_head_gives_the_same_gaussians(playing, scene):
    scene.frame_set(40)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    evaluated = playing.evaluated_get(depsgraph)
    expected = gaussians.current_gaussians(playing, scene)
    assert gaussians.current_gaussians(evaluated, depsgraph) is expected


def test_everything_survives_saving_moving_the_folder_and_opening_again(playing, scene, tmp_path):
    first = tmp_path / "project"
    first.mkdir()
    for name in ("tiny.safetensors", "take.safetensors", "v.wav"):
        (tmp_path / name).rename(first / name)
    bpy.ops.wm.save_as_mainfile(filepath=str(first / "shot.blend"))
    settings(playing).subject_path = portable(first / "tiny.safetensors")
    settings(playing).takes[0].path = portable(first / "take.safetensors")
    bpy.ops.wm.save_mainfile()
    second = tmp_path / "elsewhere"
    first.rename(second)
    bpy.ops.wm.open_mainfile(filepath=str(second / "shot.blend"))
    opened = bpy.data.objects["Tiny"]
    assert absolute(settings(opened).subject_path).parent == second
    bpy.context.scene.frame_set(11 + 24)
    assert jaw(opened, bpy.context.scene) == pytest.approx(25 / 49, abs=1e-3)


def test_twenty_heads_are_read_once_however_often_the_frame_changes(playing, scene, monkeypatch):
    for number in range(19):
        head = playing.copy()
        head.data = playing.data.copy()
        scene.collection.objects.link(head)
        for copied, path in ((settings(head), "subject_path"), (settings(head).takes[0], "path")):
            there = absolute(getattr(copied, path), head)
            here = there.with_name(f"{number}_{there.name}")
            here.write_bytes(there.read_bytes())
            setattr(copied, path, str(here))
    read: list[str] = []
    for name in ("_read_subject", "_read_take"):
        reader = getattr(sources, name)
        monkeypatch.setattr(sources, name, lambda path, reader=reader: read.append(path) or reader(path))
    scene.frame_set(20)
    for head in heads(scene):
        gaussians.current_gaussians(head, scene)
    read.clear()
    scene.frame_set(30)
    scene.frame_set(40)
    assert not gaussians.problems and read == []
