"""A head that is copied feels what its original feels, on strips of its own, whatever way it was copied."""

from __future__ import annotations

import pytest

from tests.helpers.sounds import save_ramp
from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.scene.heads import heads, is_head, settings
from addon.scene.strips import prompt_strips
from addon.takes import staleness
from addon.takes.generate import add_take
from addon.takes.performance import build_performance
from addon.timeline.prompts import add_prompt, add_voice

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def acting(head, scene, tmp_path):
    """A head with a voice and two prompts, the first keyed and with bars moved by hand."""
    add_voice(head, scene, save_ramp(tmp_path / "v.wav", 4.0), 1)
    first = add_prompt(head, scene, "happy", 1)[0]
    first.emodifftalk.aus.au12, first.emodifftalk.strength, first.emodifftalk.ease_in = 0.6, 1.5, 0.7
    for frame, value in ((1, 0.0), (20, 1.0)):
        first.blend_alpha = value
        first.keyframe_insert("blend_alpha", frame=frame)
    add_prompt(head, scene, "sad", 49)
    settle()
    return head


def settle() -> None:
    """What Blender does after every step: nothing of ours is asked."""
    bpy.context.view_layer.update()


def duplicate(head, linked: bool = False):
    for other in bpy.context.scene.objects:
        other.select_set(other == head)
    bpy.context.view_layer.objects.active = head
    bpy.ops.object.duplicate(linked=linked)
    settle()
    return bpy.context.active_object


def asked(head) -> list[tuple]:
    """What a head is to feel."""
    prompts = build_performance(head, bpy.context.scene, looking=True).performance.prompts
    return [(p.text, p.start, p.end, p.ease_in, p.intensity, p.aus) for p in prompts]


def by_name(name: str):
    return bpy.data.objects[name]


@pytest.mark.parametrize("linked", [False, True], ids=["Shift D", "Alt D"])
def test_a_copy_feels_the_same_on_strips_of_its_own(acting, scene, linked):
    twin = duplicate(acting, linked)
    assert asked(twin) == asked(acting) and len(asked(twin)) == 2
    mine, theirs = prompt_strips(twin, scene), prompt_strips(acting, scene)
    assert not {s.name for s in mine} & {s.name for s in theirs}
    assert len({s.emodifftalk.uid for s in (*mine, *theirs)}) == 4
    assert {s.channel for s in mine}.isdisjoint(s.channel for s in theirs) and all(s.mute for s in mine)
    mine[1].emodifftalk.text = "furious"
    mine[0].blend_alpha = 0.2
    assert [text for text, *_ in asked(acting)] == ["happy", "sad"]
    assert settings(twin).voice == settings(acting).voice != ""


def test_a_copy_of_a_copy_and_several_at_once(acting, scene):
    first = duplicate(acting)
    for head in (acting, first):
        head.select_set(True)
    bpy.ops.object.duplicate()
    settle()
    everybody = list(heads(scene))
    assert len(everybody) == 4 and len({len(asked(head)) for head in everybody}) == 1
    spans = [(s.channel, compat.left_handle(s), compat.right_handle(s)) for s in compat.all_strips(scene)]
    for number, (channel, left, right) in enumerate(spans):
        for other, start, end in spans[number + 1 :]:
            assert other != channel or end <= left or start >= right


def test_undo_takes_the_copy_and_its_prompts_away_in_one_step(acting, scene):
    bpy.ops.ed.undo_push(message="before")
    name = duplicate(acting).name
    bpy.ops.ed.undo_push(message="after")
    ids = [s.emodifftalk.uid for s in prompt_strips(by_name(name), bpy.context.scene)]
    bpy.ops.ed.undo()
    settle()
    assert name not in bpy.data.objects and len(compat.all_strips(bpy.context.scene)) == 3
    bpy.ops.ed.redo()
    settle()
    assert [s.emodifftalk.uid for s in prompt_strips(by_name(name), bpy.context.scene)] == ids and len(ids) == 2


