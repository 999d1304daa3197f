"""A preview is the frame the take will have, before there is a take: the same models, noise, guards and time."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from emodifftalk.core.errors import Cancelled, UserError
from emodifftalk.core.facs import AU_INDEX
from emodifftalk.core.performance import Performance, Prompt, Style, VoiceStrip, to_json
from emodifftalk.core.protocol import read_message, write_message
from emodifftalk.core.subject import load_subject, save_subject
from emodifftalk.core.take import load_take
from emodifftalk.core.watch import Watch
from emodifftalk.motion.guard import MARGIN, ROOM
from emodifftalk.perform import hearing
from emodifftalk.perform.pipeline import PerformSettings, perform
from emodifftalk.perform.preview import preview_frame
from tests.helpers.backend_process import ask
from tests.helpers.places import HELLO
from tests.helpers.tiny_subject import save_tiny_subject

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
EMBEDDED = PerformSettings(front_end="embedded", text_encoder="embedded")


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Path:
    """A folder with a subject that saw brows move half way, and a take of it."""
    folder = tmp_path_factory.mktemp("preview")
    save_tiny_subject(folder / "tiny.safetensors", appearance=True, shipped_template=True)
    subject = load_subject(folder / "tiny.safetensors")
    au_range = subject.au_range.copy()
    au_range[AU_INDEX["AU04"], 1] = 0.5
    save_subject(folder / "head.safetensors", replace(subject, au_range=au_range))
    perform(folder / "head.safetensors", shot("calm"), folder / "old.safetensors", EMBEDDED)
    return folder


def shot(feeling: str = "furious", **aus: float) -> Performance:
    """The sample sentence with a feeling from its middle on, in words or set by hand."""
    return Performance(
        (VoiceStrip(HELLO),), (Prompt(feeling, start=3.0, aus=aus or None),), seed=5, style=Style(liveliness=0.5)
    )


def ahead(stage: Path, performance: Performance, seconds: float, **options):
    return preview_frame(
        stage / "head.safetensors", performance, seconds, stage / "old.safetensors", EMBEDDED, **options
    )


def test_it_shows_what_the_take_will_show_and_not_what_the_old_one_does(stage):
    perform(stage / "head.safetensors", shot(), stage / "new.safetensors", EMBEDDED)
    old, new = load_take(stage / "old.safetensors"), load_take(stage / "new.safetensors")
    subject = load_subject(stage / "head.safetensors")
    for seconds in (0.0, 2.9, 3.37, 4.0, 5.21, 6.5, 99.0):
        found, final = ahead(stage, shot(), seconds).frame, new.at(seconds)
        np.testing.assert_array_equal(found.aus, final.aus)
        assert np.linalg.norm(found.offsets - final.offsets, axis=1).max() < 0.0015, seconds
        assert np.linalg.norm(found.offsets - final.offsets, axis=1).mean() < 0.0001, seconds
        gap = found.gaussians(subject).means - final.gaussians(subject).means
        assert np.linalg.norm(gap, axis=1).max() < 0.002, seconds
        np.testing.assert_allclose(found.opacities, final.opacities, atol=0.05)
    changed = np.linalg.norm(old.at(4.0).offsets - new.at(4.0).offsets, axis=1)
    assert changed.max() > 0.003, "the feeling does not show, so nothing was tested"


def test_a_shot_short_enough_to_be_seen_whole_is_previewed_to_the_last_bit(stage):
    short = replace(shot(AU12=0.7), duration=1.0, prompts=(Prompt("", start=0.2, aus={"AU12": 0.7}),))
    perform(stage / "head.safetensors", short, stage / "short.safetensors", EMBEDDED)
    final = load_take(stage / "short.safetensors")
    for seconds in (0.0, 0.48, 0.5, 0.96):
        found = ahead(stage, short, seconds).frame
        for name, value in vars(final.at(seconds)).items():
            np.testing.assert_array_equal(getattr(found, name), value, err_msg=name)


@given(strength=st.floats(0, 1), seconds=st.floats(-1, 20))
@settings(max_examples=15, deadline=None)
def test_the_guard_holds_in_a_preview_too(stage, strength, seconds):
    found = ahead(stage, shot(AU04=strength), seconds)
    brow = found.frame.aus[AU_INDEX["AU04"]]
    assert brow <= 0.5 + MARGIN + ROOM + 1e-6
    assert all(np.isfinite(value).all() for value in vars(found.frame).values() if value is not None)
    assert (found.confidence < 1) == (strength > 0.55 and seconds > 3.29) or 2.9 < seconds < 3.4


def test_the_voice_is_heard_once_whatever_is_edited(stage, monkeypatch):
    hearing.forget()
    monkeypatch.setattr(hearing, "listener", lambda *_: pytest.fail("the voice was listened to again"))
    ahead(stage, shot("shy"), 4.0)
    (stage / "gone.safetensors").unlink(missing_ok=True)
    preview_frame(stage / "head.safetensors", shot("proud"), 4.0, stage / "gone.safetensors", EMBEDDED)


def test_words_nobody_knows_are_told_with_the_preview(stage):
    assert "xqzt" in ahead(stage, shot("xqzt vrblk"), 4.0).unread[0]


def test_a_preview_nobody_waits_for_is_given_up(stage):
    with pytest.raises(Cancelled):
        ahead(stage, shot("shy"), 4.0, watch=Watch(cancelled=lambda: True))


def test_a_time_that_is_none_is_a_sentence(stage):
    with pytest.raises(UserError, match="time"):
        ahead(stage, shot(), float("nan"))


def test_it_does_not_wait_for_the_take_in_the_making(stage, backend):
    told = {"subject": str(stage / "head.safetensors"), "performance": to_json(shot()), "seconds": 4.0}
    told |= {"previous": str(stage / "old.safetensors")}
    assert ask(backend, 101, "preview", told)["event"] == "result"
    long = {**told, "performance": to_json(replace(shot(), duration=60.0)), "out": str(stage / "long.safetensors")}
    write_message(backend.stdin, {"id": 102, "op": "drive", "params": {**long, "previous": ""}})
    time.sleep(0.2)
    write_message(backend.stdin, {"id": 103, "op": "preview", "params": told})
    order, arrays = [], {}
    while 102 not in order:
        reply, sent = read_message(backend.stdout)
        if reply["event"] != "progress":
            order.append(reply["id"])
            assert reply["event"] == "result", reply
            arrays = sent or arrays
    assert order == [103, 102]
    expected = preview_frame(told["subject"], shot(), 4.0, told["previous"]).frame
    np.testing.assert_allclose(arrays["offsets"], expected.offsets, atol=1e-5)
