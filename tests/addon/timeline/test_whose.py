"""Strips say once what they are, and with several heads whose they are: by name and by colour."""

from __future__ import annotations

import pytest

from tests.helpers.sounds import save_ramp

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.scene.heads import settings
from addon.scene.strips import prompt_strips, voice_strips
from addon.takes.performance import build_performance
from addon.timeline import colours
from addon.timeline.prompts import add_prompt, add_voice
from addon.timeline.whose import cast_of

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def pair(head, scene, subject_path, tmp_path):
    """Nora and Kofi, a voice and a prompt each."""
    bpy.ops.emodifftalk.import_subject(filepath=str(subject_path))
    both = {"Nora": head, "Kofi": bpy.context.active_object}
    for number, (name, one) in enumerate(both.items()):
        one.name = name
        add_voice(one, scene, save_ramp(tmp_path / f"line{number}.wav", 3.0), 1)
        add_prompt(one, scene, "happy", 1)
    settle()
    return tuple(both.values())


def settle() -> None:
    """What Blender does after every step: nothing of ours is asked."""
    for _ in range(2):
        bpy.context.view_layer.update()


def named(head, scene) -> tuple[str, str]:
    return voice_strips(head, scene)[0].name, prompt_strips(head, scene)[0].name


def tags(head, scene) -> set[str]:
    return {strip.color_tag for strip in (*voice_strips(head, scene), *prompt_strips(head, scene))}


def test_with_one_head_strips_are_called_what_they_are_and_words_stand_there_once(head, scene, tmp_path):
    voice = add_voice(head, scene, save_ramp(tmp_path / "hello.wav", 3.0), 1)
    strip = add_prompt(head, scene, "happy", 1)[0]
    settle()
    assert (voice.name, voice.color_tag) == ("hello", "NONE")
    assert (strip.name, strip.text, strip.color_tag) == ("happy", "", colours.TAGS["joy"])


def test_two_heads_strips_carry_their_names_and_colours(pair, scene):
    nora, kofi = pair
    assert named(nora, scene) == ("Nora: line0", "Nora: happy")
    assert named(kofi, scene) == ("Kofi: line1", "Kofi: happy")
    assert len(tags(nora, scene)) == len(tags(kofi, scene)) == 1 and tags(nora, scene) != tags(kofi, scene)
    assert tags(nora, scene) == {settings(nora).strip_colour} != {"NONE"}
    assert colours.icon(prompt_strips(nora, scene)[0]) == f"STRIP_{colours.TAGS['joy']}"  # in the list: the feeling
    assert settings(nora).voice == "Nora: line0"
    bpy.data.objects.remove(kofi)
    settle()
    assert named(nora, scene) == ("line0", "happy")
    assert [s.color_tag for s in voice_strips(nora, scene)] == ["NONE"]
    assert prompt_strips(nora, scene)[0].color_tag == colours.TAGS["joy"]


def test_a_new_name_of_a_head_and_new_words_follow(pair, scene):
    nora, kofi = pair
    strip = prompt_strips(nora, scene)[0]
    strip.keyframe_insert("blend_alpha", frame=1)
    nora.name = "Ada"
    settle()
    assert named(nora, scene) == ("Ada: line0", "Ada: happy") and named(kofi, scene)[1] == "Kofi: happy"
    strip.emodifftalk.text = "furious"
    assert strip.name == "Ada: furious"
    scene.sequence_editor.active_strip = strip
    strip.text = "typed in the sequencer"
    settle()
    assert strip.name == "Ada: typed in the sequencer" and strip.emodifftalk.text == "typed in the sequencer"
    assert strip.text == "typed in the sequencer"  # a cursor may still be in it
    scene.sequence_editor.active_strip = voice_strips(nora, scene)[0]
    strip.select = False
    settle()
    strip.channel += 1
    settle()
    assert strip.text == ""
    assert f"{strip.path_from_id()}.blend_alpha" in {curve.data_path for curve in compat.fcurves(scene)}
    assert build_performance(nora, scene).performance.prompts[0].text == "typed in the sequencer"


