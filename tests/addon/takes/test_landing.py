"""What a job has made goes to its head; what is for a head deleted meanwhile changes nothing and waits for it."""

from __future__ import annotations

import pytest

bpy = pytest.importorskip("bpy")

from addon.playback import sources
from addon.scene.heads import active_take, present_head, settings
from addon.takes import generate, performance, waiting
from addon.takes.job import Job
from addon.timeline.prompts import add_prompt
from tests.helpers.tiny_subject import save_tiny_take


@pytest.fixture
def job(head, scene, tmp_path):
    """A job of the head as it ends: its take has just been written."""
    add_prompt(head, scene, "calm", 1)
    path = tmp_path / "made.safetensors"
    save_tiny_take(path, sources.subject_of(head))
    yield Job(head.session_uid, performance.build_performance(head, scene), path)
    generate._on_load()


@pytest.fixture
def steps(monkeypatch):
    """The steps to undo that were made, which are made as in a window."""
    made = []

    def push(message: str) -> None:
        made.append(message)
        bpy.ops.ed.undo_push(message=message)

    monkeypatch.setattr(generate, "push_undo", push)
    return made


def takes(job) -> int:
    return len(settings(present_head(job.head_uid)).takes)


def delete(head) -> None:
    """As the animator does, who can undo it; the prompts go on naming the head."""
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.object.select_all(action="DESELECT")
    head.select_set(True)
    bpy.ops.object.delete()
    bpy.ops.ed.undo_push(message="Delete")


def test_a_take_is_listed_as_one_step_to_undo(job, steps):
    generate._finished(job, {})
    assert takes(job) == 1 and steps == ["EmoDiffTalk Take"] and not job.problem


def test_a_head_deleted_while_it_generates_is_back_after_one_undo_and_its_take_can_be_listed(head, job, steps):
    assert not bpy.ops.emodifftalk.list_waiting_takes.poll()
    delete(head)
    assert present_head(job.head_uid) is None
    generate._finished(job, {})
    assert steps == [] and job.path.is_file()
    assert bpy.ops.ed.undo() == {"FINISHED"}
    head = present_head(job.head_uid)
    assert head is not None and takes(job) == 0 and waiting.of(head) == [job]
    bpy.context.view_layer.objects.active = head
    assert bpy.ops.emodifftalk.list_waiting_takes() == {"FINISHED"}
    assert takes(job) == 1 and active_take(head).name == "made" and waiting.of(head) == []
    assert not bpy.ops.emodifftalk.list_waiting_takes.poll()


def test_a_prompt_that_holds_a_deleted_head_does_not_make_its_take_land(head, job, steps):
    bpy.context.view_layer.objects.active = None
    for collection in head.users_collection:
        collection.objects.unlink(head)
    generate._finished(job, {})
    assert len(settings(head).takes) == 0 and steps == []
    bpy.context.scene.collection.objects.link(head)
    assert waiting.of(head) == [job]


def test_a_take_that_was_listed_late_and_removed_is_not_offered_again(head, job, steps):
    waiting.keep(job)
    bpy.ops.emodifftalk.list_waiting_takes()
    bpy.ops.emodifftalk.remove_take()
    assert takes(job) == 0 and waiting.of(head) == []


def test_a_take_that_waits_and_cannot_be_read_or_is_gone_changes_nothing(head, job):
    waiting.keep(job)
    job.path.write_bytes(b"cut")
    with pytest.raises(RuntimeError, match="made"):
        bpy.ops.emodifftalk.list_waiting_takes()
    assert takes(job) == 0
    job.path.unlink()
    assert waiting.of(head) == []


def test_a_take_that_cannot_be_read_is_a_problem_and_no_step_to_undo(job, steps):
    job.path.write_bytes(b"cut")
    generate._finished(job, {})
    assert job.problem and takes(job) == 0 and steps == []


def test_takes_that_live_makes_are_no_steps_and_wait_for_nobody(head, job, steps):
    job.live = True
    generate.land(job)
    assert takes(job) == 1 and steps == []
    delete(head)
    generate.land(job)
    bpy.ops.ed.undo()
    assert waiting.of(present_head(job.head_uid)) == [] and steps == []


def test_another_file_is_not_offered_the_takes_of_this_one(head, job):
    waiting.keep(job)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert waiting._jobs == {}