def test_prompts_come_back_with_a_redo_to_before_they_were_there(acting, scene):
    """Blender pushes the step before it tells us of the copy."""
    bpy.ops.ed.undo_push(message="before")
    acting.select_set(True)
    bpy.ops.object.duplicate()
    bpy.ops.ed.undo_push(message="duplicated")
    settle()
    name = bpy.context.active_object.name
    ids = [s.emodifftalk.uid for s in prompt_strips(by_name(name), bpy.context.scene)]
    bpy.ops.ed.undo_push(message="something else")
    for step in (bpy.ops.ed.undo, bpy.ops.ed.undo, bpy.ops.ed.redo):
        step()
        settle()
    assert [s.emodifftalk.uid for s in prompt_strips(by_name(name), bpy.context.scene)] == ids and len(ids) == 2


def test_the_copys_take_is_up_to_date(acting, scene, tmp_path):
    request = build_performance(acting, scene)
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject(), seconds=request.performance.duration)
    add_take(acting, tmp_path / "take.safetensors", request)
    twin = duplicate(acting)
    assert [staleness.check(head, scene).sentence for head in (acting, twin)] == ["", ""]
    prompt_strips(twin, scene)[1].emodifftalk.text = "furious"
    found = staleness.check(twin, scene)
    assert found.state == staleness.STALE and "furious" in found.sentence and "happy" not in found.sentence


def test_a_full_copy_of_the_scene_has_each_prompt_once(acting, scene):
    bpy.ops.scene.new(type="FULL_COPY")
    settle()
    other = bpy.context.scene
    (twin,) = heads(other)
    assert twin != acting and other != scene
    for head, where in ((acting, scene), (twin, other)):
        strips = prompt_strips(head, where)
        assert [s.emodifftalk.text for s in strips] == ["happy", "sad"]
        assert len([s for s in compat.all_strips(where) if s.type == "TEXT"]) == 2


def test_a_linked_copy_of_the_scene_changes_no_prompt(acting, scene):
    bpy.ops.scene.new(type="LINK_COPY")
    settle()
    for where in (scene, bpy.context.scene):
        assert len([s for s in compat.all_strips(where) if s.type == "TEXT"]) in (0, 2)
    assert len(prompt_strips(acting, scene)) == 2


def test_a_pasted_head_feels_the_same(acting, scene, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    acting = next(obj for obj in bpy.data.objects if is_head(obj))
    acting.select_set(True)
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "VIEW_3D"
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.view3d.copybuffer()
        bpy.ops.view3d.pastebuffer()
    settle()
    assert len(bpy.data.scenes) == 1
    everybody = list(heads(bpy.context.scene))
    assert len(everybody) == 2 and [len(asked(head)) for head in everybody] == [2, 2]


def test_an_appended_head_is_nobodys_copy(acting, scene, tmp_path):
    name = acting.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for _ in range(2):
        bpy.ops.wm.append(directory=str(tmp_path / "shot.blend" / "Object") + "/", filename=name)
        settle()
        head = bpy.context.active_object or list(heads(bpy.context.scene))[-1]
        assert prompt_strips(head, bpy.context.scene) == []
        add_prompt(head, bpy.context.scene, "calm", 1)
        settle()
    assert len(compat.all_strips(bpy.context.scene)) == 2


@pytest.mark.parametrize("how", ["copy", "cut"])
def test_pasted_strips_are_still_their_heads(acting, scene, subject_path, how):
    bpy.ops.emodifftalk.import_subject(filepath=str(subject_path))
    other = bpy.context.active_object
    settle()
    for strip in compat.all_strips(scene):
        strip.select = strip.type == "TEXT"
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    compat.show_in_sequencer(bpy.context, scene)
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region, scene=scene):
        bpy.ops.sequencer.copy()
        if how == "cut":
            bpy.ops.sequencer.delete()
            settle()
        bpy.ops.sequencer.paste()
    settle()
    assert len(prompt_strips(acting, scene)) == (4 if how == "copy" else 2) and prompt_strips(other, scene) == []
    assert len({s.emodifftalk.uid for s in prompt_strips(acting, scene)}) == len(prompt_strips(acting, scene))


def test_duplicated_strips_get_ids_of_their_own_and_originals_keep_theirs(acting, scene):
    strip = prompt_strips(acting, scene)[1]
    uid = strip.emodifftalk.uid
    half = strip.split(frame=60, split_method="SOFT")
    compat.set_right_handle(half, 70)
    half.frame_start = -400
    settle()
    assert strip.emodifftalk.uid == uid != half.emodifftalk.uid
