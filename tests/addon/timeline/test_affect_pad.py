"""The pad of valence and arousal: what a place on it means, and what a drag leaves behind."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

bpy = pytest.importorskip("bpy")

from addon.blender import compat
from addon.blender.regions import Box, free_box, navigation_boxes
from addon.scene.heads import settings
from addon.takes.live_panel import free_place
from addon.timeline import affect_pad
from addon.timeline.affect_drawing import length
from addon.timeline.affect_layout import FEELING, dragged_to, placed, words
from emodifftalk.core.labels import affect_ring, affect_word

FREE = Box(60, 0, 900, 750)
"""What can be seen of a viewport of 1200 by 800, between its toolbar, its header and its side bar."""


def pad(square):
    """The gizmo as Blender would hold it, without a window."""
    gizmo = affect_pad.EMODIFFTALK_GT_affect_pad
    names = ("setup", "invoke", "modal", "exit", "test_select", "_follow", "_part_at", "_leave_mood")
    held = type("Pad", (), {name: getattr(gizmo, name) for name in names})()
    held.setup()
    held.square, held.free = square, FREE
    return held


def at(square, valence: float, arousal: float, ctrl: bool = False):
    """The pointer over a place of the plane."""
    return pointer(*square.pixel(valence, arousal), ctrl)


def pointer(x: float, y: float, ctrl: bool = False):
    return SimpleNamespace(mouse_region_x=x, mouse_region_y=y, ctrl=ctrl)


@pytest.fixture
def square():
    return placed(FREE, 1.0)


@pytest.fixture
def where():
    """Where the pad has been dragged to; nowhere before and after."""
    affect_pad._place.clear()
    yield affect_pad._place
    affect_pad._place.clear()


def mood(head) -> tuple[float, float]:
    return round(settings(head).valence, 4), round(settings(head).arousal, 4)


def test_places_and_moods_are_one_another(square):
    for valence, arousal in ((0, 0), (-1, 1), (0.3, -0.7)):
        assert square.affect(*square.pixel(valence, arousal)) == pytest.approx((valence, arousal))
    assert square.affect(5000, -5000) == (1, -1)
    assert square.affect(*square.pixel(0.27, -0.64), snap=True) == pytest.approx((0.3, -0.6))
    assert square.holds(*square.pixel(1, 1)) and not square.holds(*square.pixel(1.4, 0))
    assert square.closes(*square.cross) and not square.closes(*square.pixel(0, 0))


def test_what_can_be_seen_of_a_viewport_is_what_no_bar_lies_over():
    def bar(alignment: str, x: int, y: int, width: int, height: int):
        return SimpleNamespace(alignment=alignment, x=x, y=y, width=width, height=height)

    main = bar("NONE", 100, 50, 1200, 800)
    bars = [bar("TOP", 100, 824, 1200, 26), bar("TOP", 100, 798, 1200, 26), bar("LEFT", 100, 50, 60, 800)]
    bars += [bar("RIGHT", 1299, 50, 1, 800), bar("BOTTOM", 100, 10, 1200, 40), bar("FLOAT", 200, 90, 300, 200)]
    assert free_box(SimpleNamespace(regions=[main, *bars]), main) == Box(60, 0, 1200, 748)
    bars[3] = bar("RIGHT", 1000, 50, 300, 800)
    assert free_box(SimpleNamespace(regions=[main, *bars]), main) == Box(60, 0, 900, 748)


def viewports():
    """What can be seen of viewports of many sizes and resolution scales, the pad in its corner or dragged about."""
    sizes = ((160, 120), (300, 200), (320, 700), (500, 400), (1300, 450), (2500, 1400))
    drags = (None, (-9999, 9999), (500, -500), (-150, 90))
    for (width, height), interface, dragged in itertools.product(sizes, (0.75, 1.0, 1.25, 1.5, 2.0), drags):
        free = Box(60, 0, 60 + width, height)
        yield free, interface, placed(free, interface, dragged, buttons(free, interface))


def buttons(free: Box, interface: float) -> list[Box]:
    """Blender's navigation buttons."""
    space = SimpleNamespace(show_gizmo=True, show_gizmo_navigate=True)
    region = SimpleNamespace(alignment="NONE", x=0, y=0, width=free.right, height=free.top)
    preferences = SimpleNamespace(system=SimpleNamespace(ui_scale=interface))
    area = SimpleNamespace(regions=[region])
    return navigation_boxes(SimpleNamespace(space_data=space, area=area, region=region, preferences=preferences))


