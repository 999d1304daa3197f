"""A take is the same on every number of threads."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from emodifftalk.core.performance import Performance, Prompt, VoiceStrip
from emodifftalk.perform import hearing, ready_subject
from emodifftalk.perform.pipeline import PerformSettings, perform
from tests.helpers.places import HELLO
from tests.helpers.tiny_subject import save_tiny_subject

pytestmark = pytest.mark.slow


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_one_thread_and_three_make_the_same_take_to_the_byte(tmp_path, threads):
    save_tiny_subject(tmp_path / "head.safetensors", appearance=True, shipped_template=True)
    shot = Performance((VoiceStrip(HELLO, duration=2.0),), (Prompt("a smile", start=0.5, end=2.0, aus={"AU12": 0.5}),))
    takes = []
    for count in (1, 3):
        threads(count)
        hearing.forget()
        ready_subject.forget()
        quick = PerformSettings(front_end="embedded", text_encoder="embedded", steps=2)
        perform(tmp_path / "head.safetensors", shot, tmp_path / f"{count}.safetensors", quick)
        takes.append((tmp_path / f"{count}.safetensors").read_bytes())
    assert takes[0] == takes[1]
