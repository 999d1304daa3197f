"""Takes beside the .blend are compact, and whole ones for whoever wants them; either way only what changed is made."""

from __future__ import annotations

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from addon.playback import sources
from addon.scene.heads import absolute, settings
from addon.timeline.prompts import add_prompt

pytestmark = pytest.mark.slow


def generated(head):
    assert bpy.ops.emodifftalk.generate() == {"FINISHED"}
    return sources.take_of(head), settings(head).takes[-1]


def test_generate_makes_compact_takes_unless_whole_ones_are_wanted_and_the_note_says_what_that_cost(speaking, scene):
    first, entry = generated(speaking)
    assert first.compact and "frame was taken over" not in entry.note

    add_prompt(speaking, scene, "furious", 165)
    second, entry = generated(speaking)
    assert second.compact and f"of {second.frames} frames as they were" in entry.note
    assert np.array_equal(first.at(1.23).rotations, second.at(1.23).rotations)

    settings(speaking).whole_takes = True
    whole, entry = generated(speaking)
    assert not whole.compact and "No frame was taken over from the earlier take: it is a compact one" in entry.note
    assert absolute(entry.path).stat().st_size > 3 * absolute(settings(speaking).takes[1].path).stat().st_size
    assert np.abs(whole.at(1.23).offsets - second.at(1.23).offsets).max() < 1e-4

    settings(speaking).whole_takes = False
    last, entry = generated(speaking)
    assert last.compact and f"{last.frames} of {last.frames} frames as they were" in entry.note
