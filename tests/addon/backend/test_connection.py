"""The backend as the animator meets it: it works, is cancelled, dies, lies, falls silent; Blender carries on."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from addon.backend import connection
from addon.backend.client import BUSY, DEAD, DEATHS, READY, STARTING, STOPPED, BackendClient
from addon.blender import compat
from addon.curves.au_curves import drawn_over, path_of
from addon.playback import gaussians, sources, take_time
from addon.scene.heads import settings
from addon.takes.generate import job_of, start_job
from addon.timeline.prompts import add_prompt
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_INDEX
from tests.helpers.waiting import until

# A process that says hello like the backend and then does what a test wants. It is run by a real interpreter over real
# pipes; only the work is played.
ACTOR = """
import json, os, struct, sys, time

def say(**message):
    text = json.dumps(message).encode()
    sys.stdout.buffer.write(struct.pack("<I", len(text)) + text)
    sys.stdout.buffer.flush()

def hear():
    size = sys.stdin.buffer.read(4)
    return json.loads(sys.stdin.buffer.read(struct.unpack("<I", size)[0])) if size else {"op": "shutdown"}

def hello(protocol=1):
    say(event="hello", protocol=protocol, version="0.1.0", device="cpu")

"""


@pytest.fixture
def play(tmp_path):
    """Starts a client whose backend follows a script."""
    started: list[BackendClient] = []

    def start(script: str, **options) -> BackendClient:
        package = tmp_path / "emodifftalk"
        package.mkdir(exist_ok=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(ACTOR + script)
        client = BackendClient(**options)
        started.append(client)
        client.start(sys.executable, tmp_path)
        return client

    yield start
    for client in started:
        client.stop()


def answers(client: BackendClient, number: int) -> list[dict]:
    """All replies to a request until it has ended."""
    heard: list[dict] = []
    until(lambda: bool(heard) and heard[-1]["event"] != "progress", lambda: heard.extend(client.poll()), 20)
    assert {reply["id"] for reply in heard} == {number}
    return heard


def test_progress_and_result_arrive_in_order_and_the_state_follows(play):
    client = play(
        """
time.sleep(0.2)
hello()
request = hear()
say(id=request["id"], event="progress", fraction=0.5, stage="x", text="halfway")
say(id=request["id"], event="result", result={"echo": request["params"]})
hear()
"""
    )
    assert client.state == STARTING
    number = client.request("drive", {"words": "größer"})
    heard = answers(client, number)
    assert [reply["event"] for reply in heard] == ["progress", "result"]
    assert heard[1]["result"] == {"echo": {"words": "größer"}}
    assert client.state == READY and client.hello["device"] == "cpu"
    client.stop()
    assert client.state == STOPPED and not client.alive


def test_a_large_request_to_a_backend_that_is_still_starting_does_not_block_blender(play):
    client = play(
        """
