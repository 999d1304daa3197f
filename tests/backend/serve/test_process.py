"""The backend as the add-on meets it: a child process, framed messages over its pipes, no port, no orphan."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emodifftalk.core.protocol import ProtocolError, read_message, write_message
from emodifftalk.serve import server
from tests.helpers.backend_process import ask

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.text().filter(lambda k: k != "arrays"), json_values, max_size=5), st.integers(0, 50))
def test_a_message_arrives_as_it_was_sent(header, rows):
    arrays = {"means": np.random.default_rng(rows).normal(size=(rows, 3)).astype(np.float32), "ids": np.arange(rows)}
    stream = io.BytesIO()
    write_message(stream, header, arrays)
    write_message(stream, {"last": True})
    stream.seek(0)
    found, received = read_message(stream)
    assert found == header
    assert all(np.array_equal(received[name], array) for name, array in arrays.items())
    assert read_message(stream) == ({"last": True}, {})
    with pytest.raises(EOFError):
        read_message(stream)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_nonsense_on_the_pipe_is_recognised(noise):
    try:
        read_message(io.BytesIO(noise))
    except (EOFError, ProtocolError):
        return
    pytest.fail("noise was taken for a message")


@pytest.mark.parametrize("spec", [{"dtype": "O"}, {"dtype": "<U9"}, {"shape": [-1]}, {"shape": [1 << 40]}])
def test_arrays_of_objects_or_absurd_sizes_are_refused(spec):
    import json

    text = json.dumps({"arrays": [{"name": "x", "dtype": "<f4", "shape": [1], **spec}]}).encode()
    with pytest.raises((ProtocolError, EOFError)):
        read_message(io.BytesIO(len(text).to_bytes(4, "little") + text + bytes(64)))


@pytest.mark.parametrize("wrong", [
    b"[1]", b"7", b'{"op": ["ping"], "id": 1}', b'{"op": "ping", "id": [1]}', b'{"op": "ping", "id": 1, "params": 3}',
    b'{"op": "cancel", "target": {}}',
])  # fmt: skip
def test_no_whole_frame_makes_the_server_deaf(wrong, monkeypatch):
    monkeypatch.setattr(server, "_abilities", dict)
    asked, said = io.BytesIO(len(wrong).to_bytes(4, "little") + wrong), io.BytesIO()
    asked.seek(0, io.SEEK_END)
    write_message(asked, {"id": 2, "op": "ping", "params": {}})
    asked.seek(0)
    server.Server(asked, said).run()
    said.seek(0)
    answers = []
    while said.tell() < len(said.getvalue()):
        answers.append(read_message(said)[0])
    assert {"id": 2, "event": "result", "result": {"pong": True}} in answers
    assert b"cancel" in wrong or "error" in [answer["event"] for answer in answers]


@pytest.mark.parametrize(
    "wrong", [b"no JSON", b"[" * 5000, b'{"op": "ping", "arrays": [{"name": [], "dtype": "<f4"}]}']
)
def test_after_a_frame_that_cannot_be_read_the_server_says_so_and_ends(wrong, monkeypatch):
    monkeypatch.setattr(server, "_abilities", dict)
    said = io.BytesIO()
    server.Server(io.BytesIO(len(wrong).to_bytes(4, "little") + wrong), said).run()
    said.seek(0)
    assert [read_message(said)[0]["event"] for _ in range(2)] == ["hello", "error"]


def test_it_answers_and_survives_what_it_cannot_do(backend):
    assert ask(backend, 1, "ping", {})["event"] == "result"
    unknown = ask(backend, 2, "dance", {})
    assert unknown["event"] == "error" and "differ in version" in unknown["text"]
    missing = ask(backend, 3, "drive", {"subject": "/nowhere.safetensors", "out": "/nowhere/out",
                                        "performance": {"format": "emodifftalk.performance", "schema": 1}})  # fmt: skip
    assert missing["event"] == "error" and "\n" not in missing["text"] and "nowhere" in missing["text"]
    assert ask(backend, 4, "drive", {"subject": 3})["event"] == "error"
    assert ask(backend, 5, "ping", {})["event"] == "result"


def test_a_request_cancelled_before_its_turn_is_never_begun(backend):
    write_message(backend.stdin, {"op": "cancel", "target": 11})
    time.sleep(0.2)
    reply = ask(backend, 11, "drive", {"subject": "/nowhere.safetensors", "out": "/x",
                                       "performance": {"format": "emodifftalk.performance", "schema": 1}})  # fmt: skip
    assert reply["event"] == "cancelled"


def test_it_listens_on_no_port(backend):
    sockets = Path(f"/proc/{backend.pid}/fd")
    if not sockets.is_dir():
        pytest.skip("this system does not show a process's files under /proc")
    opened = [os.readlink(link) for link in sockets.iterdir()]
    inodes = {name[8:-1] for name in opened if name.startswith("socket:")}
    listening = {line.split()[9] for table in ("tcp", "tcp6") for line in _table(table) if line.split()[3] == "0A"}
    assert not inodes & listening


def _table(name: str) -> list[str]:
    path = Path("/proc/net") / name
    return path.read_text().splitlines()[1:] if path.exists() else []