def within(inner: Box, outer: Box) -> bool:
    return outer.holds(inner.left + 1e-6, inner.bottom + 1e-6) and outer.holds(inner.right - 1e-6, inner.top - 1e-6)


def test_the_pad_stays_in_sight_whatever_the_size_of_the_viewport_and_preview_is_written_beside_it(scene):
    for free, interface, square in viewports():
        if square is None:
            assert min(free.width, free.height) < 186 * interface, "there was room"
            continue
        assert within(square.frame, free)
        preview = free_place(free, 60 * interface, 12 * interface, 18 * interface, [square.frame])
        assert within(preview, free) and not preview.meets(square.frame)


def test_no_word_on_the_pad_lies_over_another_or_beyond_its_frame_at_any_scale_and_size(scene):
    squares = [(square, interface) for _, interface, square in viewports() if square is not None]
    moods, names = ((0.0, 0.0), (-0.8, -0.1), (0.3, 0.9)), ("Nora", "A head with a very long name indeed.001", "")
    for (square, interface), now, name in itertools.product(squares, moods, names):
        shown = words(square, now, name, length)
        for i, word in enumerate(shown):
            assert within(word.box, square.frame), word.text
            assert not any(word.box.meets(other.box) for other in shown[:i]), word.text
        feelings = {word.text for word in shown if word.kind == FEELING}
        assert affect_word(*now) in {None, *feelings}
        if square.scale >= 0.8 * interface:  # at its natural size it says everything
            assert feelings == {feeling for feeling, _ in affect_ring()} and len(shown) >= len(feelings) + 7


def test_preview_is_written_in_the_lower_right_corner_unless_the_pad_lies_there(square):
    alone, beside = (free_place(FREE, 60, 12, 18, boxes) for boxes in ([], [square.frame]))
    assert (alone.right, alone.bottom) == (882, 18) and (beside.left, beside.bottom) == (78, 18)
    both = [square.frame, Box(60, 0, 300, 200)]
    assert free_place(FREE, 60, 12, 18, both).right == square.frame.left - 6


def test_the_pad_keeps_clear_of_blenders_navigation_buttons(square):
    low, lower = Box(0, 0, 900, 450), Box(0, 0, 900, 250)
    assert placed(low, 1.0, None, buttons(low, 1.0)).frame.right < 900 - 44 < placed(low, 1.0).frame.right
    assert placed(lower, 1.0, None, buttons(lower, 1.0)).frame.right <= 900 - 106, "nor do the axes hide its cross"
    assert placed(FREE, 1.0, None, buttons(FREE, 1.0)) == square, "they are not beside it in a higher one"


def test_the_pad_is_dragged_by_its_edge_stays_within_sight_and_is_remembered(head, square, where):
    gizmo, x, y = pad(square), square.title.left + 60, square.title.bottom + 8
    assert gizmo.invoke(bpy.context, pointer(x, y)) == {"RUNNING_MODAL"}
    gizmo.exit(bpy.context, False)
    assert gizmo.square == square and where.dragged is None, "a click is no drag"
    gizmo.invoke(bpy.context, pointer(x, y))
    gizmo.modal(bpy.context, pointer(x - 100, y + 70), set())
    gizmo.exit(bpy.context, False)
    assert (gizmo.square.x, gizmo.square.y) == pytest.approx((square.x - 100, square.y + 70))
    assert placed(FREE, 1.0, where.dragged) == gizmo.square
    wider = placed(Box(60, 0, 1200, 750), 1.0, where.dragged)
    assert wider.x == pytest.approx(gizmo.square.x + 300), "it goes with the corner when the side bar closes"
    before, moved = where.dragged, gizmo.square
    gizmo.invoke(bpy.context, pointer(x - 100, y + 70))
    gizmo.modal(bpy.context, pointer(-5000, 5000), set())
    assert (gizmo.square.frame.left, gizmo.square.frame.top) == pytest.approx((FREE.left, FREE.top))
    gizmo.modal(bpy.context, pointer(x - 90, y + 70), set())
    assert gizmo.square.x == pytest.approx(moved.x + 10), "it comes back with the pointer"
    gizmo.exit(bpy.context, True)
    assert where.dragged == before and mood(head) == (0, 0)


