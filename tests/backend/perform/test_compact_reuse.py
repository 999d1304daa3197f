"""Compact takes are made again in part: what nobody touched stays, to the last bit, however often others change."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from emodifftalk.core import tensors
from emodifftalk.core.compact_take import LOST, compact_take, worn_out
from emodifftalk.core.errors import Cancelled
from emodifftalk.core.performance import Performance, Prompt, Style, VoiceStrip
from emodifftalk.core.take import Take, TakeFrame, load_take
from emodifftalk.core.watch import Watch
from emodifftalk.perform import hearing, reuse
from emodifftalk.perform.pipeline import PerformSettings, TakeReport, perform
from tests.helpers.places import HELLO
from tests.helpers.tiny_subject import save_tiny_subject

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
QUICK = PerformSettings(front_end="embedded", text_encoder="embedded", steps=2)
UNTOUCHED, AFTER = 79, 95
"""Of the sample voice's 177 frames, those before the windows of a change at its end, and the first one after the window
of a change at its start."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Path:
    """A folder with a subject."""
    folder = tmp_path_factory.mktemp("shot")
    save_tiny_subject(folder / "head.safetensors", appearance=True, shipped_template=True)
    return folder


def shot(end: float = 0.6, start: float = 0.5, seed: int = 3) -> Performance:
    """A smile in the first two seconds and a frown in the last one, each of a strength."""
    prompts = (
        Prompt("a smile", start=0.0, end=2.0, aus={"AU12": start}),
        Prompt("a frown", start=6.3, end=7.0, aus={"AU04": end, "AU10": end / 2}),
    )
    return Performance((VoiceStrip(HELLO),), prompts, seed=seed, style=Style(liveliness=0.0))


def played(stage: Path, name: str, performance: Performance, compact: bool = True, **options) -> TakeReport:
    out = stage / f"{name}.safetensors"
    return perform(stage / "head.safetensors", performance, out, QUICK, compact=compact, **options)


@pytest.fixture(scope="module")
def first(stage) -> TakeReport:
    return played(stage, "first", shot())


@lru_cache(maxsize=8)
def whole_take(stage: Path, end: float = 0.6) -> Path:
    """A whole take of the shot, from scratch, made once."""
    return played(stage, f"whole_{end}", shot(end=end), compact=False).take


def the_same(one: TakeFrame, other: TakeFrame) -> bool:
    names = ("offsets", "rotations", "opacities", "aus")
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in names)


def unchanged(before: Path, after: Path) -> np.ndarray:
    """Frames (T,) bool that two takes play the same, to the last bit."""
    one, other = load_take(before), load_take(after)
    return np.array([the_same(one.frame(i), other.frame(i)) for i in range(one.frames)])


def expect_near(whole: Take, compact: Take) -> None:
    """No frame is further off than a compact take may be."""
    for i in range(whole.frames):
        one, other = whole.frame(i), compact.frame(i)
        side = np.sign((one.rotations * other.rotations).sum(axis=1, keepdims=True))
        for name, turned in (("offsets", 1), ("opacities", 1), ("rotations", side)):
            error = getattr(one, name) - turned * getattr(other, name)
            assert np.sqrt(np.mean(error**2)) < 1.1 * LOST[name], (i, name)


def test_a_change_remakes_its_windows_and_every_other_frame_plays_the_same_to_the_last_bit(stage, first, monkeypatch):
    hearing.forget()
    monkeypatch.setattr(hearing, "listener", lambda *_: pytest.fail("the voice was listened to again"))
    again = played(stage, "again", shot(end=1.0), previous=first.take)
    same = unchanged(first.take, again.take)
    assert same[:UNTOUCHED].all() and not same[-10:].any() and not again.note
    assert same.sum() == again.frames - again.recomputed
    before, after = load_take(first.take), load_take(again.take)
    assert the_same(before.at(2.517), after.at(2.517)), "between two frames"
    expect_near(load_take(whole_take(stage, 1.0)), after)


