"""Hand work over a voice stays with the words it was drawn for, whatever is done to the strips."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emodifftalk.core.keyframes import AUTO_CLAMPED, BEZIER, joined, rearranged
from emodifftalk.core.relaying import OUT_OF_SIGHT, Layout, relaid
from emodifftalk.core.voice_time import Stretch

LINE = Stretch("line.wav", 1.0, 0.0, 6.0)


def cut(first: float, second: float, at: float = 3.0) -> tuple[Stretch, Stretch]:
    """The line in two pieces that begin at these seconds, cut at second `at` of the recording."""
    return Stretch("line.wav", first, 0.0, at), Stretch("line.wav", second, at, 6.0 - at)


def drawn(*points: tuple[float, float]) -> dict[str, np.ndarray]:
    """Keys (second, value), handles a third of the way to their neighbours and level."""
    co = np.array(points, np.float64).reshape(-1, 2)
    count = len(co)
    apart = np.diff(co[:, 0], prepend=co[:1, 0] - 1, append=co[-1:, 0] + 1) / 3
    left, right = co.copy(), co.copy()
    left[:, 0] -= apart[:-1]
    right[:, 0] += apart[1:]
    kinds = {"interpolation": BEZIER, "handle_left_type": AUTO_CLAMPED, "handle_right_type": AUTO_CLAMPED}
    return {
        "co": co,
        "handle_left": left,
        "handle_right": right,
        **{name: np.full(count, kind) for name, kind in kinds.items()},
    }


def value(keys: dict[str, np.ndarray], second: float) -> float:
    """The curve at a second: its own reckoning, by halving, of a Bézier curve's height."""
    co, after = keys["co"], int(np.searchsorted(keys["co"][:, 0], second))
    if after == 0 or after == len(co):
        return float(co[min(after, len(co) - 1), 1])
    corners = [co[after - 1], keys["handle_right"][after - 1], keys["handle_left"][after], co[after]]
    low, high = 0.0, 1.0
    for _ in range(60):
        t = (low + high) / 2
        x, y = (
            (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t * t * (1 - t) * c + t**3 * d
            for a, b, c, d in zip(*corners, strict=True)
        )
        low, high = (t, high) if x < second else (low, t)
    return float(y)


SMILE = drawn((0.2, 0.0), (1.5, 0.1), (3.2, 0.9), (5.0, 0.3), (6.5, 0.8), (8.0, 0.0))


def moved(keys, *layouts):
    """Keys after one layout has become the next, and so on; what is out of sight stays among them."""
    laid = Layout((LINE,))
    for playing in layouts:
        pieces, laid = relaid(laid, playing)
        keys = rearranged(keys, pieces)
    return keys, laid


def test_a_moved_voice_takes_its_curve_along_key_by_key():
    keys, _ = moved(SMILE, [Stretch("line.wav", 3.5, 0.0, 6.0)])
    assert len(keys["co"]) == len(SMILE["co"])
    assert np.allclose(keys["co"], SMILE["co"] + (2.5, 0)) and np.allclose(
        keys["handle_left"], SMILE["handle_left"] + (2.5, 0)
    )


def test_a_cut_alone_changes_nothing():
    keys, _ = moved(SMILE, cut(1.0, 4.0))
    assert all(np.array_equal(keys[name], SMILE[name]) for name in SMILE)


def test_over_a_gap_that_was_opened_both_halves_keep_their_shape_and_the_face_rests_between():
    keys, _ = moved(SMILE, cut(1.0, 4.6))
    for second in np.linspace(0.0, 9.0, 200):
        here = second if second < 4.0 else second + 0.6
        assert value(keys, here) == pytest.approx(value(SMILE, second), abs=2e-3)
    resting = [value(keys, second) for second in np.linspace(4.0, 4.6, 20)]
    assert np.ptp(resting) < 2e-3


def test_the_gap_closed_again_it_is_the_curve_it_was():
    keys, _ = moved(SMILE, cut(1.0, 4.6), cut(1.0, 4.0))
    for second in np.linspace(0.0, 9.0, 100):
        assert value(keys, second) == pytest.approx(value(SMILE, second), abs=2e-3)
    assert len(keys["co"]) == len(SMILE["co"]) + 1


def test_swapped_halves_each_take_their_own():
    keys, _ = moved(SMILE, cut(6.0, 1.0))
    for second in np.linspace(1.05, 3.95, 40):
        assert value(keys, second + 5.0) == pytest.approx(value(SMILE, second), abs=2e-3)
        assert value(keys, second) == pytest.approx(value(SMILE, second + 3.0), abs=2e-3)


def test_a_faster_voice_has_a_faster_face():
    keys, _ = moved(SMILE, [Stretch("line.wav", 1.0, 0.0, 3.0, 2.0)])
    for second in np.linspace(1.1, 6.9, 40):
        assert value(keys, 1.0 + (second - 1.0) / 2) == pytest.approx(value(SMILE, second), abs=2e-3)


def test_what_is_trimmed_stays_where_it_is_and_is_there_when_it_is_played_again():
    short = [Stretch("line.wav", 1.0, 0.0, 4.0)]
    keys, laid = moved(SMILE, short)
    assert np.array_equal(keys["co"], SMILE["co"]) and [part.offset for part in laid.unplayed] == [4.0]
    keys, laid = moved(SMILE, short, [Stretch("line.wav", 2.0, 0.0, 6.0)])
    assert np.allclose(keys["co"], SMILE["co"] + (1, 0)) and not laid.unplayed


def test_a_piece_taken_out_and_the_gap_closed_comes_back_with_its_words():
    thirds = [Stretch("line.wav", 1.0 + 2 * i, 2.0 * i, 2.0) for i in range(3)]
    closed = [thirds[0], Stretch("line.wav", 3.0, 4.0, 2.0)]
    keys, laid = moved(SMILE, thirds, closed)
    assert laid.unplayed[0].start >= OUT_OF_SIGHT
    assert value(keys, 3.5) == pytest.approx(value(SMILE, 5.5), abs=2e-3)
    keys, laid = moved(SMILE, thirds, closed, thirds)
    for second in np.linspace(1.05, 6.95, 100):
        assert value(keys, second) == pytest.approx(value(SMILE, second), abs=0.01)
    assert not laid.unplayed and keys["co"][:, 0].max() < OUT_OF_SIGHT


def test_another_recording_leaves_the_hand_work_where_it_is():
    keys, _ = moved(SMILE, [Stretch("retake.wav", 1.0, 0.0, 5.0)])
    assert np.array_equal(keys["co"], SMILE["co"])


def test_twice_the_same_words_have_the_same_face():
    keys, _ = moved(SMILE, [LINE, Stretch("line.wav", 9.0, 0.0, 6.0)])
    for second in np.linspace(1.2, 6.8, 30):
        assert value(keys, second + 8) == pytest.approx(value(SMILE, second), abs=2e-3)


layouts = st.lists(
    st.tuples(st.floats(0, 6), st.floats(0.3, 3), st.floats(0.0, 2.0), st.sampled_from([0.5, 1.0, 1.0, 2.0])),
    min_size=1,
    max_size=5,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(layouts, min_size=1, max_size=3))
def test_nothing_that_was_drawn_over_words_is_lost_whatever_happens_to_the_strips(edits):
    """Any cutting, reordering, doubling and retiming, then all words at once again: the face over them is as drawn."""
    playing = []
    for edit in edits:
        second, strips = 0.0, []
        for offset, length, pause, speed in edit:
            second += pause
            strips.append(Stretch("line.wav", second, offset, min(length, 6 - offset + 1e-2) / speed, speed))
            second = strips[-1].end
        playing.append(strips)
    keys, laid = moved(SMILE, *playing, [LINE])
    assert np.isfinite(keys["co"]).all() and (np.diff(keys["co"][:, 0]) > 0).all()
    for second in np.linspace(1.02, 6.98, 60):
        assert value(keys, second) == pytest.approx(value(SMILE, second), abs=0.02)
    assert all(math.isfinite(part.start) for part in laid.unplayed)


def test_more_keys_are_laid_in_the_order_of_time():
    both = joined(SMILE, drawn((0.5, 1.0)))
    assert (np.diff(both["co"][:, 0]) > 0).all() and len(both["co"]) == 7