def test_where_it_was_dragged_to_is_kept_within_smaller_viewports(square, where):
    there = dragged_to(placed(FREE, 1.0, (-400, 300)), FREE, 1.0)
    assert there == pytest.approx((-400, 300))
    small = placed(Box(0, 0, 320, 300), 1.0, there)
    assert small.frame.left == 0 and small.frame.top == pytest.approx(300)


def test_every_press_on_the_pad_is_its_own_so_that_none_deselects_the_head(head, square, where):
    for x, y in (square.cross, square.pixel(0, 0), (square.frame.left + 30, square.frame.bottom + 5)):
        gizmo = pad(square)
        assert gizmo.test_select(bpy.context, (x, y)) >= 0
        assert gizmo.invoke(bpy.context, pointer(x, y)) == {"RUNNING_MODAL"}
        gizmo.exit(bpy.context, True)
    assert pad(square).test_select(bpy.context, (square.frame.left - 3, square.y)) == -1


def test_it_is_closed_where_the_button_is_let_go_and_can_be_thought_better_of(head, square):
    shown = bpy.context.window_manager.emodifftalk_pad
    for last, closed in ((square.pixel(0, 0), False), (square.cross, True)):
        shown.shown = True
        gizmo = pad(square)
        gizmo.invoke(bpy.context, pointer(*square.cross))
        assert shown.shown, "closed before the button was let go: the rest of the click would be Blender's"
        gizmo.modal(bpy.context, pointer(*last), set())
        gizmo.exit(bpy.context, False)
        assert shown.shown is not closed


def test_a_drag_goes_on_with_the_head_it_began_with(head, scene, square, subject_path):
    bpy.ops.emodifftalk.import_subject(filepath=str(subject_path))
    other, gizmo = bpy.context.active_object, pad(square)
    gizmo.invoke(bpy.context, at(square, 0.5, 0.5))
    bpy.context.view_layer.objects.active = head
    gizmo.modal(bpy.context, at(square, 0.1, 0.2), set())
    assert mood(other) == (0.1, 0.2) and mood(head) == (0, 0)
    bpy.data.objects.remove(other)
    gizmo.modal(bpy.context, at(square, 0.9, 0.9), set())
    gizmo.exit(bpy.context, True)
    assert mood(head) == (0, 0)


def test_only_a_drag_that_changes_something_is_a_step_to_undo(head, square, monkeypatch):
    pushed = []
    monkeypatch.setattr(affect_pad, "push_undo", pushed.append)
    gizmo = pad(square)
    for last, cancelled in ((at(square, 0, 0), False), (at(square, 0.5, 0), True), (at(square, 0.5, 0), False)):
        gizmo.invoke(bpy.context, at(square, 0, 0))
        gizmo.modal(bpy.context, last, set())
        gizmo.exit(bpy.context, cancelled)
    assert pushed == ["Valence and Arousal"]


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


def test_the_pad_names_the_feeling_a_point_lies_towards_and_contempt_is_unpleasant():
    points = ((0.8, 0.3), (-0.4, 0.8), (-0.6, -0.6), (0, -0.9), (-0.8, -0.05), (0.6, -0.5))
    assert [affect_word(*p) for p in points] == ["happy", "angry", "sad", "tired", "contemptuous", "content"]
    assert affect_word(0.05, 0.05) is None


def test_the_button_shows_and_hides_it_and_is_grey_without_a_head(head, scene):
    shown = bpy.context.window_manager.emodifftalk_pad
    bpy.ops.emodifftalk.affect_pad()
    assert shown.shown
    bpy.ops.emodifftalk.affect_pad()
    assert not shown.shown
    bpy.data.objects.remove(head)
    assert not bpy.ops.emodifftalk.affect_pad.poll()
