"""A voice finds its place: the scene is long enough for it, and what a head spoke before stays or goes as asked."""

from __future__ import annotations

import pytest

from tests.helpers.sounds import save_ramp

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.scene.heads import settings
from addon.scene.strips import voice_strips
from addon.timeline.prompts import add_prompt

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def lines(tmp_path):
    """Two recordings of 3 and 4 seconds."""
    return [str(save_ramp(tmp_path / name, seconds)) for name, seconds in (("one.wav", 3.0), ("two.wav", 4.0))]


def spoken(head, scene) -> list[tuple[str, int, int]]:
    return [(s.name, compat.left_handle(s), compat.right_handle(s)) for s in voice_strips(head, scene)]


def sounds(scene) -> list[str]:
    return [s.name for s in compat.all_strips(scene) if s.type == "SOUND"]


def test_a_voice_longer_than_the_scene_extends_it(head, scene, lines):
    scene.frame_end, scene.frame_current = 40, 11
    bpy.ops.emodifftalk.add_voice(filepath=lines[0])
    assert scene.frame_end == 11 + 72 - 1 + 12
    scene.frame_end = 500
    bpy.ops.emodifftalk.add_voice(filepath=lines[1])
    assert scene.frame_end == 500


def test_it_leaves_the_scene_alone_when_asked_to(head, scene, lines):
    scene.frame_end = 40
    bpy.ops.emodifftalk.add_voice(filepath=lines[0], extend=False)
    assert scene.frame_end == 40


def test_a_sound_that_is_spoken_extends_the_scene_too(head, scene, lines):
    scene.frame_end = 40
    scene.sequence_editor_create().strips.new_sound("dropped", lines[0], 1, 11)
    bpy.ops.emodifftalk.speak(strip="dropped")
    assert scene.frame_end > 82


def test_another_voice_replaces_the_first(head, scene, lines):
    scene.frame_current = 11
    bpy.ops.emodifftalk.add_voice(filepath=lines[0])
    voice_strips(head, scene)[0].split(frame=30, split_method="SOFT")
    scene.frame_current = 20
    bpy.ops.emodifftalk.add_voice(filepath=lines[1])
    assert spoken(head, scene) == [("two", 11, 11 + 96)] and sounds(scene) == ["two"]


def test_another_voice_goes_after_the_first(head, scene, lines):
    scene.frame_current = 11
    bpy.ops.emodifftalk.add_voice(filepath=lines[0])
    add_prompt(head, scene, "happy", 11)
    bpy.ops.emodifftalk.add_voice(filepath=lines[1], place="AFTER")
    assert spoken(head, scene) == [("one", 11, 83), ("two", 83, 179)] and scene.frame_end >= 178
    assert len({s.channel for s in voice_strips(head, scene)}) == 1


def test_another_voice_lies_beside_the_first_at_the_playhead(head, scene, lines):
    bpy.ops.emodifftalk.add_voice(filepath=lines[0])
    scene.frame_current = 50
    bpy.ops.emodifftalk.add_voice(filepath=lines[1], place="BESIDE")
    assert spoken(head, scene) == [("one", 1, 73), ("two", 50, 146)]
    assert len({s.channel for s in voice_strips(head, scene)}) == 2


def test_what_another_head_speaks_is_not_deleted(head, scene, lines, subject_path):
    bpy.ops.emodifftalk.add_voice(filepath=lines[0])
    bpy.ops.emodifftalk.import_subject(filepath=str(subject_path))
    settings(bpy.context.active_object).voice_uid = settings(head).voice_uid
    bpy.ops.emodifftalk.add_voice(filepath=lines[1])
    assert spoken(head, scene)[0][1:] == (1, 73) and spoken(bpy.context.active_object, scene)[0][1:] == (1, 97)


@pytest.mark.parametrize("place", ["REPLACE", "AFTER", "BESIDE"])
def test_a_file_that_is_no_recording_takes_nothing_away(head, scene, lines, tmp_path, place):
    bpy.ops.emodifftalk.add_voice(filepath=lines[0])
    (tmp_path / "no.wav").write_bytes(b"no")
    before, end = spoken(head, scene), scene.frame_end
    with pytest.raises(RuntimeError, match="not a recording"):
        bpy.ops.emodifftalk.add_voice(filepath=str(tmp_path / "no.wav"), place=place)
    assert spoken(head, scene) == before and scene.frame_end == end and len(sounds(scene)) == 1


def test_a_voice_lies_where_nothing_else_is_over_its_whole_length(head, scene, lines):
    scene.sequence_editor_create().strips.new_sound("music", lines[1], 1, 40)
    bpy.ops.emodifftalk.add_voice(filepath=lines[0])  # begins before the music, ends within
    assert spoken(head, scene) == [("one", 1, 73)] and voice_strips(head, scene)[0].channel == 2


def test_the_scene_is_fitted_to_all_heads_and_a_little_more(head, scene, lines, subject_path):
    scene.frame_current = 101
    bpy.ops.emodifftalk.add_voice(filepath=lines[0])
    bpy.ops.emodifftalk.import_subject(filepath=str(subject_path))
    add_prompt(bpy.context.active_object, scene, "happy", 241, until=301)
    assert bpy.ops.emodifftalk.fit_scene() == {"FINISHED"}
    assert (scene.frame_start, scene.frame_end) == (89, 312)
    assert bpy.ops.emodifftalk.fit_scene(room=0.0) == {"FINISHED"}
    assert (scene.frame_start, scene.frame_end) == (101, 300)


def test_a_scene_that_begins_with_the_voice_still_begins_at_frame_one(head, scene, lines):
    bpy.ops.emodifftalk.add_voice(filepath=lines[0])
    bpy.ops.emodifftalk.fit_scene()
    assert (scene.frame_start, scene.frame_end) == (1, 84)


def test_nothing_said_fits_nothing(head, scene):
    assert bpy.ops.emodifftalk.fit_scene() == {"CANCELLED"}
    assert (scene.frame_start, scene.frame_end) == (1, 250)
