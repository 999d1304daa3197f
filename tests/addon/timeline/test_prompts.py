"""Feelings typed on the timeline become the Performance's prompts: right words, right times, right weights."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers.sounds import save_ramp

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.scene.heads import settings
from addon.scene.strips import prompt_strips
from addon.takes.performance import build_performance
from addon.timeline import prompts as prompts_module
from addon.timeline.prompts import active_prompt, add_prompt, add_voice
from emodifftalk.core.errors import UserError
from emodifftalk.core.performance import Style, from_json, prompt_weights, to_json

LONG = "someone who was just told that the letter was never sent, and who tries very hard not to show it. " * 6


def typed(head, scene, *prompts: tuple[int, str]):
    return [add_prompt(head, scene, words, frame)[0] for frame, words in prompts]


def weights_at(head, scene, seconds: list[float]) -> np.ndarray:
    return prompt_weights(build_performance(head, scene).performance, np.array(seconds))


def test_a_prompt_is_a_muted_text_strip_above_the_voice(head, scene, tmp_path):
    voice = add_voice(head, scene, save_ramp(tmp_path / "v.wav", 6.0), 10)
    strip = typed(head, scene, (34, "delighted"))[0]
    assert (strip.type, strip.mute, strip.name) == ("TEXT", True, "delighted")
    assert strip.channel > voice.channel
    assert (compat.left_handle(strip), compat.right_handle(strip)) == (34, compat.right_handle(voice))
    prompt = build_performance(head, scene).performance.prompts[0]
    assert (prompt.text, prompt.start) == ("delighted", pytest.approx(1.0))


def test_the_operator_works_at_the_playhead_and_empties_the_field(head, scene):
    scene.frame_set(48)
    bpy.context.window_manager.emodifftalk.new_prompt = "calm"
    assert bpy.ops.emodifftalk.add_prompt() == {"FINISHED"}
    assert bpy.context.window_manager.emodifftalk.new_prompt == ""
    strip = prompt_strips(head, scene)[0]
    assert compat.left_handle(strip) == 48
    assert active_prompt(head, scene) == strip
    with pytest.raises(RuntimeError, match="Type a feeling"):
        bpy.ops.emodifftalk.add_prompt()
    with pytest.raises(RuntimeError, match="begins at this frame"):
        bpy.ops.emodifftalk.add_prompt(text="sad")
    assert len(prompt_strips(head, scene)) == 1


def test_a_new_prompt_crossfades_with_the_one_it_interrupts(head, scene):
    calm, happy = typed(head, scene, (1, "calm"), (49, "happy"))
    assert compat.right_handle(calm) == 49 + round(0.3 * 24)
    assert compat.right_handle(happy) == 1 + 72
    assert calm.channel != happy.channel
    weights = weights_at(head, scene, [1.0, 2.0 + 3.5 / 24, 2.8])
    assert weights[:, 0] == pytest.approx([1, 0], abs=1e-3)
    assert weights[0, 1] == pytest.approx(weights[1, 1], abs=0.05)
    assert weights[:, 1].sum() == pytest.approx(1, abs=0.05)
    assert weights[0, 2] == 0


def test_strips_dragged_over_one_another_crossfade(head, scene):
    first, second = typed(head, scene, (1, "calm"), (101, "happy"))
    compat.set_right_handle(first, 125)
    first.emodifftalk.ease_out = second.emodifftalk.ease_in = 1.0
    weights = weights_at(head, scene, np.linspace(100 / 24, 124 / 24, 9))
    assert (np.diff(weights[0]) < 0).all() and (np.diff(weights[1]) > 0).all()
    assert weights.sum(axis=0) == pytest.approx(np.ones(9), abs=0.02)


def test_the_strips_opacity_is_its_intensity_and_takes_keyframes(head, scene):
    strip = typed(head, scene, (25, "furious"))[0]
    strip.blend_alpha = 0.5
    assert weights_at(head, scene, [1.5])[0] == pytest.approx(0.5)
    for frame, value in ((25, 0.0), (73, 1.0)):
        strip.blend_alpha = value
        strip.keyframe_insert("blend_alpha", frame=frame)
    for key in next(compat.fcurves(scene)).keyframe_points:
        key.interpolation = "LINEAR"
    assert weights_at(head, scene, [0.5, 1.0, 1.5])[0] == pytest.approx([0.25, 0.5, 0.75], abs=0.01)


def test_renaming_moving_and_retyping_keep_the_prompts_settings(head, scene):
    strip = typed(head, scene, (25, "sad"))[0]
    strip.emodifftalk.ease_in = 0.7
    strip.keyframe_insert("blend_alpha", frame=25)
    uid = strip.emodifftalk.uid
    strip.name = 'Scene 4 "kitchen" [b]'
    strip.channel += 3
    prompt = build_performance(head, scene).performance.prompts[0]
    assert (prompt.text, prompt.ease_in, prompt.id) == ("sad", pytest.approx(0.7), uid)
    assert len(prompt.intensity) > 1
    strip.text = "typed in the sequencer"
    assert build_performance(head, scene).performance.prompts[0].text == "typed in the sequencer"
    strip.emodifftalk.text = "typed in the panel"
    assert build_performance(head, scene).performance.prompts[0].text == "typed in the panel"


def test_words_of_any_length_and_language_arrive_whole(head, scene):
    strip = typed(head, scene, (1, LONG))[0]
    assert build_performance(head, scene).performance.prompts[0].text == LONG.strip()
    strip.emodifftalk.text = "überglücklich 😀 とても嬉しい" * 30
    assert build_performance(head, scene).performance.prompts[0].text == "überglücklich 😀 とても嬉しい" * 30
    assert strip.name.startswith("überglücklich 😀") and strip.name.endswith("…")


def test_duplicated_prompts_are_prompts_of_their_own(head, scene):
    strip = typed(head, scene, (1, "sad"))[0]
    half = strip.split(frame=30, split_method="SOFT")
    assert half.emodifftalk.uid == strip.emodifftalk.uid
    prompts = build_performance(head, scene).performance.prompts
    assert [p.text for p in prompts] == ["sad", "sad"]
    assert len({p.id for p in prompts}) == 2


def test_values_set_by_hand_replace_the_words(head, scene):
    strip = typed(head, scene, (1, "smirk"))[0]
    assert build_performance(head, scene).performance.prompts[0].aus is None
    strip.emodifftalk.aus.au12 = 0.75
    assert strip.emodifftalk.by_hand
    aus = build_performance(head, scene).performance.prompts[0].aus
    assert aus["AU12"] == pytest.approx(0.75) and sum(aus.values()) == pytest.approx(0.75)


def test_each_head_feels_its_own_prompts(head, scene, subject_path):
    typed(head, scene, (1, "calm"))
    bpy.ops.emodifftalk.import_subject(filepath=str(subject_path))
    other = bpy.context.active_object
    typed(other, scene, (30, "angry"))
    assert [p.text for p in build_performance(head, scene).performance.prompts] == ["calm"]
    assert [p.text for p in build_performance(other, scene).performance.prompts] == ["angry"]


def test_an_ordinary_text_strip_is_no_prompt(head, scene):
    editor = scene.sequence_editor_create()
    compat.new_text_strip(editor, "Title", 5, 1, 40).text = "The End"
    typed(head, scene, (1, "calm"))
    assert len(build_performance(head, scene).performance.prompts) == 1


def test_sliders_and_their_keyframes_become_curves_in_seconds(head, scene):
    typed(head, scene, (25, "calm"))
    kept = settings(head)
    kept.aus.au04 = 0.3
    kept.expressiveness, kept.lip_sync, kept.seed, kept.mode, kept.gap = 1.5, 0.25, 7, "paper", "hold"
    for frame, value in ((25, 0.0), (49, 1.0)):
        kept.valence = value
        head.keyframe_insert("emodifftalk.valence", frame=frame)
        kept.aus.au12 = value
        head.keyframe_insert("emodifftalk.aus.au12", frame=frame)
    for curve in compat.fcurves(head):
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"
    performance = build_performance(head, scene).performance
    assert performance.au_offsets["AU04"] == ((0.0, pytest.approx(0.3)),)
    assert dict(performance.au_offsets["AU12"])[0.52] == pytest.approx(0.52, abs=1e-4)
    assert dict(performance.valence)[0.2] == pytest.approx(0.2, abs=1e-4)
    assert performance.arousal == () and set(performance.au_offsets) == {"AU04", "AU12"}
    style = performance.style
    assert (style.mode, style.gap, style.expressiveness, style.lip_sync) == ("paper", "hold", 1.5, 0.25)
    assert performance.seed == 7


def test_the_performance_survives_its_way_through_json(head, scene, tmp_path):
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", 2.0), 10)
    typed(head, scene, (1, "calm"), (30, "happy"))
    performance = build_performance(head, scene).performance
    assert from_json(to_json(performance)) == performance


def test_strength_and_the_style_of_the_panel_reach_the_performance_and_its_file(head, scene):
    strip = typed(head, scene, (1, "furious"))[0]
    kept = head.emodifftalk
    strip.emodifftalk.strength, strip.blend_alpha = 1.5, 0.8
    kept.voice_feeling, kept.lip_sync, kept.valence, kept.arousal = 0.6, 0.4, -0.5, 0.25
    performance = build_performance(head, scene).performance
    assert performance.prompts[0].intensity == ((0.0, pytest.approx(1.2)),)
    style = performance.style
    assert (style.voice_feeling, style.lip_sync) == (pytest.approx(0.6), pytest.approx(0.4))
    assert performance.valence == ((0.0, -0.5),) and performance.arousal == ((0.0, 0.25),)
    assert from_json(to_json(performance)) == performance


def test_every_style_of_the_performance_has_a_control(head):
    for name, value in vars(Style()).items():
        assert getattr(head.emodifftalk, name) == pytest.approx(value) if name != "mode" else head.emodifftalk.mode


def test_the_performance_spans_voice_and_prompts(head, scene, tmp_path):
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", 2.0), 25)
    typed(head, scene, (1, "calm"))
    performance = build_performance(head, scene).performance
    assert performance.voice[0].start == pytest.approx(1.0)
    assert performance.duration == pytest.approx(3.0)


def test_a_prompt_without_words_is_named(head, scene):
    typed(head, scene, (13, "calm"))[0].emodifftalk.text = "  "
    with pytest.raises(UserError, match="frame 13 has no words"):
        build_performance(head, scene)


def test_prompts_can_be_selected_and_deleted_from_the_panel(head, scene):
    first, second = typed(head, scene, (1, "calm"), (30, "happy"))
    bpy.ops.emodifftalk.select_prompt(uid=second.emodifftalk.uid)
    assert scene.frame_current == 30 and active_prompt(head, scene) == second
    bpy.ops.emodifftalk.remove_prompt(uid=first.emodifftalk.uid)
    assert [s.name for s in prompt_strips(head, scene)] == ["happy"]


def test_the_thousandth_prompt_asks_no_more_strips_than_the_first(head, scene, monkeypatch):
    asked: list[object] = []
    feels = prompts_module.feels
    monkeypatch.setattr(prompts_module, "feels", lambda strip, head: asked.append(strip) or feels(strip, head))
    counts = []
    for number in range(60):
        asked.clear()
        add_prompt(head, scene, "calm", 1 + 100 * number)
        counts.append(len(asked))
    assert max(counts) <= 2
