"""Files come in through one door, plain ones and no more of them than their kind may hold, and go out whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emodifftalk.core import whole_file as writing
from emodifftalk.core.child_process import environment, find_program, module_words
from emodifftalk.core.errors import UserError
from emodifftalk.core.opening import opened, parse_json, read_bytes, read_json, read_text, resolve_inside
from emodifftalk.core.outside import ask_outside
from emodifftalk.core.told_to_end import ToldToEnd, ends_when_told
from emodifftalk.core.whole_file import sweep_parts, whole_file, whole_path

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


@pytest.fixture
def swept_anew():
    """Folders are looked through at once, as by a new process."""
    writing._swept.clear()
    yield
    writing._swept.clear()


def dead_pid() -> int:
    """The number of a process that is gone."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def part_of(path: Path, pid: int) -> Path:
    return path.with_name(f".{path.name}.{writing._this_computer()}-{pid}-00c0ffee.part")


@posix
def test_pipes_devices_and_folders_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "voice.wav")
    (tmp_path / "link.wav").symlink_to("/dev/zero")
    for path in (tmp_path / "voice.wav", tmp_path / "link.wav", tmp_path, Path("/dev/zero")):
        began = time.monotonic()
        with pytest.raises(UserError, match="plain file"):
            read_bytes(path, 100, "The voice")
        assert time.monotonic() - began < 1


def test_a_file_is_read_up_to_what_its_kind_may_hold(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfab")
    assert read_text(tmp_path / "a.txt", 5) == "ab"
    with pytest.raises(UserError, match=r"The list .* larger"):
        read_text(tmp_path / "a.txt", 4, "The list")


@pytest.mark.parametrize("name", ["missing", "zero\0byte", "x" * 5000])
def test_a_name_that_no_file_has_is_a_sentence(tmp_path, name):
    with pytest.raises(UserError):
        read_bytes(f"{tmp_path}/{name}", 10)


def test_a_fault_of_ours_while_reading_is_not_called_the_files(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(ZeroDivisionError), opened(tmp_path / "a", 10):
        _ = 1 / 0


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "[" * 40 + "]" * 40, '{"a":' * 40 + "1" + "}" * 40, "[1", "\xff", "9" * 5000, ""]
)
def test_json_that_is_deep_or_none_is_a_sentence(tmp_path, text):
    (tmp_path / "a.json").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match="no JSON we can read"):
        read_json(tmp_path / "a.json")


def test_json_of_our_depth_is_read():
    assert parse_json(b'\xef\xbb\xbf{"a": [[1], {"b": []}]}') == {"a": [[1], {"b": []}]}


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "C:/a", "a\0b", "", 7, None])
def test_a_file_names_only_what_lies_in_its_folder(tmp_path, name):
    with pytest.raises(UserError, match="outside"):
        resolve_inside(tmp_path, name)


@posix
def test_links_in_a_circle_lead_nowhere(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(UserError):
        read_bytes(resolve_inside(tmp_path, "a"), 10)


@posix
def test_what_is_no_plain_file_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder").mkdir()
    before = sorted(os.listdir(tmp_path))
    for name in before:
        with pytest.raises(OSError, match="not replaced"), whole_file(tmp_path / name) as stream:
            stream.write(b"take")
    assert sorted(os.listdir(tmp_path)) == before


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "a") as stream:
        stream.write(b"half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    with whole_path(tmp_path / "a", ".mp4") as part:
        part.write_bytes(b"all")
        assert part.suffix == ".mp4"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@posix
def test_a_process_that_is_told_to_end_tidies_up_first(tmp_path):
    with pytest.raises(ToldToEnd), ends_when_told(), whole_file(tmp_path / "take") as stream:
        stream.write(b"half")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
    assert not list(tmp_path.iterdir()) and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.usefixtures("swept_anew")
def test_what_a_killed_process_left_is_swept_by_the_next_that_writes_there(tmp_path):
    left, living = part_of(tmp_path / "take", dead_pid()), part_of(tmp_path / "take", os.getppid())
    ours_of_before = part_of(tmp_path / "other", os.getpid())  # another process had our number
    folder = left.with_name(left.name.replace("take", "shot"))
    for path in (left, living, ours_of_before):
        path.write_bytes(b"half")
    folder.mkdir()
    (folder / "frame").touch()
    (tmp_path / ".mine.part").touch()
    with whole_file(tmp_path / "take") as stream:
        stream.write(b"all")
        sweep_parts(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([".mine.part", living.name, "take"])


@pytest.mark.usefixtures("swept_anew")
def test_a_part_of_yesterday_is_nobodys(tmp_path):
    elsewhere = tmp_path / ".take.abcdef-12-00c0ffee.part"
    elsewhere.touch()
    sweep_parts(tmp_path)
    assert elsewhere.exists()
    os.utime(elsewhere, (0, 0))
    writing._swept.clear()
    sweep_parts(tmp_path)
    assert not elsewhere.exists()


def test_children_are_told_what_is_written_down_and_no_other_code(monkeypatch):
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "LD_PRELOAD", "PYTHONINSPECT", "SECRET_TOKEN"):
        monkeypatch.setenv(name, "/tmp/evil")
    passed = environment()
    assert not {"PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "LD_PRELOAD", "PYTHONINSPECT", "SECRET_TOKEN"} & set(
        passed
    )
    assert passed["PYTHONSAFEPATH"] == "1" and "PATH" in {name.upper() for name in passed}


def test_a_module_in_the_current_folder_is_not_run(tmp_path):
    for name in ("json", "numpy", "sitecustomize", "usercustomize", "emodifftalk"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write('x')\nraise SystemExit(9)")
    done = subprocess.run(module_words(sys.executable, "json.tool", "--help"), cwd=tmp_path, env=environment())
    assert done.returncode == 0 and not (tmp_path / "ran").exists()


@posix
def test_a_program_beside_a_file_is_not_taken_for_one_of_the_computers(tmp_path, monkeypatch):
    (tmp_path / "blender").write_text("#!/bin/sh\n")
    (tmp_path / "blender").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join((".", "")))
    assert find_program("blender") is None
    assert find_program("./blender") == str(tmp_path / "blender")


def test_the_death_of_a_reader_outside_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "reader.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    (tmp_path / "hangs.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr("emodifftalk.core.outside.SOURCES", tmp_path)
    with pytest.raises(UserError, match=r"scan\.usdc is damaged: .* (SIGSEGV|exit code)"):
        ask_outside("reader", [], "scan.usdc")
    with pytest.raises(UserError, match="within 0 seconds"):
        ask_outside("hangs", [], "scan.usdc", seconds=0.3)
