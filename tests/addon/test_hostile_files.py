"""What once was too much for the add-on, in a .blend, in the animator's own folder or on the pipe."""

from __future__ import annotations

import os

import pytest

from tests.fuzz.case import Bench

pytest.importorskip("bpy")
from addon.capture.studio.whole_picture import is_whole
from tests.fuzz.readers_addon import ADDON


@pytest.mark.parametrize("reader", ADDON, ids=lambda reader: reader.name)
def test_what_once_was_too_much_is_read_or_refused(tmp_path, reader):
    if reader.name == "replies":
        pytest.importorskip("scipy")  # its seeds are made beside those of captures
    bench = Bench(reader, tmp_path, seed=0, places=False)
    outcomes = [*bench.once_failing(), *(("", bench.case(number)) for number in range(8))]
    assert [(name, outcome) for name, outcome in outcomes if outcome.how not in ("read", "refused")] == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_a_pictures_place_is_no_whole_picture(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert not is_whole(tmp_path / "a.png", 8, 8)
