"""What is cut, frozen or damaged is noticed: half pictures, Blenders that give no sign, the queue's own files."""

from __future__ import annotations

import json
import os
import struct
import sys
import time
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pytest

from emodifftalk.core.blender_process import Blender
from emodifftalk.shots.command import progress_line
from emodifftalk.shots.complete_picture import is_complete
from emodifftalk.shots.journal import Journal, append
from emodifftalk.shots.planning import Planner
from emodifftalk.shots.queue_folder import QueueFolder
from emodifftalk.shots.render_blender import message
from emodifftalk.shots.report import remarks, status_sentence
from emodifftalk.shots.runner import Runner, RunnerSettings
from emodifftalk.shots.shot_list import EXTENSIONS, load_list
from emodifftalk.shots.snapshot import Snapshots
from tests.helpers.pixel import PIXEL

CODECS = {"OPEN_EXR": ("ZIP", "PIZ", "DWAA", "NONE"), "OPEN_EXR_MULTILAYER": ("ZIP", "DWAB")}


def write(path: Path, style: str, codec: str) -> None:
    """A picture as Blender writes it: of 70 × 37 noisy pixels, or, with layers, rendered of nothing."""
    import bpy

    scene = bpy.context.scene
    look = scene.render.image_settings
    if hasattr(look, "media_type"):
        look.media_type = "MULTI_LAYER_IMAGE" if style == "OPEN_EXR_MULTILAYER" else "IMAGE"
    look.file_format = style
    if codec:
        look.exr_codec = codec
        assert look.exr_codec == codec
    if style == "OPEN_EXR_MULTILAYER":
        scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        scene.collection.objects.link(scene.camera)
        scene.render.engine, scene.cycles.samples = "CYCLES", 1
        scene.render.resolution_x, scene.render.resolution_y, scene.render.filepath = 70, 37, str(path)
        bpy.ops.render.render(write_still=True)
        return
    image = bpy.data.images.new("A", 70, 37, alpha=True, float_buffer=style.startswith("OPEN_EXR"))
    image.pixels.foreach_set([((i * 7919) % 255) / 255 for i in range(70 * 37 * 4)])
    image.save_render(str(path))
    bpy.data.images.remove(image)


