"""Prompts show what they mean before anything is computed, in colour, and are kept as presets."""

from __future__ import annotations

import json

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from addon.backend import connection
from addon.blender import compat
from addon.scene.strips import au_values, prompt_strips
from addon.takes.performance import build_performance
from addon.timeline import presets, reading
from addon.timeline.colours import TAGS
from addon.timeline.preset_panel import apply, preset_of
from addon.timeline.presets import Preset
from addon.timeline.prompts import add_prompt
from addon.timeline.tending import tend
from emodifftalk.core.families import FAMILIES, emotion_family, named_emotion_family
from emodifftalk.core.performance import prompt_weights

SMILE = {"AU06": 0.5, "AU12": 0.75}


@pytest.fixture
def readers(monkeypatch):
    """A backend that answers when it is told to: `readers[words](aus)`."""
    waiting = {}

    def request(op, params, listener, arrays=None, by_itself=False):
        waiting[params["text"]] = lambda aus, answer="": listener.done({"aus": aus, "answer": answer})
        return len(waiting)

    monkeypatch.setattr(connection, "request", request)
    yield waiting
    reading.forget()


@pytest.fixture
def shelf(monkeypatch, tmp_path):
    """An empty folder of presets."""
    monkeypatch.setattr(presets, "user_folder", lambda name: tmp_path)
    return tmp_path


def typed(head, scene, words: str, frame: int = 1):
    return add_prompt(head, scene, words, frame)[0]


def told(strip, readers, aus: dict[str, float]):
    """A prompt whose words were read as some action units."""
    reading.read_prompt(strip)
    readers[strip.emodifftalk.text](aus)
    return strip


def hand(strip) -> dict[str, float]:
    return {au: round(value, 3) for au, value in au_values(strip.emodifftalk.aus).items() if value}


# What the words mean


def test_nudging_a_bar_starts_from_what_the_words_mean_and_by_hand_off_brings_it_back(head, scene, readers):
    strip = told(typed(head, scene, "smirk"), readers, SMILE)
    assert hand(strip) == SMILE and build_performance(head, scene).performance.prompts[0].aus is None
    strip.emodifftalk.aus.au12 = 0.9
    assert strip.emodifftalk.by_hand
    aus = build_performance(head, scene).performance.prompts[0].aus
    assert {au: round(value, 3) for au, value in aus.items() if value} == {"AU06": 0.5, "AU12": 0.9}
    strip.emodifftalk.by_hand = False
    assert hand(strip) == SMILE and build_performance(head, scene).performance.prompts[0].aus is None


def test_by_hand_before_the_words_are_read_is_filled_when_they_are_unless_a_hand_was_quicker(head, scene, readers):
    strip, other = typed(head, scene, "smirk"), typed(head, scene, "grin", 40)
    for prompt in (strip, other):
        reading.read_prompt(prompt)
        prompt.emodifftalk.by_hand = True
    other.emodifftalk.aus.au04 = 0.3
    readers["smirk"](SMILE)
    readers["grin"](SMILE)
    assert hand(strip) == SMILE and hand(other) == {"AU04": 0.3}


def test_other_words_are_read_anew_and_an_answer_to_old_ones_shows_as_such(head, scene, readers):
    strip = told(typed(head, scene, "smirk"), readers, SMILE)
    strip.emodifftalk.text = "furious glare"
    assert not reading.is_read(strip)
    reading.read_prompt(strip)
    assert reading.is_being_read(strip) and reading.read_prompt(strip) is None
    readers["furious glare"]({"AU04": 0.9})
    assert reading.is_read(strip) and not reading.is_being_read(strip) and hand(strip) == {"AU04": 0.9}


# Colours


def test_every_prompt_has_the_colour_of_its_family(head, scene, readers):
    assert set(TAGS) == set(FAMILIES) and len(set(TAGS.values())) == len(TAGS)
    strip = typed(head, scene, "Sad, mild")
    assert strip.color_tag == TAGS["sadness"]
    unknown = typed(head, scene, "someone ate my lunch", 40)
    assert unknown.color_tag == "NONE"
    told(unknown, readers, {"AU04": 0.9, "AU07": 0.6, "AU23": 0.5})
    assert unknown.color_tag == TAGS["anger"]
    unknown.emodifftalk.aus.au04 = 0.0
    unknown.emodifftalk.aus.au07 = 0.0
    unknown.emodifftalk.aus.au23 = 0.0
    unknown.emodifftalk.aus.au12 = 0.8
    tend(scene)
    assert unknown.color_tag == TAGS["joy"]


def test_a_colour_the_animator_gave_stays(head, scene, readers):
    strip = typed(head, scene, "happy")
    strip.color_tag = "COLOR_08"
    told(strip, readers, {"AU04": 0.9, "AU07": 0.6, "AU23": 0.5})
    tend(scene)
    assert strip.color_tag == "COLOR_08"


def test_families_are_told_by_face_and_by_label():
    assert emotion_family({"AU06": 0.3, "AU12": 0.4}) == "joy"
    assert emotion_family({"AU12": 0.04}) == "neutral" and emotion_family({}) == "neutral"
    assert emotion_family({"AU01": 0.5, "AU15": 0.5}) == "sadness"
    assert named_emotion_family("fear, strong") == "fear" and named_emotion_family("contempt") == "disgust"
    assert named_emotion_family("happy but sad") is None and named_emotion_family("a walk in the park") is None


# Splitting, copying, overlapping


