"""A file from elsewhere uses the backend once something is pressed; no path relative to a file is run."""

from __future__ import annotations

import os
import subprocess
from types import SimpleNamespace

import bpy
import pytest

from addon.backend import connection, home, installation, trust
from addon.backend.connection import Listener
from emodifftalk.core.errors import UserError

ASKED = Listener(done=lambda result: None, failed=lambda text: None)


@pytest.fixture
def started(monkeypatch, tmp_path):
    """Processes that would have been started, in a Blender with a window whose user has saved nothing yet."""
    words: list = []

    def popen(command, **_):
        words.append(command)
        raise OSError("no process in this test")

    monkeypatch.setattr(subprocess, "Popen", popen)
    monkeypatch.setattr(trust, "bpy", SimpleNamespace(app=SimpleNamespace(background=False), data=bpy.data))
    monkeypatch.setattr(trust, "user_folder", lambda name: tmp_path)
    yield words
    trust._trust.clear()


def open_file(path) -> None:
    path.write_bytes(b"somebody's")
    trust._on_load(str(path))


def test_what_a_strangers_file_asks_for_by_itself_starts_nothing(started, tmp_path):
    open_file(tmp_path / "downloaded.blend")
    with pytest.raises(UserError, match="not saved on this computer"):
        connection.request("text_to_au", {"text": "calm"}, ASKED, by_itself=True)
    assert connection.why_not_by_itself() == trust.WAITS and not started


def test_a_sample_in_the_extensions_own_folder_is_no_strangers(started, tmp_path):
    trust._on_load(str(trust.ROOT / "sample_scenes" / "hello.blend"))
    assert trust.is_given()
    trust._on_load(str(trust.ROOT / "sample_scenes_of_others" / "hello.blend"))
    assert not trust.is_given()


def test_a_press_is_enough_for_as_long_as_the_file_is_open(started, tmp_path):
    open_file(tmp_path / "downloaded.blend")
    with pytest.raises(UserError, match="cannot be started"):
        connection.request("text_to_au", {"text": "calm"}, ASKED)
    assert len(started) == 1 and trust.is_given()
    open_file(tmp_path / "another.blend")
    assert not trust.is_given()


def test_a_file_saved_here_is_known_again_until_another_takes_its_place(started, tmp_path):
    path = tmp_path / "shot.blend"
    path.write_bytes(b"ours")
    trust._on_save(str(path))
    trust._on_load(str(path))
    assert trust.is_given()
    path.write_bytes(b"somebody else's")
    trust._on_load(str(path))
    assert not trust.is_given()


def test_to_save_a_strangers_file_is_not_to_trust_it(started, tmp_path):
    path = tmp_path / "downloaded.blend"
    open_file(path)
    trust._on_save(str(path))
    trust._on_load(str(path))
    assert not trust.is_given()


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1, "b": [1], "c": ["x", 2]}', "[" * 9999])
def test_a_damaged_memory_is_an_empty_one(started, tmp_path, text):
    (tmp_path / "saved_here.json").write_text(text)
    open_file(tmp_path / "a.blend")
    assert not trust.is_given()


@pytest.mark.parametrize("path", ["//python.exe", "python3", "./venv/bin/python"])
def test_no_path_relative_to_the_open_file_is_run_or_installed_from(monkeypatch, path):
    chosen = SimpleNamespace(python_path=path, backend_folder=path, wheelhouse=path)
    for room in (connection, home, installation):
        monkeypatch.setattr(room, "preferences", lambda: chosen)
    with pytest.raises(UserError, match="no whole path"):
        connection.python_path()
    assert os.path.isabs(home.home().root) and installation.wheelhouse() is None
