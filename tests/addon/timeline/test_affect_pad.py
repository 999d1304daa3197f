"""The pad of valence and arousal: what a place on it means, and what a drag leaves behind."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.scene.heads import settings
from addon.timeline import affect_pad
from addon.timeline.affect_drawing import corner_square, nearest_feeling


def pad(square):
    """The gizmo as Blender would hold it, without a window."""
    gizmo = affect_pad.EMODIFFTALK_GT_affect_pad
    methods = {name: getattr(gizmo, name) for name in ("invoke", "modal", "exit", "_follow")}
    return type("Pad", (), {**methods, "square": square, "before": None})()


def at(square, valence: float, arousal: float, ctrl: bool = False):
    """The pointer over a place of the plane."""
    x, y = square.pixel(valence, arousal)
    return SimpleNamespace(mouse_region_x=x, mouse_region_y=y, ctrl=ctrl)


@pytest.fixture
def square():
    return corner_square(1200, 800, 300, 1.0)


def mood(head) -> tuple[float, float]:
    return round(settings(head).valence, 4), round(settings(head).arousal, 4)


def test_places_and_moods_are_one_another_and_the_pad_keeps_clear_of_the_side_bar(square):
    for valence, arousal in ((0, 0), (-1, 1), (0.3, -0.7)):
        assert square.affect(*square.pixel(valence, arousal)) == pytest.approx((valence, arousal))
    assert square.affect(5000, -5000) == (1, -1)
    assert square.affect(*square.pixel(0.27, -0.64), snap=True) == pytest.approx((0.3, -0.6))
    assert square.x + square.side < 1200 - 300 and square.y > 0
    assert square.holds(*square.pixel(1, 1)) and not square.holds(*square.pixel(1.4, 0))
    assert square.closes(*square.cross) and not square.closes(*square.pixel(0, 0))


def test_a_drag_sets_the_active_head_and_escape_takes_it_back(head, scene, square, subject_path):
    bpy.ops.emodifftalk.import_subject(filepath=str(subject_path))
    other = bpy.context.active_object
    settings(other).valence = 0.2
    gizmo = pad(square)
    assert gizmo.invoke(bpy.context, at(square, 0.5, 0.5)) == {"RUNNING_MODAL"} and mood(other) == (0.5, 0.5)
    gizmo.modal(bpy.context, at(square, -0.44, 0.81, ctrl=True), set())
    assert mood(other) == (-0.4, 0.8) and mood(head) == (0, 0)
    gizmo.exit(bpy.context, True)
    assert mood(other) == (0.2, 0)


@pytest.mark.parametrize("auto", [False, True])
def test_a_drag_is_keyed_only_with_auto_keying(head, scene, square, auto):
    scene.tool_settings.use_keyframe_insert_auto = auto
    scene.frame_set(17)
    gizmo = pad(square)
    gizmo.invoke(bpy.context, at(square, 0.5, -0.25))
    gizmo.exit(bpy.context, False)
    keys = {curve.data_path: [tuple(key.co) for key in curve.keyframe_points] for curve in compat.fcurves(head)}
    assert mood(head) == (0.5, -0.25)
    assert keys == ({"emodifftalk.valence": [(17, 0.5)], "emodifftalk.arousal": [(17, -0.25)]} if auto else {})


def test_the_way_of_keyed_moods_is_drawn_and_its_keys(head, scene):
    assert affect_pad.keyed_path(head, scene) == ([], [])
    scene.frame_start, scene.frame_end = 1, 49
    for frame, value in ((1, -1.0), (49, 1.0)):
        settings(head).valence = value
        head.keyframe_insert("emodifftalk.valence", frame=frame)
    settings(head).arousal = 0.5
    path, keys = affect_pad.keyed_path(head, scene)
    assert keys == [(-1, 0.5), (1, 0.5)] and len(path) == 49 and path[24] == pytest.approx((0, 0.5), abs=0.01)


def test_the_ring_names_the_feeling_a_point_lies_towards():
    assert [nearest_feeling(*p) for p in ((0.8, 0.3), (-0.4, 0.8), (-0.6, -0.6), (0, -0.9))] == [
        "happy",
        "angry",
        "sad",
        "tired",
    ]
    assert nearest_feeling(0.05, 0.05) is None


def test_the_button_shows_and_hides_it_and_is_grey_without_a_head(head, scene):
    shown = bpy.context.window_manager.emodifftalk_pad
    bpy.ops.emodifftalk.affect_pad()
    assert shown.shown
    bpy.ops.emodifftalk.affect_pad()
    assert not shown.shown
    bpy.data.objects.remove(head)
    assert not bpy.ops.emodifftalk.affect_pad.poll()