def test_changes_upon_changes_leave_the_others_alone_and_add_up_to_no_error_and_no_large_file(stage, first):
    path, fresh = first.take, first.take.stat().st_size
    changes = [{"end": 0.1}, {"start": 0.9}, {"end": 0.8}, {"start": 0.5}, {"end": 1.0}]
    now = {"end": 0.6, "start": 0.5}
    for number, change in enumerate(changes):
        now |= change
        report = played(stage, f"change_{number}", shot(**now), previous=path)
        same = unchanged(path, report.take)
        assert same.sum() == report.frames - report.recomputed > 0
        assert (same[:UNTOUCHED] if "end" in change else same[AFTER:]).all()
        path = report.take
    assert now == {"end": 1.0, "start": 0.5}
    expect_near(load_take(whole_take(stage, 1.0)), load_take(path))
    assert path.stat().st_size < 1.6 * fresh and not worn_out(load_take(path))


def test_a_compact_take_is_what_is_made_of_the_whole_one_to_the_byte(stage, first):
    compact_take(whole_take(stage), stage / "made.safetensors")
    assert first.take.read_bytes() == (stage / "made.safetensors").read_bytes()
    # And it is made again in part like the other.
    again = played(stage, "again", shot(end=0.9), previous=stage / "made.safetensors")
    assert unchanged(first.take, again.take)[:UNTOUCHED].all() and again.recomputed < again.frames


def test_the_same_again_plays_the_same(stage, first):
    again = played(stage, "again", shot(), previous=first.take)
    assert again.recomputed == 0 and unchanged(first.take, again.take).all()


def test_a_compact_take_takes_its_frames_over_from_a_whole_one(stage):
    again = played(stage, "again", shot(end=1.0), previous=whole_take(stage))
    compact_take(whole_take(stage, 1.0), stage / "made.safetensors")
    assert again.take.read_bytes() == (stage / "made.safetensors").read_bytes() and again.recomputed < again.frames


def test_a_whole_take_after_a_compact_one_is_made_anew_exactly_and_says_so(stage, first, monkeypatch):
    hearing.forget()
    monkeypatch.setattr(hearing, "listener", lambda *_: pytest.fail("the voice was listened to again"))
    again = played(stage, "again", shot(), compact=False, previous=first.take)
    monkeypatch.undo()
    assert again.recomputed == again.frames and "a compact one" in again.note
    assert again.take.read_bytes() == whole_take(stage).read_bytes()


def test_a_compact_take_of_an_earlier_version_is_made_anew_and_says_so(stage, first):
    arrays, about = tensors.load(first.take)
    old = {name: array for name, array in arrays.items() if name not in ("asked", "features")}
    old = {name: array for name, array in old.items() if not name.endswith(".layers")}
    tensors.save(stage / "old.safetensors", old, about)
    assert unchanged(first.take, stage / "old.safetensors").all(), "it plays as before"
    again = played(stage, "again", shot(), previous=stage / "old.safetensors")
    assert again.take.read_bytes() == first.take.read_bytes() and "of an earlier version" in again.note


def test_a_take_that_was_changed_until_it_is_large_is_made_anew_and_says_so(stage, first, monkeypatch):
    monkeypatch.setattr(reuse, "worn_out", lambda take: True)
    again = played(stage, "again", shot(), previous=first.take)
    assert again.take.read_bytes() == first.take.read_bytes() and "no longer compact" in again.note


def test_a_compact_take_may_be_made_over_itself(stage, first):
    own = stage / "own.safetensors"
    own.write_bytes(first.take.read_bytes())
    apart = played(stage, "apart", shot(end=0.0), previous=first.take)
    assert played(stage, "own", shot(end=0.0), previous=own).recomputed < apart.frames
    assert own.read_bytes() == apart.take.read_bytes()


def test_cancelling_while_a_take_is_made_compact_leaves_nothing(stage, first):
    before = sorted(stage.iterdir())
    said: list[str] = []
    watch = Watch(lambda fraction, name, text: said.append(text), lambda: "Making the take compact" in said)
    with pytest.raises(Cancelled):
        played(stage, "never", shot(end=0.4), watch=watch, previous=first.take)
    assert sorted(stage.iterdir()) == before
