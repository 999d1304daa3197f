"""A take's action units as F-curves: shown, muted, scaled, drawn over; and all else that animates is heard too."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.sounds import save_ramp
from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.curves.au_curves import drawn_over, group_of, path_of
from addon.playback.sources import take_of
from addon.playback.take_time import take_clock
from addon.scene.heads import settings
from addon.takes.generate import add_take
from addon.takes.performance import build_performance
from addon.timeline.prompts import add_prompt, add_voice
from emodifftalk.core import tensors
from emodifftalk.core.facs import AU_INDEX, AU_NAMES

FRAMES = 75


def save_lively(path, seed: int = 1) -> np.ndarray:
    """A take of three seconds in which every unit goes its own way; returns what voice and feelings gave (T, 17)."""
    save_tiny_take(path, tiny_subject(), seconds=FRAMES / 25)
    phases = np.random.default_rng(seed).uniform(0, 6, (2, len(AU_NAMES)))
    times = np.arange(FRAMES)[:, None] / 25
    track = (0.5 + 0.25 * np.sin(4 * times + phases[0]) + 0.2 * np.sin(9 * times + phases[1])).astype(np.float32)
    arrays, about = tensors.load(path)
    tensors.save(path, arrays | {"aus_emotion": track, "aus": (track * 0.5).astype(np.float32)}, about)
    return track


@pytest.fixture
def playing(head, scene, tmp_path):
    """A head with a lively take; its voice begins at frame 11."""
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", 3.0), 11)
    save_lively(tmp_path / "take.safetensors")
    add_take(head, tmp_path / "take.safetensors", build_performance(head, scene))
    return head


def curves(head) -> dict[str, bpy.types.FCurve]:
    return {curve.data_path: curve for curve in compat.fcurves(head)}


def lift(curve, frame: float, value: float) -> None:
    """What an animator does: she drags the keys around a frame to a value."""
    for key in curve.keyframe_points:
        if abs(key.co.x - frame) < 12:
            key.co.y = value
    curve.update()


@pytest.mark.parametrize("fps", [(24, 1.0), (25, 1.0), (60, 1.001)])
def test_shown_curves_follow_the_take_within_a_hundredth_on_few_keys(playing, scene, fps):
    scene.render.fps, scene.render.fps_base = fps
    assert bpy.ops.emodifftalk.show_au_curves() == {"FINISHED"}
    take, clock = take_of(playing), take_clock(playing, scene)
    for au in AU_NAMES:
        curve = curves(playing)[path_of(au)]
        frames = np.arange(np.ceil(clock.zero), clock.frame((take.frames - 1) / 25))
        seen = np.array([curve.evaluate(frame) for frame in frames])
        played = np.interp(clock.seconds(frames), np.arange(take.frames) / 25, take.aus_emotion[:, AU_INDEX[au]])
        assert np.abs(seen - played).max() < 0.0101
        assert len(curve.keyframe_points) < 0.5 * take.frames and curve.group.name == group_of(au) and not curve.lock
        assert all(key.co.x == round(key.co.x) for key in curve.keyframe_points)
    settings_now = settings(playing)
    scene.frame_set(40)
    assert settings_now.au_curves.au12 == pytest.approx(curves(playing)[path_of("AU12")].evaluate(40), abs=1e-5)


def test_showing_alone_changes_nothing_and_an_edited_curve_is_drawn_over(playing, scene):
    before = build_performance(playing, scene).performance
    bpy.ops.emodifftalk.show_au_curves()
    assert build_performance(playing, scene).performance == before and before.au_curves == {}
    lift(curves(playing)[path_of("AU12")], 47, 0.0)
    found = build_performance(playing, scene).performance.au_curves
    assert list(found) == ["AU12"]  # frame 47 is second 1.5
    assert np.interp(1.5, *zip(*found["AU12"], strict=True)) < 0.01
    assert take_of(playing).aus_emotion[37:39, AU_INDEX["AU12"]].min() > 0.15
    curves(playing)[path_of("AU12")].mute = True
    assert build_performance(playing, scene).performance.au_curves == {}


def test_muted_and_scaled_units_reach_the_performance(playing, scene):
    kept = settings(playing)
    kept.au_mutes.au09, kept.au_gains.au25, kept.au_gains.au04 = True, 1.5, 0.0
    assert build_performance(playing, scene).performance.au_gains == {"AU04": 0.0, "AU09": 0.0, "AU25": 1.5}


def test_another_take_rewrites_what_is_only_shown_and_leaves_what_is_drawn(playing, scene, tmp_path):
    bpy.ops.emodifftalk.show_au_curves()
    lift(curves(playing)[path_of("AU12")], 47, 0.97)
    mine = [tuple(key.co) for key in curves(playing)[path_of("AU12")].keyframe_points]
    track = save_lively(tmp_path / "other.safetensors", seed=2)
    add_take(playing, tmp_path / "other.safetensors", build_performance(playing, scene))
    assert [tuple(key.co) for key in curves(playing)[path_of("AU12")].keyframe_points] == mine
    clock = take_clock(playing, scene)
    assert curves(playing)[path_of("AU04")].evaluate(clock.frame(1.0)) == pytest.approx(
        track[25, AU_INDEX["AU04"]], abs=0.0101
    )
    assert drawn_over(playing) == ["AU12"]
    bpy.ops.emodifftalk.reset_au_curve(au="AU12")
    assert drawn_over(playing) == []


@pytest.mark.filterwarnings("ignore")
def test_shown_curves_move_with_the_voice(playing, scene):
    bpy.ops.emodifftalk.show_au_curves()
    scene.frame_set(1)
    before = curves(playing)[path_of("AU12")].evaluate(40)
    compat.all_strips(scene)[0].frame_start += 100
    scene.frame_set(2)
    assert curves(playing)[path_of("AU12")].evaluate(140) == pytest.approx(before, abs=0.02)


def test_removing_takes_ours_and_nothing_else(playing, scene):
    kept = settings(playing)
    for frame, value in ((11, 0.0), (40, 1.0)):
        kept.valence, playing.location.x = value, value
        playing.keyframe_insert("emodifftalk.valence", frame=frame, group="Mine")
        playing.keyframe_insert("location", index=0, frame=frame)
    bpy.ops.emodifftalk.show_au_curves()
    lift(curves(playing)[path_of("AU12")], 47, 0.97)
    paths = "emodifftalk.valence", "location"
    mine = {path: [tuple(k.co) for k in curves(playing)[path].keyframe_points] for path in paths}
    bpy.ops.emodifftalk.remove_au_curves()
    left = curves(playing)
    assert not any("au_curves" in path for path in left) and kept.au_curves.au12 == 0
    assert {path: [tuple(k.co) for k in left[path].keyframe_points] for path in mine} == mine
    assert left["emodifftalk.valence"].group.name == "Mine"
    assert not bpy.ops.emodifftalk.remove_au_curves.poll()


def test_without_a_take_the_button_is_grey(head):
    assert not bpy.ops.emodifftalk.show_au_curves.poll()


# Drivers and the NLA


def test_a_driver_on_valence_is_heard_and_the_playhead_stays(head, scene):
    add_prompt(head, scene, "calm", 1)
    scene.frame_set(30)
    empty = bpy.data.objects.new("Slider", None)
    scene.collection.objects.link(empty)
    for frame, value in ((1, 0.0), (73, 1.0)):
        empty.location.x = value
        empty.keyframe_insert("location", index=0, frame=frame)
    for key in next(compat.fcurves(empty)).keyframe_points:
        key.interpolation = "LINEAR"
    driver = head.driver_add("emodifftalk.valence").driver
    driver.expression = "0.5 * x"
    variable = driver.variables.new()
    variable.name, variable.targets[0].id, variable.targets[0].data_path = "x", empty, "location.x"
    head.hide_viewport = True
    scene.frame_set(30)
    heard = []
    bpy.app.handlers.frame_change_post.append(note := lambda *_: heard.append(1))
    before = set(bpy.data.scenes), set(bpy.data.objects)
    performance = build_performance(head, scene).performance
    bpy.app.handlers.frame_change_post.remove(note)
    assert dict(performance.valence)[1.0] == pytest.approx(0.5 / 3, abs=1e-3)
    assert performance.valence[-1] == (3.0, pytest.approx(0.5, abs=1e-3))
    assert scene.frame_current == 30 and not heard
    assert empty.location.x == pytest.approx(29 / 72, abs=1e-3)
    assert (set(bpy.data.scenes), set(bpy.data.objects)) == before


def test_an_nla_strip_with_au_offsets_is_heard(head, scene):
    add_prompt(head, scene, "calm", 1)
    for frame, value in ((1, 0.0), (25, 0.8)):
        settings(head).aus.au12 = value
        head.keyframe_insert("emodifftalk.aus.au12", frame=frame)
    for key in next(compat.fcurves(head)).keyframe_points:
        key.interpolation = "LINEAR"
    action = head.animation_data.action
    strip = head.animation_data.nla_tracks.new().strips.new("Smile", 25, action)
    head.animation_data.action = None
    settings(head).aus.au12 = 0.0
    assert dict(build_performance(head, scene).performance.au_offsets["AU12"])[1.52] == pytest.approx(0.416, abs=0.01)
    strip.mute = True
    assert build_performance(head, scene).performance.au_offsets == {}


def test_a_driver_on_a_prompts_intensity_is_heard(head, scene):
    strip, _ = add_prompt(head, scene, "furious", 25)
    strip.driver_add("blend_alpha").driver.expression = "(frame - 25) / 72"
    names = {other.name for other in bpy.data.scenes}
    keys = dict(build_performance(head, scene).performance.prompts[0].intensity)
    assert keys[1.0] == pytest.approx(1 / 3, abs=0.01) and keys[2.0] == pytest.approx(2 / 3, abs=0.01)
    assert {other.name for other in bpy.data.scenes} == names


def test_a_drawn_curve_pushed_down_into_the_nla_still_counts(playing, scene):
    bpy.ops.emodifftalk.show_au_curves()
    lift(curves(playing)[path_of("AU12")], 47, 0.97)
    data = playing.animation_data
    data.nla_tracks.new().strips.new("Drawn", 1, data.action)
    data.action = None
    found = build_performance(playing, scene).performance.au_curves
    assert list(found) == ["AU12"]


def test_one_click_leaves_one_curve_in_the_graph_editor_and_another_brings_all_back(playing, scene):
    bpy.ops.emodifftalk.show_au_curves()
    bpy.ops.emodifftalk.isolate_au_curve(au="AU12")
    assert [path for path, curve in curves(playing).items() if not curve.hide] == [path_of("AU12")]
    bpy.ops.emodifftalk.isolate_au_curve(au="AU04")
    assert [path for path, curve in curves(playing).items() if not curve.hide] == [path_of("AU04")]
    bpy.ops.emodifftalk.isolate_au_curve(au="AU04")
    assert not any(curve.hide for curve in curves(playing).values())
    bpy.ops.emodifftalk.isolate_au_curve(au="AU04", alone=False)
    assert [path for path, curve in curves(playing).items() if curve.hide] == [path_of("AU04")]
