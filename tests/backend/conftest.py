"""Fixtures for the tests of the backend: networks on one thread, the backend as a process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from emodifftalk.core.protocol import PROTOCOL, read_message
from tests.helpers.places import BACKEND, with_paths


@pytest.fixture(scope="module")
def one_thread():
    """Torch on one thread: the networks are small, and the other core is not ours."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def backend():
    """The real backend process after its hello."""
    pytest.importorskip("torch")
    process = subprocess.Popen(
        [sys.executable, "-m", "emodifftalk", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=with_paths(BACKEND),
    )
    hello, _ = read_message(process.stdout)
    assert hello["event"] == "hello" and hello["protocol"] == PROTOCOL
    assert {"device", "rasterizer", "front_end", "text_encoder", "version"} <= set(hello)
    yield process
    process.stdin.close()  # as when Blender is gone
    assert process.wait(10) == 0, "the backend outlived the add-on"
