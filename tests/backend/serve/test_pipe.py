"""No message, however wrong, makes the backend deaf, keeps it alive, or reaches those who wait at the other end."""

from __future__ import annotations

import io
import json
import queue
import struct
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from addon.backend.client import _read_replies
from emodifftalk.core.protocol import Nonsense, ProtocolError, read_message, write_message
from emodifftalk.serve import server as serving

HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["id", "op", "params", "target", "arrays", "event", "fraction", "result", "text"])
OPS = st.sampled_from(["ping", "cancel", "text_to_au", "drive", "shutdown ", "rasterize", "preview", "export"])


def framed(header: object, behind: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<I", len(text)) + text + behind


def served(data: bytes, monkeypatch) -> list[dict]:
    """What a backend answers to everything that is said to it before its pipe is closed."""
    monkeypatch.setattr(serving, "_abilities", dict)
    sink = io.BytesIO()
    worker = threading.Thread(target=serving.Server(io.BytesIO(data), sink).run, daemon=True)
    worker.start()
    worker.join(20)
    assert not worker.is_alive(), "it outlives its pipe"
    sink.seek(0)
    answers = []
    while sink.tell() < len(sink.getvalue()):
        answers.append(read_message(sink)[0])
    return answers


PING = framed({"id": 7, "op": "ping", "params": {}})


@settings(max_examples=30, deadline=None)
@given(header=st.dictionaries(KEYS, HOSTILE, max_size=5) | HOSTILE, op=OPS)
def test_whatever_a_message_says_the_next_one_is_heard(header, op):
    if isinstance(header, dict):
        header = {**header, "op": header.get("op", op)}
        header.pop("arrays", None)
    with pytest.MonkeyPatch.context() as patch:
        answers = served(framed(header) + PING, patch)
    assert {"id": 7, "event": "result", "result": {"pong": True}} in answers


@pytest.mark.parametrize(
    "data",
    [b"[" * 100_000, b'{"id": ' + b"9" * 5000 + b"}", b"\xff\xfe", b"null", b"7", b'{"op": "cancel", "target": []}',
     b'{"op": [], "id": {}}', b'{"op": "drive", "id": 1, "params": []}', b'{"id": 1, "op": "cancel", "target": 1e999}'],
)  # fmt: skip
def test_it_answers_and_goes_on_where_the_pipe_is_in_step(data, monkeypatch):
    answers = served(framed(data) + PING, monkeypatch)
    assert answers[-1] == {"id": 7, "event": "result", "result": {"pong": True}}


@pytest.mark.parametrize("op", ["drive", "preview", "export", "rasterize", "text_to_au", "capture", "train_subject"])
def test_parameters_of_the_wrong_kind_are_one_sentence_and_no_fault(op, monkeypatch):
    some = {"subject": "a", "text": 7, "out": "b", "capture": "c", "blend": "d", "script": "e", "seconds": 1e999}
    wrong = ({"settings": {"steps": "x", "no": 1}}, {"settings": 7}, {"performance": [10**400]})
    asked = b"".join(framed({"id": i, "op": op, "params": some | more}) for i, more in enumerate(wrong))
    answers = served(asked, monkeypatch)[1:]
    assert [answer["event"] for answer in answers] == ["error"] * 3
    assert not [answer for answer in answers if "fault of its own" in answer["text"]]


ARRAYS = [
    [{"name": "a", "dtype": "V8", "shape": [1]}],
    [{"name": "a", "dtype": "O", "shape": [1]}],
    [{"name": "a", "dtype": ",,", "shape": [1]}],
    [{"name": "a", "dtype": "<f4", "shape": [1] * 33}],
    [{"name": "a", "dtype": "<f4", "shape": [2**40, 2**40]}],
    [{"name": "a", "dtype": "<f4", "shape": [-1]}],
    [{"name": "a", "dtype": "<f8", "shape": [1 << 26]}] * 9,
    [{"name": "a", "dtype": "f3", "shape": [1]}],
    [7],
    {"a": 1},
]


@pytest.mark.parametrize("arrays", ARRAYS)
def test_arrays_that_cannot_be_end_it_with_an_answer(arrays, monkeypatch):
    answers = served(framed({"id": 1, "op": "ping", "arrays": arrays}), monkeypatch)
    assert answers[-1]["event"] == "error"


def test_room_is_made_as_bytes_arrive():
    import tracemalloc

    header = {"id": 1, "op": "ping", "arrays": [{"name": "a", "dtype": "|u1", "shape": [1 << 30]}]}
    tracemalloc.start()
    with pytest.raises(EOFError):
        read_message(io.BytesIO(framed(header, b"few")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_messages_come_through_as_they_were():
    stream = io.BytesIO()
    write_message(stream, {"id": 3}, {"a": np.arange(6.0).reshape(2, 3), "b": np.zeros((0, 4), np.int8)})
    stream.seek(0)
    header, arrays = read_message(stream)
    assert header == {"id": 3} and arrays["a"].tolist() == [[0, 1, 2], [3, 4, 5]] and arrays["b"].shape == (0, 4)


@settings(max_examples=40, deadline=None)
@given(
    header=st.dictionaries(KEYS, HOSTILE, max_size=6) | HOSTILE, event=st.sampled_from(["progress", "result", "error"])
)
def test_replies_are_well_formed_or_the_pipe_counts_as_closed(header, event):
    if isinstance(header, dict):
        header = {"event": event, **header}
    events: queue.Queue[dict] = queue.Queue()
    _read_replies(io.BytesIO(framed(header)), events)
    heard = list(events.queue)
    assert heard[-1]["event"] == "closed"
    for reply in heard[:-1]:
        assert reply["event"] == "hello" or isinstance(reply["text"], str)
        assert reply["event"] != "progress" or np.isfinite(reply["fraction"])
        assert reply["event"] != "result" or isinstance(reply["result"], dict)


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=60))
def test_bytes_that_are_no_message_are_nonsense_or_the_end(data):
    with pytest.raises((EOFError, Nonsense, ProtocolError)):
        stream = io.BytesIO(data)
        while True:
            read_message(stream)


def test_a_job_that_does_not_listen_does_not_keep_a_process_that_nobody_hears(monkeypatch):
    left: list[int] = []
    monkeypatch.setattr(serving, "_PATIENCE", 0.05)
    monkeypatch.setattr(serving.os, "_exit", left.append)
    serving._leave_soon()
    time.sleep(0.3)
    assert left == [1]