time.sleep(1)
hello()
request = hear()
say(id=request["id"], event="result", result={"n": len(request["params"]["x"])})
hear()
"""
    )
    number = client.request("drive", {"x": "y" * 3_000_000})
    client.poll()
    assert client.state == STARTING, "the request waited for the backend"
    assert answers(client, number)[-1]["result"] == {"n": 3_000_000}


def test_dying_at_the_start_tells_the_last_words(play):
    client = play("sys.stderr.write('No module named torch\\n'); sys.exit(3)")
    number = client.request("ping", {})
    text = answers(client, number)[-1]["text"]
    assert "while starting" in text and "exit code 3" in text and "No module named torch" in text
    assert client.state == DEAD


def test_another_protocol_is_refused(play):
    client = play("hello(protocol=99)\nhear()")
    text = answers(client, client.request("ping", {}))[-1]["text"]
    assert "update both" in text and client.state == DEAD


def test_nonsense_on_the_pipe_ends_it(play):
    client = play("hello()\nhear()\nsys.stdout.buffer.write(b'\\xff' * 64); sys.stdout.buffer.flush(); time.sleep(60)")
    text = answers(client, client.request("ping", {}))[-1]["text"]
    assert "makes no sense" in text and client.state == DEAD and not client.alive


def test_a_death_nobody_has_noticed_is_heard_of_when_it_is_started_again(play, tmp_path):
    client = play("hello()\nhear()\nsys.exit(3)")
    number = client.request("ping", {})
    until(lambda: not client.alive, lambda: None, 20)
    client.start(sys.executable, tmp_path)
    ended = [reply for reply in client.poll() if reply.get("id") == number]
    client.stop(0.0)
    assert [reply["event"] for reply in ended] == ["error"] and "exit code 3" in ended[0]["text"]

    def writing():
        return [thread for thread in threading.enumerate() if thread.name.startswith("emodifftalk_write")]

    until(lambda: not writing(), lambda: None, 20)


def test_a_backend_that_never_says_hello_is_given_up(play):
    client = play("time.sleep(60)", start_seconds=0.3)
    assert "did not start within" in answers(client, client.request("ping", {}))[-1]["text"]
    assert not client.alive


def test_a_backend_that_keeps_dying_is_not_started_for_ever(play, tmp_path):
    client = play("sys.exit(1)")
    for _ in range(DEATHS):
        until(lambda: client.state == DEAD, client.poll, 20)
        if len(client._deaths) < DEATHS:
            client.start(sys.executable, tmp_path)
    with pytest.raises(UserError, match="died 3 times"):
        client.start(sys.executable, tmp_path)
    client.forgive()
    client.start(sys.executable, tmp_path)


def test_blender_leaves_nothing_running(play):
    client = play("hello()\nwhile True: time.sleep(1)")
    until(lambda: client.state == READY, client.poll, 20)
    pid, began = client.pid, time.monotonic()
    client.stop(seconds=0.2)
    assert time.monotonic() - began < 10
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_an_interpreter_that_is_not_there_is_a_sentence(scene, monkeypatch):
    monkeypatch.setenv("EMODIFFTALK_PYTHON", "/nowhere/python")
    assert "/nowhere/python does not exist" in connection.unavailable_reason()
    with pytest.raises(UserError, match="preferences"):
        connection.start()


# From here on the real backend.


def running(head):
    """A job of the head that has reported progress."""
    job = start_job(head, bpy.context)
    until(lambda: job.fraction > 0, connection.pump)
    assert connection.client.state == BUSY
    return job


@pytest.mark.slow
def test_generate_makes_a_take_that_plays_without_the_backend(speaking, scene, tmp_path, capfd):
    assert bpy.ops.emodifftalk.generate() == {"FINISHED"}
    assert "EmoDiffTalk:" in capfd.readouterr().out
    entry = settings(speaking).takes[0]
    assert entry.path.startswith("//takes") and (tmp_path / "takes").is_dir()
    connection.stop()
    take = sources.take_of(speaking)
    assert take.duration == pytest.approx(169 / 24, abs=0.05)
    scene.frame_set(10 + 30)
    early = gaussians.current_gaussians(speaking, scene)
    scene.frame_set(10 + 36)
    assert np.abs(gaussians.current_gaussians(speaking, scene).means - early.means).max() > 1e-4
    smile = take.aus[:, AU_INDEX["AU12"]]
    assert smile[80:110].mean() > smile[10:50].mean() + 0.1


@pytest.mark.slow
def test_generating_again_after_a_late_change_keeps_the_frames_it_does_not_touch(speaking, scene):
    assert bpy.ops.emodifftalk.generate() == {"FINISHED"}
    before = sources.take_of(speaking)
    add_prompt(speaking, scene, "furious", 165)
    assert bpy.ops.emodifftalk.generate() == {"FINISHED"}
    entry, after = settings(speaking).takes[1], sources.take_of(speaking)
    assert f"of {after.frames} frames as they were" in entry.note
    assert np.array_equal(before.frame(40).rotations, after.frame(40).rotations)
    assert not np.array_equal(before.frame(165).offsets, after.frame(165).offsets)


@pytest.mark.slow
def test_a_unit_drawn_over_in_the_graph_editor_is_generated_and_only_around_what_was_drawn(speaking, scene):
    assert bpy.ops.emodifftalk.generate() == {"FINISHED"}
    before = sources.take_of(speaking)
    assert bpy.ops.emodifftalk.show_au_curves() == {"FINISHED"}
    last = take_time.take_clock(speaking, scene).frame(before.duration)
    curve = next(c for c in compat.fcurves(speaking) if c.data_path == path_of("AU15"))
    curve.keyframe_points.insert(last - 13, curve.evaluate(last - 13))  # from here on
    for key in curve.keyframe_points:
        key.co.y = 0.8 if key.co.x > last - 12 else key.co.y
    curve.update()
    assert bpy.ops.emodifftalk.generate() == {"FINISHED"}
    after, frown = sources.take_of(speaking), AU_INDEX["AU15"]
    assert after.aus[-3:, frown].min() > before.aus[-3:, frown].max() + 0.3
    assert np.array_equal(after.aus[:75], before.aus[:75])
    assert np.array_equal(after.aus_emotion, before.aus_emotion)
    assert f"of {after.frames} frames as they were" in settings(speaking).takes[1].note
    assert drawn_over(speaking) == ["AU15"], "what was only shown follows the new take"


@pytest.mark.slow
def test_what_the_words_mean_is_shown_on_the_strips(speaking, scene):
    strip = add_prompt(speaking, scene, "a broad smile", 150)[0]
    assert bpy.ops.emodifftalk.read_prompt(uid=strip.emodifftalk.uid) == {"FINISHED"}
    assert strip.emodifftalk.aus.au12 > 0.2 and not strip.emodifftalk.answer


@pytest.mark.slow
def test_words_nobody_knows_are_answered_on_the_strip_and_in_the_take(speaking, scene):
    strip = add_prompt(speaking, scene, "xqzt vrblk", 150)[0]
    assert bpy.ops.emodifftalk.read_prompt(uid=strip.emodifftalk.uid) == {"FINISHED"}
    assert strip.emodifftalk.answer.startswith("I do not know this one. The nearest feelings I know:")
    assert bpy.ops.emodifftalk.generate() == {"FINISHED"}
    assert "“xqzt vrblk”: I do not know this one" in settings(speaking).takes[0].note


@pytest.mark.slow
def test_killed_in_mid_work_blender_carries_on_and_the_next_generate_starts_it_again(speaking, scene, tmp_path):
    job = running(speaking)
    os.kill(connection.client.pid, signal.SIGKILL)
    until(lambda: not job.running, connection.pump, 10)
    assert "middle of its work" in job.problem and "SIGKILL" in job.problem and "Press Generate" in job.problem
    assert job_of(speaking) is job and connection.client.state == DEAD
    scene.frame_set(33)
    assert not settings(speaking).takes and not list((tmp_path / "takes").glob("*"))
    assert bpy.ops.emodifftalk.generate() == {"FINISHED"}
    assert len(settings(speaking).takes) == 1


@pytest.mark.slow
def test_cancelling_keeps_nothing_and_the_backend_stays(speaking, tmp_path):
    job = running(speaking)
    pid = connection.client.pid
    assert bpy.ops.emodifftalk.cancel() == {"FINISHED"}
    until(lambda: not job.running, connection.pump, 30)
    assert job.problem == "" and not settings(speaking).takes and not list((tmp_path / "takes").glob("*"))
    assert connection.client.pid == pid and connection.client.state in (READY, BUSY)


@pytest.mark.slow
def test_deleting_the_head_while_it_is_generated_harms_nobody(speaking):
    job = running(speaking)
    bpy.data.objects.remove(speaking)
    until(lambda: not job.running, connection.pump)
    assert not job.problem


@pytest.mark.slow
def test_what_the_backend_refuses_is_shown_as_its_sentence(speaking, tmp_path):
    (tmp_path / "voice.wav").write_bytes(b"RIFF" + bytes(100))
    bpy.data.sounds[0].filepath = str(tmp_path / "voice.wav")
    with pytest.raises(RuntimeError, match=r"voice\.wav"):
        bpy.ops.emodifftalk.generate()
    assert connection.client.state == READY


def test_generate_says_why_it_cannot(scene, head):
    from addon.takes.generate import why_not

    assert "Choose a voice" in why_not(bpy.context)
    assert not bpy.ops.emodifftalk.generate.poll()
    bpy.data.objects.remove(head)
    assert "Import a subject" in why_not(bpy.context)
