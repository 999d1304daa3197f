"""Fixtures for the tests of the add-on beside those that every test may use: a head with a backend at its service."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest

from tests.helpers.places import HELLO
from tests.helpers.tiny_subject import save_tiny_subject


@pytest.fixture(autouse=True)
def nothing_unforeseen():
    """A test in which something of ours failed where nobody looks has failed, whatever it compared."""
    unforeseen = sys.modules.get("addon.blender.unforeseen")
    if unforeseen is not None:
        unforeseen._faults.clear()
    yield
    unforeseen = sys.modules.get("addon.blender.unforeseen")
    faults = [fault.details for fault in unforeseen._faults.kept.values() if fault.details] if unforeseen else []
    if unforeseen is not None:
        unforeseen._faults.clear()
    assert not faults, "\n".join(faults)


@pytest.fixture
def speaking(scene, tmp_path, monkeypatch):
    """A head on the shipped template with the sample voice and two prompts, and the real backend at its service."""
    if find_spec("torch") is None:
        pytest.skip("this Python has no backend (torch is missing)")
    import bpy

    from addon.backend import connection
    from addon.backend.client import READY
    from addon.timeline.prompts import add_prompt, add_voice

    monkeypatch.setenv("EMODIFFTALK_PYTHON", sys.executable)
    save_tiny_subject(tmp_path / "head.safetensors", appearance=True, shipped_template=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.emodifftalk.import_subject(filepath=str(tmp_path / "head.safetensors"))
    head = bpy.context.active_object
    add_voice(head, scene, HELLO, 10)
    add_prompt(head, scene, "calm", 10)
    add_prompt(head, scene, "delighted", 70)
    yield head
    # A backend that rests serves the next test as well: loading torch and the models again takes seconds.
    connection.pump()
    if connection.client.state != READY or connection.busy():
        connection.stop()
    connection.client.forgive()
