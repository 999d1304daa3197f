"""The timeline shows where a take stretches beyond its subject's training, and the animator's own keys stay hers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.sounds import save_ramp
from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.curves import confidence
from addon.scene.heads import active_head, settings
from addon.takes.generate import add_take
from addon.takes.performance import build_performance
from addon.timeline.prompts import add_voice
from emodifftalk.core import tensors


def save_stretching(path, *spans: tuple[int, int], least: float = 0.4, frames: int = 50) -> None:
    """A take of `frames` frames that stretches in spans of frames."""
    save_tiny_take(path, tiny_subject(), seconds=frames / 25)
    arrays, about = tensors.load(path)
    values = np.ones(frames, np.float32)
    for start, end in spans:
        values[start:end] = least
    tensors.save(path, arrays | {"confidence": values}, about)


@pytest.fixture
def playing(head, scene, tmp_path):
    """A head with a take of two seconds that stretches twice; its voice begins at frame 11 of a 25 fps timeline."""
    scene.render.fps = 25
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", 2.0), 11)
    save_stretching(tmp_path / "take.safetensors", (10, 15), (30, 31))
    add_take(head, tmp_path / "take.safetensors", build_performance(head, scene))
    return head


def curves(head) -> dict[str, bpy.types.FCurve]:
    return {curve.data_path: curve for curve in compat.fcurves(head)}


def at(head, scene, frame: int) -> float:
    scene.frame_set(frame)
    return settings(head).confidence


def test_the_property_follows_the_take_that_plays(playing, scene):
    assert [at(playing, scene, 11 + i) for i in (0, 9, 10, 14, 15, 29, 30, 31, 49)] == pytest.approx(
        [1, 1, 0.4, 0.4, 1, 1, 0.4, 1, 1]
    )
    curve = curves(playing)[confidence.PATH]
    assert len(curve.keyframe_points) == 9 and curve.lock
    assert curve.group.name == confidence.GROUP


def test_another_take_is_another_curve_and_no_take_none(playing, scene, tmp_path):
    save_stretching(tmp_path / "calm.safetensors")
    add_take(playing, tmp_path / "calm.safetensors", build_performance(playing, scene))
    assert at(playing, scene, 23) == 1 and len(curves(playing)[confidence.PATH].keyframe_points) == 2
    settings(playing).active_take = 0
    assert at(playing, scene, 23) == pytest.approx(0.4)
    bpy.ops.emodifftalk.remove_take()
    assert at(playing, scene, 23) == 1
    bpy.ops.emodifftalk.remove_take()
    assert confidence.PATH not in curves(playing) and settings(playing).confidence == 1


def test_the_animators_keys_are_never_touched(playing, scene, tmp_path):
    kept = settings(playing)
    for frame, value in ((11, 0.0), (40, 1.0)):
        kept.valence = value
        playing.keyframe_insert("emodifftalk.valence", frame=frame, group="Mine")
        playing.location.x = value
        playing.keyframe_insert("location", index=0, frame=frame)
    before = {path: [tuple(k.co) for k in c.keyframe_points] for path, c in curves(playing).items()}
    save_stretching(tmp_path / "other.safetensors", (3, 9))
    add_take(playing, tmp_path / "other.safetensors", build_performance(playing, scene))
    after = curves(playing)
    assert set(before) == set(after) == {confidence.PATH, "emodifftalk.valence", "location"}
    for path in ("emodifftalk.valence", "location"):
        assert [tuple(k.co) for k in after[path].keyframe_points] == before[path]
    assert after["emodifftalk.valence"].group.name == "Mine"
    assert build_performance(playing, scene).performance.valence[-1][1] == 1.0


@pytest.mark.filterwarnings("ignore")
def test_the_curve_moves_with_the_voice(playing, scene):
    compat.all_strips(scene)[0].frame_start += 100
    scene.frame_set(1)
    assert at(playing, scene, 11 + 112) == pytest.approx(0.4) and at(playing, scene, 11 + 12) == 1


def test_the_buttons_jump_from_stretch_to_stretch_and_say_why_they_cannot(playing, scene, tmp_path):
    scene.frame_set(1)
    assert confidence.line(playing) == "6 of 50 frames beyond the training"
    assert not bpy.ops.emodifftalk.previous_stretch.poll()
    assert confidence.why_no_jump(bpy.context, False) == "No stretched frames before the playhead"
    found = []
    while bpy.ops.emodifftalk.next_stretch.poll():
        bpy.ops.emodifftalk.next_stretch()
        found.append(scene.frame_current)
    assert found == [21, 41]
    assert confidence.why_no_jump(bpy.context, True) == "No stretched frames after the playhead"
    bpy.ops.emodifftalk.previous_stretch()
    assert scene.frame_current == 21
    save_stretching(tmp_path / "calm.safetensors")
    add_take(playing, tmp_path / "calm.safetensors", build_performance(playing, scene))
    assert confidence.line(playing) == "Within the trained range"
    assert "stretches beyond" in confidence.why_no_jump(bpy.context, True)
    (tmp_path / "calm.safetensors").unlink()
    assert "cannot be read" in confidence.why_no_jump(bpy.context, True) and not confidence.line(playing)


def test_without_a_take_or_a_head_the_buttons_say_so(scene, head):
    assert "Generate a take first" in confidence.why_no_jump(bpy.context, True)
    bpy.data.objects.remove(head)
    assert active_head(bpy.context) is None and "Import a subject" in confidence.why_no_jump(bpy.context, True)


def test_other_frame_rates_put_the_keys_at_the_same_times(playing, scene):
    scene.render.fps, scene.render.fps_base = 60, 1.001
    scene.frame_set(1)
    assert at(playing, scene, 11 + round(12 / 25 * 60 / 1.001)) == pytest.approx(0.4, abs=1e-3)


def test_a_take_of_an_earlier_version_says_nothing(head, scene, tmp_path):
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", 2.0), 11)
    save_tiny_take(tmp_path / "old.safetensors", tiny_subject())
    add_take(head, tmp_path / "old.safetensors", build_performance(head, scene))
    assert confidence.line(head) == "" and confidence.PATH not in curves(head)
    assert "earlier version" in confidence.why_no_jump(bpy.context, True)
