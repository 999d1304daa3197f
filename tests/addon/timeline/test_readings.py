"""What words were read to mean is remembered: undo and reopening ask for nothing twice."""

from __future__ import annotations

import pytest

bpy = pytest.importorskip("bpy")

from addon.backend import connection
from addon.scene.strips import prompt_strips
from addon.timeline import reading, readings
from addon.timeline.prompts import add_prompt


def test_words_that_were_read_are_read_after_undo_and_after_reopening(head, scene, monkeypatch, tmp_path):
    asked = []

    def request(op, params, listener, arrays=None, by_itself=False):
        asked.append(params["text"])
        listener.done({"aus": {"AU12": 0.75}, "answer": ""})
        return len(asked)

    monkeypatch.setattr(connection, "request", request)
    add_prompt(head, scene, "smirk", 1)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.ed.undo_push(message="typed")
    reading.read_prompt(the_prompt())
    the_prompt().emodifftalk.ease_in = 1.0
    bpy.ops.ed.undo_push(message="eased")
    bpy.ops.ed.undo()
    assert the_prompt().emodifftalk.ease_in < 1.0
    assert reading.is_read(the_prompt()) and round(the_prompt().emodifftalk.aus.au12, 2) == 0.75
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert reading.is_read(the_prompt()) and asked == ["smirk"]


def the_prompt():
    head = next(obj for obj in bpy.data.objects if obj.emodifftalk.subject_path)
    return prompt_strips(head, bpy.context.scene)[0]


def test_what_was_read_is_remembered_on_this_computer_and_no_longer_than_it_holds(scene, monkeypatch, tmp_path):
    monkeypatch.setattr(readings, "user_folder", lambda name: tmp_path)
    readings.remember("smirk", {"aus": {"AU12": 0.75}, "answer": ""})
    readings._readings.clear()  # another session
    assert readings.recall("smirk")["aus"]["AU12"] == 0.75 and readings.recall("grin") is None
    monkeypatch.setattr(readings, "__version__", "another")
    assert readings.recall("smirk") is None
    monkeypatch.undo()
    for damaged in ("{", '{"reader": 1}', '{"reader": "x", "readings": {"smirk": {"aus": {"AU12": 7}, "answer": 1}}}'):
        monkeypatch.setattr(readings, "user_folder", lambda name: tmp_path)
        (tmp_path / "readings.json").write_text(damaged)
        readings._readings.clear()
        assert readings.recall("smirk") is None
