"""However a voice is cut, moved, muted and sped up, the face is where its recording is: to a millisecond, for ever."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emodifftalk.core.clock import Clock, sound_span
from emodifftalk.core.retiming import RetimingKey, retimed_spans
from emodifftalk.core.voice_time import EASE, Stretch, VoiceMap, from_text, to_text

RATES = [(24, 1.001), (24, 1.0), (25, 1.0), (30, 1.001), (30, 1.0), (50, 1.0), (60, 1.0)]
TEN_MINUTES = 600
QUIET = dict(deadline=None, suppress_health_check=list(HealthCheck))


class Strip:
    """A sound strip in whole frames, as Blender keeps it: content begins at `start` and runs at `speed`, and is heard
    from `left` to `right`."""

    def __init__(self, start: int, left: int, right: int, speed: Fraction = Fraction(1)) -> None:
        self.start, self.left, self.right, self.speed = start, left, right, speed

    def split(self, frame: int) -> tuple[Strip, Strip]:
        return Strip(self.start, self.left, frame, self.speed), Strip(self.start, frame, self.right, self.speed)

    def at(self, frame: int) -> Fraction:
        """Frames into the recording, exactly."""
        return (frame - self.start) * self.speed

    def stretch(self, clock: Clock) -> Stretch:
        """The same as the add-on sees it."""
        if self.speed == 1:
            span = sound_span(clock, self.start, self.left, self.right)
            return Stretch("voice", span.start, span.offset, span.duration)
        length = 40000
        keys = [RetimingKey(self.start, 0.0), RetimingKey(self.start + length / float(self.speed), length)]
        (pace,) = retimed_spans(keys, self.left, self.right)
        second = 1 / clock.rate
        duration = (pace.last - pace.first) * second
        return Stretch("voice", clock.seconds(pace.first), pace.content * second, duration, pace.speed)


def take_and_edits(draw, frames: int) -> tuple[list[Strip], list[Strip]]:
    """A voice of `frames` in pieces when the take was made, and what became of the pieces."""
    cuts = sorted({0, frames, *draw(st.lists(st.integers(1, frames - 1), max_size=4))})
    begin = draw(st.integers(-500, 500))
    before, after, at = [], [], begin + draw(st.integers(-3000, 3000))
    for left, right in pairwise(cuts):
        before.append(Strip(begin, begin + left, begin + right))
        speed = draw(st.sampled_from([Fraction(1), Fraction(1), Fraction(1, 2), Fraction(3, 2), Fraction(7, 5)]))
        first = left + draw(st.integers(0, (right - left) // 3))
        length = max(1, int((right - first) / speed) - draw(st.integers(0, 50)))
        at += draw(st.integers(0, 200))
        start = Fraction(at) - first / speed
        if start.denominator == 1:
            after.append(Strip(int(start), at, at + length, speed))
            at += length
    return before, after


@pytest.mark.parametrize(("fps", "base"), RATES)
@settings(max_examples=8, **QUIET)
@given(data=st.data())
def test_for_ten_minutes_every_frame_shows_what_is_heard(fps, base, data):
    clock = Clock(fps, base)
    before, after = take_and_edits(data.draw, math.floor(TEN_MINUTES * clock.rate))
    zero = clock.seconds(before[0].left)
    take = [Stretch("voice", s.start - zero, s.offset, s.duration) for s in (strip.stretch(clock) for strip in before)]
    heard = VoiceMap(take, [strip.stretch(clock) for strip in after], zero)
    for strip in after:
        frames = np.arange(strip.left, strip.right)
        inside = [(frame, Fraction(strip.at(int(frame)))) for frame in frames[:: max(1, len(frames) // 400)]]
        for frame, content in [*inside, (strip.right - 1, strip.at(strip.right - 1))]:
            if not 0 <= content < before[-1].right - before[0].start:
                continue
            moment = heard.at(clock.seconds(int(frame)))
            said = Fraction(moment.seconds) + Fraction(zero) - before[0].start / Fraction(clock.rate)
            assert abs(said - content / Fraction(clock.rate)) < Fraction(1, 1000) and moment.mouth_rest < 1e-6
        every = heard.many(frames / clock.rate)
        slope = float(strip.speed) / clock.rate
        assert np.abs(every - every[0] - slope * np.arange(len(frames))).max() < 1e-3


@pytest.mark.parametrize(("fps", "base"), RATES)
def test_what_was_not_edited_is_the_take_itself_wherever_it_lies(fps, base):
    clock = Clock(fps, base)
    strips = [Strip(100, 100, 220), Strip(80, 240, 300)]
    now = [Strip(s.start + 4321, s.left + 4321, s.right + 4321) for s in strips]
    take = [strip.stretch(clock) for strip in strips]
    heard = VoiceMap(take, [strip.stretch(clock) for strip in now])
    assert heard.shift == pytest.approx(-clock.seconds(4321))
    for frame in np.arange(4000, 5200, 0.5):
        moment = heard.at(clock.seconds(frame))
        assert moment.mouth_rest == 0
        expected = max(clock.seconds(frame - 4321), 0.0)
        assert moment.seconds == pytest.approx(expected, abs=1e-6)


def test_a_longer_silence_waits_in_its_middle_and_nothing_is_torn():
    take = [Stretch("a", 0, 0, 1), Stretch("a", 2, 1, 1)]
    heard = VoiceMap(take, [Stretch("a", 0, 0, 1), Stretch("a", 5, 1, 1)])
    assert [round(heard.at(t).seconds, 6) for t in (0.5, 1.25, 1.5, 3.0, 4.5, 4.75, 5.5)] == [
        0.5, 1.25, 1.5, 1.5, 1.5, 1.75, 2.5
    ]  # fmt: skip
    assert all(heard.at(t).mouth_rest == 0 for t in np.arange(-1, 8, 0.1))
    steps = np.diff([heard.at(t).seconds for t in np.arange(-1, 8, 0.01)])
    assert steps.max() < 0.011 and steps.min() > -1e-9


def test_words_pulled_apart_close_the_mouth_between_them_and_trimmed_words_are_not_spoken():
    take = [Stretch("a", 0, 0, 4)]
    apart = VoiceMap(take, [Stretch("a", 0, 0, 2), Stretch("a", 3, 2, 2)])
    assert apart.at(2.5).mouth_rest == 1 and apart.at(1.9).mouth_rest == apart.at(3.1).mouth_rest == 0
    trimmed = VoiceMap(take, [Stretch("a", 1, 1, 1)])
    assert trimmed.at(2.5).seconds == pytest.approx(2.0) and trimmed.at(2.5).mouth_rest == 1
    assert trimmed.at(0.5).seconds == pytest.approx(1.0) and trimmed.at(0.5).mouth_rest == 1


def test_a_muted_piece_eases_to_rest_while_the_take_goes_on():
    take = [Stretch("a", 0, 0, 6)]
    pieces = [Stretch("a", 0, 0, 2), Stretch("a", 2, 2, 2, heard=False), Stretch("a", 4, 4, 2)]
    heard = VoiceMap(take, pieces)
    for t in np.arange(0, 6, 0.05):
        assert heard.at(t).seconds == pytest.approx(t)
    assert [heard.at(t).mouth_rest for t in (1.99, 2, 3, 4, 4.01)] == [0, 0, 1, 0, 0]
    assert [heard.at(t).mouth_rest for t in (2 + EASE / 2, 4 - EASE / 2)] == pytest.approx([0.5, 0.5])


def test_the_same_words_twice_keep_their_own_performance():
    take = [Stretch("a", 0, 0, 2), Stretch("a", 3, 0, 2)]
    both = VoiceMap(take, [Stretch("a", 0, 0, 2), Stretch("a", 3, 0, 2)])
    assert both.at(1).seconds == 1 and both.at(4).seconds == 4
    second = VoiceMap(take, [Stretch("a", 3, 0, 2)])
    assert second.at(4).seconds == 4
    copied = VoiceMap(take[:1], [Stretch("a", 0, 0, 2), Stretch("a", 7, 0, 2)])
    assert copied.at(1).seconds == 1 and copied.at(8).seconds == 1


def test_another_recording_is_nothing_of_the_take():
    take = [Stretch("a", 0, 0, 2)]
    assert not VoiceMap(take, [Stretch("b", 0, 0, 2)]) and not VoiceMap([], [Stretch("a", 0, 0, 2)])


def test_a_changing_speed_runs_from_the_old_to_the_new_without_a_jump():
    keys = [RetimingKey(0, 0), RetimingKey(40, 40, curved=True), RetimingKey(60, 70), RetimingKey(100, 150)]
    found = retimed_spans(keys, 0, 100)
    assert found[0].speed == pytest.approx(1) and found[-1].speed == pytest.approx(2)
    speeds = [pace.speed for pace in found]
    assert speeds == sorted(speeds) and len(speeds) > 6
    for a, b in pairwise(found):
        assert a.last == b.first and a.content + (a.last - a.first) * a.speed == pytest.approx(b.content)
    halfway = next(p for p in found if p.first <= 50 < p.last)
    # Speed grows steadily from 1 to 2: after 10 of 20 frames 10 + 10² / 40 = 12.5 frames have been played.
    assert halfway.content + (50 - halfway.first) * halfway.speed == pytest.approx(52.5, abs=0.1)


def test_a_standing_strip_says_nothing():
    keys = [RetimingKey(0, 0), RetimingKey(40, 40), RetimingKey(60, 40), RetimingKey(100, 80)]
    assert [(p.first, p.last) for p in retimed_spans(keys, 10, 90)] == [(10, 40), (60, 90)]


@given(st.lists(st.tuples(*[st.floats(0, 600) for _ in range(3)], st.floats(0.1, 4)), max_size=5))
def test_what_a_take_speaks_is_kept_in_the_file(rows):
    stretches = [Stretch(f"süß {i}", *row) for i, row in enumerate(rows)]
    for kept, stretch in zip(from_text(to_text(stretches)), stretches, strict=True):
        assert kept.recording == stretch.recording and kept.offset == pytest.approx(stretch.offset, abs=1e-6)
    assert from_text("") == from_text("{damaged") == ()
