"""Hand curves belong to the voice's time: they survive every edit of the strips, and of the frame rate."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.helpers.sounds import save_ramp
from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.curves import hand
from addon.curves.au_curves import drawn_over, path_of
from addon.scene.heads import settings
from addon.takes.generate import add_take
from addon.takes.performance import build_performance
from addon.timeline.frame_rate import keep_seconds
from addon.timeline.prompts import add_voice

SMILE, MOOD = path_of("AU12"), "emodifftalk.valence"


@pytest.fixture
def acted(head, scene, tmp_path):
    """A head of six seconds with a take, whose smile was drawn over and whose mood is keyed."""
    scene.render.fps = 24
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", 6.0), 11)
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject(), seconds=6.0)
    add_take(head, tmp_path / "take.safetensors", build_performance(head, scene))
    bpy.ops.emodifftalk.show_au_curves()
    for frame, value in ((11, 0.0), (40, 0.9), (80, 0.2), (120, 0.7), (155, 0.0)):
        settings(head).au_curves.au12 = value
        head.keyframe_insert(SMILE, frame=frame)
        settings(head).valence = value - 0.3
        head.keyframe_insert(MOOD, frame=frame)
    follow()
    return head


def follow() -> None:
    """What Blender does after every edit."""
    bpy.context.view_layer.update()
    keep_seconds(bpy.context.scene)
    hand.lay_all(bpy.context.scene)


def curve(head, path=SMILE):
    return next(curve for curve in compat.fcurves(head) if curve.data_path == path)


def seen(head, frames, path=SMILE) -> np.ndarray:
    return np.array([curve(head, path).evaluate(frame) for frame in frames])


def voices(scene):
    return sorted((s for s in compat.all_strips(scene) if s.type == "SOUND"), key=compat.left_handle)


def cut(scene, frame, by):
    """Cut the voice with K at a frame and move the second half."""
    whole = next(s for s in voices(scene) if compat.left_handle(s) < frame < compat.right_handle(s))
    piece = whole.split(frame=frame, split_method="SOFT")
    compat.move_strip(piece, by)
    follow()
    return piece


WORDS = np.arange(12, 153)


@pytest.mark.parametrize("path", [SMILE, MOOD])
def test_a_cut_and_a_moved_half_take_the_drawn_curve_along(acted, scene, path):
    before = seen(acted, WORDS, path)
    piece = cut(scene, 70, 15)
    there = np.where(WORDS < 70, WORDS, WORDS + 15)
    assert np.abs(seen(acted, there, path) - before).max() < 5e-3
    compat.move_strip(piece, -15)
    follow()
    assert np.abs(seen(acted, WORDS, path) - before).max() < 5e-3


def test_what_is_asked_for_after_the_cut_has_the_same_face_on_the_same_words(acted, scene):
    before = dict(build_performance(acted, scene).performance.au_curves)
    assert list(before) == ["AU12"]
    cut(scene, 71, 15)  # the gap is 0.625 s
    after = build_performance(acted, scene).performance.au_curves
    assert list(after) == ["AU12"] and drawn_over(acted) == ["AU12"]
    for second in np.arange(0.0, 5.9, 0.04):
        here = second if second < 2.5 else second + 15 / 24
        was, now = (np.interp(s, *zip(*keys["AU12"], strict=True)) for s, keys in ((second, before), (here, after)))
        assert now == pytest.approx(was, abs=0.02)


@pytest.mark.parametrize("rate", [(30, 1.0), (24000, 1001.0), (60, 1.0), (12, 1.0)])
def test_another_frame_rate_and_back_leaves_words_and_curve_together(acted, scene, rate):
    before = seen(acted, WORDS)
    seconds = (WORDS - 11) / 24
    cut(scene, 83, 0)
    scene.render.fps, scene.render.fps_base = rate
    follow()
    new = rate[0] / rate[1]
    first = voices(scene)[0]
    assert compat.left_handle(first) == 11
    assert np.abs(seen(acted, 11 + seconds * new) - before).max() < 0.03
    pieces = voices(scene)
    assert compat.left_handle(pieces[1]) == pytest.approx(11 + 72 / 24 * new, abs=1.01)
    assert pieces[0].channel == pieces[1].channel
    build_performance(acted, scene)
    scene.render.fps, scene.render.fps_base = 24, 1.0
    follow()
    assert np.abs(seen(acted, WORDS) - before).max() < 0.03
    assert [compat.left_handle(strip) for strip in voices(scene)] == pytest.approx([11, 83], abs=1)


def test_what_was_taken_out_comes_back_with_its_words_after_saving_too(acted, scene, tmp_path):
    before = seen(acted, WORDS)
    middle = cut(scene, 60, 0)
    last = cut(scene, 90, 0)
    taken = middle.name
    compat.move_strip(middle, 400)
    follow()
    compat.move_strip(last, -30)
    follow()
    late = np.arange(92, 150)
    assert np.abs(seen(acted, late - 30) - before[late - 12]).max() < 5e-3
    name, scene_name = acted.name, scene.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    scene, head = bpy.data.scenes[scene_name], bpy.data.objects[name]
    strips = {strip.name: strip for strip in voices(scene)}
    compat.move_strip(max(strips.values(), key=lambda s: s.name), 30)
    follow()
    compat.move_strip(strips[taken], -400)
    follow()
    assert np.abs(seen(head, WORDS) - before).max() < 0.02


def test_curves_that_two_heads_share_move_once(acted, scene):
    twin = acted.copy()
    scene.collection.objects.link(twin)
    assert twin.animation_data.action == acted.animation_data.action
    follow()
    before = seen(acted, WORDS)
    for shift in (20, 15):
        compat.move_strip(voices(scene)[0], shift)
        follow()
    assert np.abs(seen(acted, WORDS + 35) - before).max() < 1e-3
    compat.move_strip(voices(scene)[0], 10)
    build_performance(twin, scene)
    assert np.abs(seen(acted, WORDS + 45) - before).max() < 1e-3


def test_it_can_be_switched_off(acted, scene):
    before = seen(acted, WORDS)
    settings(acted).hand_follows = False
    compat.move_strip(voices(scene)[0], 20)
    follow()
    assert np.abs(seen(acted, WORDS) - before).max() == 0


def test_another_recording_leaves_the_hand_work_where_it_is(acted, scene, tmp_path):
    before = seen(acted, WORDS)
    voices(scene)[0].sound = bpy.data.sounds.load(str(save_ramp(tmp_path / "retake.wav", 5.0)))
    follow()
    assert np.abs(seen(acted, WORDS) - before).max() == 0


def test_keys_keep_what_they_are(acted, scene):
    key = curve(acted).keyframe_points[1]
    key.interpolation, key.type, key.easing = "CONSTANT", "BREAKDOWN", "EASE_OUT"
    follow()
    compat.move_strip(voices(scene)[0], 20)
    follow()
    key = curve(acted).keyframe_points[1]
    assert (key.co.x, key.interpolation, key.type, key.easing) == (60, "CONSTANT", "BREAKDOWN", "EASE_OUT")


@pytest.mark.parametrize(
    "damage", ["{", "[]", '{"rate": 0}', '{"rate":24,"playing":[["v",0,0,1]],"unplayed":[],"curves":3,"hidden":{}}']
)
def test_what_a_file_says_wrongly_of_it_is_forgotten(acted, scene, damage):
    before = seen(acted, WORDS)
    settings(acted).hand_laid = damage
    follow()
    assert np.abs(seen(acted, WORDS) - before).max() == 0
    assert json.loads(settings(acted).hand_laid)["rate"] == 24