def test_pieces_of_a_split_prompt_are_their_own_and_keep_everything(head, scene, readers):
    strip = told(typed(head, scene, "smirk"), readers, SMILE)
    strip.emodifftalk.aus.au04, strip.emodifftalk.strength = 0.25, 1.5
    strip.blend_alpha = 0.5
    half = strip.split(frame=30, split_method="SOFT")
    scene.view_layers[0].update()  # what Blender does after every step: nothing of ours was asked
    assert half.emodifftalk.uid != strip.emodifftalk.uid
    first, second = build_performance(head, scene).performance.prompts
    assert (first.text, first.aus, first.intensity) == (second.text, second.aus, second.intensity)
    assert second.aus["AU04"] == pytest.approx(0.25) and second.intensity[0][1] == pytest.approx(0.75)
    assert first.end == second.start == pytest.approx(29 / 24)
    assert half.color_tag == strip.color_tag != "NONE"


def test_keys_of_the_intensity_live_on_in_both_pieces(head, scene):
    strip = typed(head, scene, "furious")
    for frame, value in ((1, 0.0), (73, 1.0)):
        strip.blend_alpha = value
        strip.keyframe_insert("blend_alpha", frame=frame)
    half = strip.split(frame=37, split_method="SOFT")
    half.name = 'other "name" [x]'
    animated = {curve.data_path for curve in compat.fcurves(scene)}
    assert f"{strip.path_from_id()}.blend_alpha" in animated
    assert len(build_performance(head, scene).performance.prompts[0].intensity) > 2


def test_two_overlapping_prompts_crossfade(head, scene):
    strip, other = typed(head, scene, "calm", 1), typed(head, scene, "furious", 40)
    compat.set_right_handle(strip, 64)
    strip.emodifftalk.ease_out = other.emodifftalk.ease_in = 1.0
    weights = prompt_weights(build_performance(head, scene).performance, np.linspace(39 / 24, 63 / 24, 7))
    assert (np.diff(weights[0]) < 0).all() and (np.diff(weights[1]) > 0).all()
    assert weights.sum(axis=0) == pytest.approx(np.ones(7), abs=0.02)


# Presets


def test_a_preset_brings_words_and_values_back_exactly(head, scene, shelf, readers):
    strip = told(typed(head, scene, "smirk"), readers, SMILE)
    strip.emodifftalk.aus.au04 = 0.25
    assert bpy.ops.emodifftalk.save_preset(name="Villain: 1/2 “smirk” ☠") == {"FINISHED"}
    (stem,) = presets.listed()[0]
    assert stem.isascii() and stem.replace("_", "").isalnum() and (shelf / f"{stem}.json").is_file()
    other = typed(head, scene, "calm", 40)
    assert bpy.ops.emodifftalk.apply_preset(preset=stem) == {"FINISHED"}
    assert other.emodifftalk.text == "smirk" and other.emodifftalk.by_hand
    assert hand(other) == SMILE | {"AU04": 0.25}


def test_a_preset_of_words_is_read_without_a_backend_and_stays_words(head, scene, shelf, readers):
    presets.save(preset_of(told(typed(head, scene, "smirk"), readers, SMILE), "Smirk"))
    other = typed(head, scene, "calm", 40)
    other.emodifftalk.aus.au01 = 0.4
    apply(presets.get("smirk"), other)
    assert reading.is_read(other) and not other.emodifftalk.by_hand and hand(other) == SMILE
    assert build_performance(head, scene).performance.prompts[1].aus is None


def test_without_a_prompt_a_preset_is_put_on_the_timeline(head, scene, shelf):
    presets.save(Preset("Smirk", "a smirk", SMILE, True))
    scene.frame_set(10)
    bpy.ops.emodifftalk.apply_preset(preset="smirk")
    (strip,) = prompt_strips(head, scene)
    assert compat.left_handle(strip) == 10 and hand(strip) == SMILE


def test_presets_are_replaced_renamed_and_deleted_by_name(shelf):
    smirk = Preset("Smirk", "a smirk", SMILE, True)
    assert not presets.save(smirk) and presets.save(Preset("smirk", "another", {}, False))
    presets.save(Preset("Grin", "a grin", {}, False))
    with pytest.raises(presets.UserError, match="already"):
        presets.rename("grin", "SMIRK")
    presets.rename("grin", "CON")
    found, _ = presets.listed()
    assert [preset.name for preset in found.values()] == ["CON", "smirk"] and "con" not in found
    presets.remove("smirk")
    assert len(presets.listed()[0]) == 1
    for name in ("", "   "):
        with pytest.raises(presets.UserError, match="name"):
            presets.save(Preset(name, "x", {}, False))


def test_files_that_are_no_presets_are_named_and_do_no_harm(shelf):
    presets.save(Preset("Smirk", "a smirk", SMILE, True))
    good = json.loads((shelf / "smirk.json").read_text(encoding="utf-8"))
    for name, text in {
        "cut": '{"format": "emodi',
        "list": "[1, 2]",
        "unknown": json.dumps(good | {"aus": {"AU99": 1.0}}),
        "beyond": json.dumps(good | {"aus": {"AU12": 7}}),
        "newer": json.dumps(good | {"schema": 9}),
        "deep": "[" * 50_000,
    }.items():
        (shelf / f"{name}.json").write_text(text, encoding="utf-8")
    (shelf / "bytes.json").write_bytes(b"\xff\xfe\x00")
    found, broken = presets.listed()
    assert list(found) == ["smirk"] and len(broken) == 7
    assert all(name in sentence for name, sentence in broken.items())


def test_a_presets_name_never_leads_out_of_its_folder(shelf, tmp_path):
    presets.save(Preset("../../evil", "x", {}, False))
    assert [path.parent for path in shelf.rglob("*.json")] == [shelf]
    (tmp_path.parent / "outside.json").write_bytes(next(shelf.glob("*.json")).read_bytes())
    with pytest.raises(presets.UserError):
        presets.get("../outside")
