"""Feelings spotted as markers become prompts, and prompts become markers again."""

from __future__ import annotations

import pytest

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.scene.strips import prompt_strips
from addon.timeline.prompts import add_prompt


def mark(scene, *marks: tuple[int, str]):
    return [scene.timeline_markers.new(name, frame=frame) for frame, name in marks]


def names(scene) -> dict[int, str]:
    return {marker.frame: marker.name for marker in scene.timeline_markers}


def prompts(head, scene) -> list[tuple[float, str]]:
    return [(compat.left_handle(strip), strip.emodifftalk.text) for strip in prompt_strips(head, scene)]


def test_named_markers_become_prompts_that_last_till_the_next(head, scene):
    mark(scene, (160, "furious"), (20, "calm"), (90, "F_90"))
    camera = mark(scene, (40, "close-up"))[0]
    camera.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    assert bpy.ops.emodifftalk.prompts_from_markers() == {"FINISHED"}
    assert prompts(head, scene) == [(20, "calm"), (160, "furious")]
    calm, furious = prompt_strips(head, scene)
    assert compat.right_handle(calm) == 160 + round(0.3 * 24)  # it fades where the next begins
    assert compat.right_handle(furious) == 160 + 72
    assert names(scene) == {40: "close-up", 90: "F_90"} and camera.camera is not None


def test_only_the_selected_ones_when_asked_and_markers_can_be_kept(head, scene):
    calm, furious = mark(scene, (20, "calm"), (60, "furious"))
    calm.select, furious.select = False, True
    bpy.ops.emodifftalk.prompts_from_markers(selected=True, keep=True)
    assert prompts(head, scene) == [(60, "furious")] and set(names(scene)) == {20, 60}


def test_a_marker_where_a_prompt_begins_is_left_and_named(head, scene):
    add_prompt(head, scene, "calm", 20)
    mark(scene, (20, "sad"), (60, "furious"))
    assert bpy.ops.emodifftalk.prompts_from_markers() == {"FINISHED"}
    assert prompts(head, scene) == [(20, "calm"), (60, "furious")] and names(scene) == {20: "sad"}


def test_prompts_become_markers_and_prompts_again(head, scene):
    for frame, words in ((20, "calm"), (60, "a nervous half-smile")):
        add_prompt(head, scene, words, frame)
    long = "someone who was just told that the letter was never sent and tries not to show it"
    add_prompt(head, scene, long, 100)
    assert bpy.ops.emodifftalk.markers_from_prompts() == {"FINISHED"}
    assert names(scene) == {20: "calm", 60: "a nervous half-smile"} and prompts(head, scene) == [(100, long)]
    assert bpy.ops.emodifftalk.prompts_from_markers() == {"FINISHED"}
    assert prompts(head, scene) == [(20, "calm"), (60, "a nervous half-smile"), (100, long)] and not names(scene)


def test_without_markers_the_button_is_grey(head, scene):
    mark(scene, (10, "F_10"))
    assert not bpy.ops.emodifftalk.prompts_from_markers.poll() and not bpy.ops.emodifftalk.markers_from_prompts.poll()
