"""The watch over long work: parts of parts tell fractions of the whole, and a cancel reaches all of them."""

from __future__ import annotations

import pytest

from emodifftalk.core.errors import Cancelled
from emodifftalk.core.watch import UNWATCHED, Watch


def listening() -> tuple[list[tuple[float, str, str]], Watch]:
    heard: list[tuple[float, str, str]] = []
    return heard, Watch(lambda *said: heard.append(said))


def test_a_part_tells_fractions_of_the_whole():
    heard, watch = listening()
    half = watch.part(0.5, 1.0, "render")
    half.say(0.0, "begins")
    half.part(0.2, 0.6).say(0.5, "half of a part")
    half.say(1.0, "done")
    assert [fraction for fraction, _, _ in heard] == pytest.approx([0.5, 0.7, 1.0])
    assert {stage for _, stage, _ in heard} == {"render"}, "a part is called like what it is part of"
    watch.part(0.0, 1.0).say(0.25, "whole")
    assert heard[-1] == (0.25, "", "whole")


def test_what_lies_outside_a_part_is_held_at_its_ends():
    heard, watch = listening()
    part = watch.part(0.2, 0.4)
    part.say(-1.0, "early")
    part.say(1.5, "late")
    assert [fraction for fraction, _, _ in heard] == pytest.approx([0.2, 0.4])


def test_a_cancel_reaches_every_part_and_stops_no_one_who_only_talks():
    asked = []
    heard, _ = listening()
    watch = Watch(lambda *said: heard.append(said), lambda: bool(asked))
    part = watch.part(0.0, 0.5).part(0.1, 0.2, "deep")
    part.check()
    asked.append(True)
    part.say(0.5, "still talking")
    assert heard[-1][1:] == ("deep", "still talking")
    for one in (watch, part):
        with pytest.raises(Cancelled):
            one.check()


def test_unwatched_work_goes_on():
    UNWATCHED.part(0.0, 0.5).say(0.5, "nobody hears this")
    UNWATCHED.check()
