"""The kill campaign can be run: `python -m tests.kill`."""

from __future__ import annotations

import os
from functools import partial

import pytest

pytest.importorskip("torch")
pytest.importorskip("bpy")
pytestmark = [pytest.mark.once, pytest.mark.skipif(os.name == "nt", reason="signals are others on Windows")]


def test_an_export_that_is_killed_leaves_nothing_half_and_is_gone_on_with():
    from tests.kill.__main__ import campaign
    from tests.kill.backend import export

    tally = campaign("export", partial(export, styles=("ply",)), 1, seed=3)
    assert tally.rounds == 1 and tally.faults == []