@pytest.mark.once
@pytest.mark.parametrize(("style", "codec"), [(s, c) for s in EXTENSIONS for c in CODECS.get(s, ("",))])
def test_a_picture_cut_anywhere_is_not_finished(tmp_path, scene, style, codec):
    path = tmp_path / f"a{EXTENSIONS[style]}"
    write(path, style, codec)
    assert is_complete(path)
    whole = path.read_bytes()
    for part in range(20):
        path.write_bytes(whole[: len(whole) * part // 20])
        assert not is_complete(path), part
    path.write_bytes(whole[:-3])
    assert not is_complete(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_picture(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    assert not is_complete(tmp_path / "a.png")
    with pytest.raises(OSError, match="no plain file"):
        append(tmp_path / "a.png", {"event": "frame"})


def test_a_picture_of_endless_pieces_is_answered_at_once(tmp_path):
    began = time.monotonic()
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64 << 20))
    directory = b"\x01\0" + struct.pack("<HHII", 273, 1, 60 << 20, 100) + bytes(4)
    (tmp_path / "a.tif").write_bytes(b"II*\0\x08\0\0\0" + directory + bytes(64 << 20))
    assert not is_complete(tmp_path / "a.png") and not is_complete(tmp_path / "a.tif")
    assert time.monotonic() - began < 2


WORKER = """
import json, os, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[sys.argv.index("--core") + 1])
from emodifftalk.shots.render_blender import SAY
for line in sys.stdin:
    told = json.loads(line)
    if told["do"] == "end":
        break
    if told["do"] == "frame":
        path = Path(told["path"])
        mark = path.parent / "tried"
        if told["frame"] == 2 and not mark.exists():
            mark.touch()
            {trouble}
        path.write_bytes(bytes.fromhex("{pixel}"))
    print(f"\\n{{SAY}}" + json.dumps({{"event": "did", "seconds": 0.1, "frames": [1, 3]}}), flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot stop a process")
@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGSTOP)", "gave no sign"),
        ("print('\\n' + SAY + '[' * 5000, flush=True); time.sleep(60)", "nonsense"),
        ('print(\'\\n\' + SAY + \'{"event": "did", "seconds": "x"}\', flush=True); time.sleep(60)', "nonsense"),
    ],
)
def test_a_blender_that_hangs_or_talks_nonsense_is_ended_and_its_frame_given_to_another(tmp_path, trouble, said):
    (tmp_path / "worker.py").write_text(WORKER.format(trouble=trouble, pixel=PIXEL.hex()))
    (tmp_path / "a.blend").write_bytes(b"BLENDER")
    (tmp_path / "list.json").write_text(json.dumps({"shots": [{"name": "a", "blend": "a.blend", "frames": [1, 3]}]}))
    shots = load_list(tmp_path / "list.json")
    blender = Blender(sys.executable, is_module=True)
    status = Runner(shots, RunnerSettings(blender, tmp_path / "worker.py", patience=0.8)).run()
    assert status["state"] == "done" and status["shots"][0]["done"] == 3
    missed = [entry for entry in Journal(shots.shots[0]).entries() if entry["event"] == "missed"]
    assert len(missed) == 1 and missed[0]["what"] == 2 and said in missed[0]["reason"]
    (remark,) = remarks(status["shots"][0])
    assert said in remark and "frame 2" in remark and remark.endswith("another Blender took its place.")


def test_opening_a_file_has_a_limit_of_its_own(tmp_path):
    slow = "import time\ntime.sleep(0.6)\n" + WORKER.format(trouble="pass", pixel=PIXEL.hex())
    (tmp_path / "worker.py").write_text(slow)
    shots = load_list(shot_of(tmp_path).blend.with_name("list.json"))
    settings = RunnerSettings(Blender(sys.executable, is_module=True), tmp_path / "worker.py", patience=0.3)
    assert Runner(shots, settings).run()["state"] == "done"
    rmtree(shots.folder)
    status = Runner(shots, replace(settings, patience_to_open=0.2)).run()
    assert status["state"] == "failed" and "gave no sign" in status["shots"][0]["problem"]


@pytest.mark.parametrize("damage", ["log", "report"])
def test_a_folder_in_the_place_of_a_file_stops_no_other_shot(tmp_path, damage):
    (tmp_path / "worker.py").write_text(WORKER.format(trouble="pass", pixel=PIXEL.hex()))
    (tmp_path / "a.blend").write_bytes(b"BLENDER")
    names = [{"name": name, "blend": "a.blend", "frames": [1, 1]} for name in "ab"]
    (tmp_path / "list.json").write_text(json.dumps({"shots": names}))
    shots = load_list(tmp_path / "list.json")
    path = shots.shots[0].folder / "log" / "blender.log" if damage == "log" else shots.folder / "report.html"
    path.mkdir(parents=True)
    settings = RunnerSettings(Blender(sys.executable, is_module=True), tmp_path / "worker.py")
    states = {shot["name"]: shot["state"] for shot in Runner(shots, settings).run()["shots"]}
    assert states == {"a": "failed" if damage == "log" else "done", "b": "done"}


@pytest.mark.parametrize(
    "line", ['{"event": "did"}', '{"event": "opened"}', '{"event": "did", "frames": [1]}', "[]", '{"event": []}', "\0"]
)
def test_a_blender_that_says_nothing_sensible_of_its_file_is_not_believed(line):
    with pytest.raises(ValueError):
        message(line, opening=True)
    assert message('{"event": "missed", "text": 7}', opening=True)["text"] == "7"


def test_a_snapshot_that_a_kill_left_goes_with_the_next_run_even_of_a_file_no_longer_listed(tmp_path):
    killed, others = Snapshots(tmp_path / "renders"), Snapshots(tmp_path / "elsewhere")
    for name in ("a.blend", "b.blend"):
        (tmp_path / name).write_bytes(b"BLENDER")
        killed.take(tmp_path / name), others.take(tmp_path / name)
    again = Snapshots(tmp_path / "renders")
    again.take(tmp_path / "a.blend")
    again.remove()
    assert len(list(tmp_path.glob(".*.shots.blend"))) == 2  # those of the other output folder


def shot_of(folder: Path):
    (folder / "a.blend").write_bytes(b"BLENDER")
    (folder / "list.json").write_text('{"shots": [{"name": "a", "blend": "a.blend"}]}')
    return load_list(folder / "list.json").shots[0]


@pytest.mark.parametrize(
    "entry",
    ['{"event": "begun", "frames": [0, 99999999999]}', '{"event": "begun", "frames": [5]}', "[" * 5000, '{"frame": 1}',
     '{"event": "begun", "frames": {"a": 1}, "fingerprint": []}', '{"event": "frame", "frame": 1, "seconds": "x"}',
     '{"event": "begun", "frames": [9, 1]}', '{"event": []}', "{}", "\\udcff", '{"event": "movie", "frames": 7}'],
)  # fmt: skip
def test_a_line_that_no_queue_writes_is_passed_over(tmp_path, entry):
    shot = shot_of(tmp_path)
    Journal(shot).append(event="begun", fingerprint={}, frames=None)
    with open(Journal(shot).path, "a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(entry + "\n")
    assert [entry["event"] for entry in Journal(shot).entries()] == ["begun"]
    work = Planner(Snapshots(shot.folder), "refuse").plan(shot)
    assert not work.problem and Journal(shot).seconds(1) == 0.0


def test_a_shot_whose_folder_is_damaged_fails_alone(tmp_path):
    shot = shot_of(tmp_path)
    shot.folder.mkdir(parents=True)
    (shot.folder / "log").write_text("a file in the place of a folder")
    work = Planner(Snapshots(shot.folder), "refuse").plan(shot)
    assert work.state == "failed" and work.problem.count(".") >= 1


GOOD = {
    "state": "rendering", "pid": 1, "host": "a", "began": 1.0, "seconds": 1.0, "left": None, "jobs": 1, "blenders": [],
    "shots": [{"name": "a", "state": "done", "done": 1, "total": None, "rendered": 1, "seconds": 1.0, "failed": {},
               "low": [], "notes": [], "problem": "", "folder": "", "movie": "", "log": ""}],
}  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    [{"shots": 7}, {"shots": [{}]}, {"left": "soon"}, {"seconds": 1e999}, {"blenders": [10**400]}, {"state": []}],
)
def test_a_damaged_status_says_nothing(tmp_path, damage):
    folder = QueueFolder(tmp_path)
    folder.write_status(GOOD)
    assert status_sentence(folder.status()) and progress_line(folder.status())
    folder.write_status(GOOD | damage)
    assert folder.status() == {}


@pytest.mark.parametrize("asked", [b"\xff\xfe", b"dance", b"x" * 10_000])
def test_what_nobody_can_ask_is_not_obeyed(tmp_path, asked):
    folder = QueueFolder(tmp_path)
    folder.folder.mkdir()
    (folder.folder / "asked").write_bytes(asked)
    assert folder.asked() == ""