def test_names_and_colours_given_by_hand_stay_and_the_words_stand_beside_them(pair, scene):
    nora, _ = pair
    voice, strip = voice_strips(nora, scene)[0], prompt_strips(nora, scene)[0]
    voice.name, strip.name = "Line 12", "The turn"
    voice.color_tag = strip.color_tag = "COLOR_08"
    nora.name = "Ada"
    settle()
    assert named(nora, scene) == ("Line 12", "The turn") and tags(nora, scene) == {"COLOR_08"}
    assert strip.text == "happy" and colours.icon(strip) == "STRIP_COLOR_08"
    strip.emodifftalk.text = "furious"
    assert (strip.name, strip.text) == ("The turn", "furious")
    assert build_performance(nora, scene).performance.prompts[0].text == "furious"


def test_pieces_of_a_voice_are_still_the_heads(pair, scene):
    nora, kofi = pair
    voice_strips(nora, scene)[0].split(frame=30, split_method="SOFT")
    settle()
    assert [s.name for s in voice_strips(nora, scene)] == ["Nora: line0", "Nora: line0.001"]
    bpy.data.objects.remove(kofi)
    settle()
    assert [s.name for s in voice_strips(nora, scene)] == ["line0", "line0.001"]


def test_a_voice_that_changes_hands_changes_its_name(pair, scene):
    nora, kofi = pair
    settings(kofi).voice = "Nora: line0"
    settle()
    assert {s.name for s in voice_strips(kofi, scene)} == {"Nora & Kofi: line0"}
    settings(nora).voice = ""
    settle()
    assert named(kofi, scene)[0] == "Kofi: line0" and tags(kofi, scene) == {settings(kofi).strip_colour}
    assert "line1" in {s.name for s in compat.all_strips(scene)}


def test_a_heads_colour_can_be_chosen_and_a_copy_gets_another(pair, scene):
    nora, kofi = pair
    settings(nora).strip_colour = "COLOR_08"
    assert tags(nora, scene) == {"COLOR_08"}
    nora.select_set(True)
    kofi.select_set(False)
    bpy.context.view_layer.objects.active = nora
    bpy.ops.object.duplicate()
    settle()
    third = bpy.context.active_object
    assert len(cast_of(scene).heads) == 3
    assert len({settings(one).strip_colour for one in (nora, kofi, third)}) == 3
    assert prompt_strips(third, scene)[0].name == "Nora.001: happy"
    assert prompt_strips(third, scene)[0].color_tag == settings(third).strip_colour


def test_strips_of_an_earlier_version_lose_what_was_doubled(head, scene, tmp_path):
    strips = [add_prompt(head, scene, words, frame)[0] for words, frame in (("happy", 1), ("sad", 40))]
    for strip in strips:  # as they were written
        strip.emodifftalk.named = ""
        strip.text = strip.emodifftalk.shown = strip.emodifftalk.text
    strips[0].name = "mine"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "old.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "old.blend"))
    opened = compat.all_strips(bpy.context.scene)
    assert [(s.name, s.text) for s in opened] == [("mine", "happy"), ("sad", "")]


@pytest.mark.parametrize("words", ["überglücklich 😀 とても嬉しい " * 9, "a.001", "x" * 400, "“quoted” [1]: happy"])
def test_names_stay_within_what_blender_keeps_and_settle(pair, scene, words):
    nora, _ = pair
    nora.name = "Ein wirklich sehr langer Name für einen Kopf"
    strip = prompt_strips(nora, scene)[0]
    strip.emodifftalk.text = words
    settle()
    name = strip.name
    for _ in range(3):
        strip.channel += 1
        settle()
    assert strip.name == name and len(name.encode()) < 63 and name.startswith("Ein wirklich")
    assert build_performance(nora, scene).performance.prompts[0].text == words.strip()
