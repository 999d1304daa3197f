"""The shot queue: lists are checked, frames survive kills and are rendered once, failures are said, voices in sync.

Real runners, real background Blenders (the bpy module), pictures of 24 pixels.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bpy")

from emodifftalk.core.errors import UserError
from emodifftalk.shots.complete_picture import is_complete
from emodifftalk.shots.journal import Journal, append
from emodifftalk.shots.queue_folder import QueueFolder
from emodifftalk.shots.shot_list import load_list
from emodifftalk.shots.work import ShotWork
from tests.helpers.pixel import PIXEL
from tests.helpers.places import BACKEND, with_paths
from tests.helpers.small_shots import BEEPS, FPS, FPS_BASE, RATE, save_shot

RUN = [sys.executable, "-m", "emodifftalk.shots"]
# Without a backend the engine draws with NumPy, which is quick enough here, and says so.
ENVIRONMENT = with_paths(BACKEND) | {"EMODIFFTALK_PYTHON": "/no/backend", "EMODIFFTALK_BLENDER": sys.executable}


@pytest.fixture(scope="module")
def blend(addon, tmp_path_factory) -> Path:
    """A scene of six frames with a head, two takes, a camera and a voice."""
    return save_shot(tmp_path_factory.mktemp("scene"))


@pytest.fixture
def folder(blend, tmp_path) -> Path:
    """A copy of the scene and its files, to queue."""
    shutil.copytree(blend.parent, tmp_path / "film")
    return tmp_path / "film"


def write_list(folder: Path, shots: list[dict], **more) -> Path:
    """A list of shots of scene.blend, beside it."""
    path = folder / "list.json"
    path.write_text(json.dumps({"shots": [{"blend": "scene.blend", **shot} for shot in shots], **more}))
    return path


def shots(*words: object, seconds: float = 120) -> subprocess.CompletedProcess:
    """Run a `shots` command to its end."""
    command = [*RUN, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=seconds, encoding="utf-8")


def start(*words: object) -> subprocess.Popen:
    """Begin `shots run`, in a process group of its own."""
    command = [*RUN, "run", *map(str, words)]
    return subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )


def wait_until(true: Callable[[], bool], process: subprocess.Popen) -> None:
    """Wait for something that must come true while the process runs."""
    end = time.monotonic() + 60
    while not true():
        assert process.poll() is None and time.monotonic() < end, process.stdout.read().decode()
        time.sleep(0.01)


def pictures(folder: Path) -> list[Path]:
    """The finished frames of every shot in renders."""
    return sorted((folder / "renders").glob("[!.]*/[!.]*.png"))


def render_log(folder: Path) -> list[tuple[str, str, int]]:
    """(shot, "began frame" or "frame", number) as the Blenders wrote it down, in order for each shot."""
    found = []
    for path in sorted((folder / "renders").glob("*/log/journal.jsonl")):
        for line in path.read_text().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # torn by a kill
            if entry["event"] in ("began frame", "frame"):
                found.append((path.parent.parent.name, entry["event"], entry["frame"]))
    return found


def rendered_again(folder: Path) -> list[tuple[str, int]]:
    """Frames that a Blender began after they were finished."""
    finished, again = set(), []
    for shot, event, frame in render_log(folder):
        if event == "began frame" and (shot, frame) in finished:
            again.append((shot, frame))
        elif event == "frame":
            finished.add((shot, frame))
    return again


@pytest.mark.once
@pytest.mark.slow
def test_killed_twice_no_frame_is_lost_or_rendered_twice(folder):
    names = [f"sh{number:03d}" for number in range(10, 50, 10)]
    path = write_list(folder, [{"name": name} for name in names], jobs=2)
    dice = random.Random()
    for share in (1 / 4, 2 / 4):
        process = start(path)
        wait_until(lambda share=share: len(pictures(folder)) >= share * 24, process)
        time.sleep(dice.uniform(0, 0.3))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert all(is_complete(picture) for picture in pictures(folder))
        assert not QueueFolder(folder / "renders").running
    before = {picture: picture.stat().st_mtime_ns for picture in pictures(folder)}
    assert 12 <= len(before) < 24
    done = shots("run", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [p.name for p in pictures(folder)] == [f"{name}_{frame:04d}.png" for name in names for frame in range(1, 7)]
    assert {picture: picture.stat().st_mtime_ns for picture in before} == before
    assert rendered_again(folder) == [] and all(is_complete(picture) for picture in pictures(folder))
    assert not list(folder.rglob(".*unfinished*")) and not list(folder.glob(".*.shots.blend"))
    stamps = {picture: picture.stat().st_mtime_ns for picture in pictures(folder)}
    assert shots("run", path).returncode == 0
    assert {picture: picture.stat().st_mtime_ns for picture in pictures(folder)} == stamps


@pytest.mark.slow
def test_what_is_broken_does_not_stop_the_rest_and_the_report_says_why(folder):
    before = (folder / "scene.blend").read_bytes()
    (folder / "torn.blend").write_bytes(before[: len(before) // 2])
    path = write_list(folder, [
        {"name": "no file", "blend": "nothing.blend"},
        {"name": "torn", "blend": "torn.blend"},
        {"name": "no camera", "camera": "Rear"},
        {"name": "no scene", "scene": "Kitchen"},
        {"name": "no take", "takes": {"Nora": "third"}},
        {"name": "lost take", "takes": {"Nora": "third.safetensors"}},
        {"name": "good", "frames": [2, 3], "takes": {"Nora": "second"}, "format": "OPEN_EXR"},
        {"name": "off", "camera": "Rear", "enabled": False},
    ])  # fmt: skip
    done = shots("run", path, "--jobs", 2)
    assert done.returncode == 1
    assert done.stderr.strip() == "emodifftalk: 6 of 7 shots failed; the report says why."
    report = json.loads((folder / "renders" / "report.json").read_text())
    why = {shot["name"]: shot["problem"] for shot in report["shots"]}
    assert why["no file"] == f"The file {folder / 'nothing.blend'} does not exist."
    assert "cannot be opened" in why["torn"]
    assert why["no camera"] == "There is no camera “Rear” in scene “Scene”: there are “Front”."
    assert why["no scene"] == "There is no scene “Kitchen”: there are “Scene”."
    assert why["no take"] == "“Nora” has no take “third”: it has “first”, “second”."
    assert str(folder / "third.safetensors") in why["lost take"] and why["good"] == ""
    good = next(shot for shot in report["shots"] if shot["name"] == "good")
    assert sorted(path.name for path in Path(good["folder"]).glob("*.exr")) == ["good_0002.exr", "good_0003.exr"]
    assert good["low"] == [2, 3] and any("without the backend" in note for note in good["notes"])
    page = (folder / "renders" / "report.html").read_text()
    assert "2 frames of low confidence: 2–3." in page and "no camera “Rear”" in page
    assert (folder / "scene.blend").read_bytes() == before
    told = shots("status", path).stdout
    assert "Nothing is running. Last time: 7 shots: 1 done, 6 failed" in told


@pytest.mark.once
@pytest.mark.slow
def test_a_blender_that_dies_is_tried_once_more(folder):
    path = write_list(folder, [{"name": "a", "frames": [1, 40]}, {"name": "b", "frames": [1, 2]}])
    process, queue = start(path), QueueFolder(folder / "renders")
    for most in (1, 15):
        wait_until(lambda most=most: queue.status() and queue.status()["shots"][0]["done"] >= most, process)
        victim = queue.status()["blenders"][0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda victim=victim: victim not in queue.status()["blenders"], process)
    said = process.communicate(timeout=60)[0].decode()
    assert process.returncode == 0 and "2 shots: 2 done" in said
    assert len(pictures(folder)) == 42 and rendered_again(folder) == []


@pytest.mark.once
@pytest.mark.slow
def test_pause_cancel_and_a_second_runner(folder):
    path = write_list(folder, [{"name": "a", "frames": [1, 300]}])
    queue, first = QueueFolder(folder / "renders"), start(path)
    wait_until(lambda: len(pictures(folder)) >= 2, first)
    second = shots("run", path)
    assert second.returncode == 1 and f"rendered already, by process {first.pid}" in second.stderr
    assert shots("pause", path).returncode == 0
    wait_until(lambda: queue.status().get("state") == "paused", first)
    wait_until(lambda: not queue.status()["blenders"], first)
    count = len(pictures(folder))
    time.sleep(0.5)
    assert len(pictures(folder)) == count
    assert shots("resume", path).returncode == 0
    wait_until(lambda: len(pictures(folder)) > count, first)
    assert queue.status()["left"] > 0
    first.send_signal(signal.SIGINT)
    said = first.communicate(timeout=30)[0].decode()
    assert first.returncode == 130 and "finished frames are kept; the same command goes on" in said
    assert 0 < len(pictures(folder)) < 300 and all(map(is_complete, pictures(folder)))
    assert "Nothing renders to" in shots("cancel", path).stderr


@pytest.mark.once
@pytest.mark.slow
def test_frames_of_another_version_are_not_mixed_unless_asked(folder):
    path = write_list(folder, [{"name": "a", "frames": [1, 2]}])
    assert shots("run", path).returncode == 0
    stamps = [picture.stat().st_mtime_ns for picture in pictures(folder)]
    write_list(folder, [{"name": "a", "frames": [1, 3], "takes": {"Nora": "second"}}])
    refused = shots("run", path)
    assert refused.returncode == 1 and "its takes changed since frames of this shot were rendered" in refused.stdout
    assert [picture.stat().st_mtime_ns for picture in pictures(folder)] == stamps
    (folder / "renders" / "a" / "notes.txt").write_text("mine")
    assert shots("run", path, "--changed", "render").returncode == 0
    assert len(pictures(folder)) == 3 and pictures(folder)[0].stat().st_mtime_ns != stamps[0]
    assert (folder / "renders" / "a" / "notes.txt").read_text() == "mine"


@pytest.mark.slow
def test_the_movie_has_the_voice_where_it_is_heard(folder):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    frames = 72
    talk = {"name": "talk", "frames": [1, frames], "movie": True}
    linear = {"name": "linear", "frames": [40, 41], "movie": True, "format": "OPEN_EXR", "codec": "PRORES"}
    done = shots("run", write_list(folder, [talk, linear], jobs=2))
    assert done.returncode == 0, done.stdout + done.stderr
    movie = folder / "renders" / "talk" / "talk.mp4"
    reader = imageio_ffmpeg.read_frames(str(movie))
    about = next(reader)
    shown = [np.frombuffer(data, np.uint8).reshape(24, 24, 3) for data in reader]
    assert len(shown) == frames and about["fps"] == pytest.approx(FPS / FPS_BASE, abs=0.005)
    from PIL import Image

    for number in (1, 40, frames):
        picture = np.array(Image.open(folder / "renders" / "talk" / f"talk_{number:04d}.png").convert("RGB"))
        assert shown[number - 1].mean() == pytest.approx(picture.mean(), abs=1.5)
    reader = imageio_ffmpeg.read_frames(str(folder / "renders" / "linear" / "linear.mov"))
    assert next(reader)["codec"] == "prores"
    through_view = np.frombuffer(next(reader), np.uint8)
    assert through_view.mean() == pytest.approx(shown[39].mean(), abs=1.5)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-i", movie, "-f", "s16le", "-ac", "1", "-"]
    sound = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, "<i2").astype(float)
    assert len(sound) / RATE == pytest.approx(frames * FPS_BASE / FPS, abs=0.05)
    loud = np.abs(sound) > 3000
    starts = [i / RATE for i in np.flatnonzero(loud) if not loud[max(0, i - RATE // 5) : i].any()]
    # The second piece of the voice was moved by 24 frames.
    assert starts == pytest.approx([BEEPS[0], BEEPS[1] + 24 * FPS_BASE / FPS], abs=0.02)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": ""}, "shot 1: “name” must begin"),
        ({"name": "../up"}, "“name” must begin"),
        ({"frames": [8, 1]}, r"shot 1 \(“a”\): “frames” goes from 8 to 1"),
        ({"frames": "1-8"}, r"“frames” must be the first and the last frame, like \[1, 24\]"),
        ({"frmes": [1, 8]}, "there is no field “frmes”, did you mean “frames”"),
        ({"format": "GIF"}, "“format” must be one of PNG, JPEG"),
        ({"movie": 1}, "“movie” must be true or false"),
        ({"movie": True, "step": 2}, "needs every frame"),
        ({"output": "../elsewhere"}, "“output” must lie inside"),
        ({"takes": ["Nora"]}, "“takes” must give each head a take"),
        ({"blend": 3}, "“blend” must be text"),
    ],
)
def test_a_mistake_in_the_list_names_the_shot_and_the_field(tmp_path, change, sentence):
    path = write_list(tmp_path, [{"name": "a", **change}])
    with pytest.raises(UserError, match=sentence) as refusal:
        load_list(path)
    assert "\n" not in str(refusal.value)


def test_two_shots_never_share_a_place(tmp_path):
    with pytest.raises(UserError, match="“a” and “A” have the same name"):
        load_list(write_list(tmp_path, [{"name": "a"}, {"name": "A"}]))
    with pytest.raises(UserError, match="“a” and “b” have the same output folder"):
        load_list(write_list(tmp_path, [{"name": "a"}, {"name": "b", "output": "a"}]))


def test_a_folder_of_files_is_a_list(tmp_path):
    for name in ("sh010.blend", "sh020/light.blend", ".sh010.0.shots.blend", "sh010.blend1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    made = json.loads(shots("make", tmp_path).stdout)
    assert [(shot["name"], shot["blend"]) for shot in made["shots"]] == [
        ("sh010", "sh010.blend"), ("sh020-light", "sh020/light.blend"),
    ]  # fmt: skip
    found = load_list(tmp_path)
    assert [shot.blend for shot in found.shots] == [tmp_path / "sh010.blend", tmp_path / "sh020" / "light.blend"]
    assert found.folder == tmp_path / "renders" and found.shots[0].frames is None


def test_a_frame_is_tried_twice_and_three_failed_ones_end_the_shot(tmp_path):
    shot = load_list(write_list(tmp_path, [{"name": "a", "frames": [1, 9]}])).shots[0]
    work = ShotWork(shot, Journal(shot), {}, shot.blend)
    work.plan(range(1, 10))
    for frame in (1, 2, 3):
        for _ in range(2):
            assert work.next() == frame
            work.missed(frame, f"Blender crashed while rendering frame {frame}.")
    assert work.state == "failed" and work.next() is None and list(work.failed) == [1, 2, 3]
    work = ShotWork(shot, Journal(shot), {}, shot.blend)
    work.plan(range(1, 10))
    assert work.next() == 1
    shot.folder.mkdir(parents=True)
    shot.picture(1).write_bytes(PIXEL)
    work.missed(1, "Blender was killed after it had finished the frame.")
    assert work.finished == {1} and work.next() == 2
    work.missed(2, "The disk is full.", hopeless=True)
    assert (work.state, work.problem) == ("failed", "The disk is full.")


def test_the_movie_is_made_again_when_its_frames_are_not_those_of_the_shot(tmp_path):
    path = write_list(tmp_path, [{"name": "a", "frames": [1, 2], "movie": True}])
    shot = load_list(path).shots[0]
    journal = Journal(shot)
    journal.append(event="movie", frames=[1, 2])
    assert not journal.has_movie(range(1, 3))
    shot.movie_path.write_bytes(b"movie")
    assert journal.has_movie(range(1, 3)) and not journal.has_movie(range(1, 4))


def test_a_torn_journal_is_read_and_gone_on_with(tmp_path):
    shot = load_list(write_list(tmp_path, [{"name": "a"}])).shots[0]
    journal = Journal(shot)
    journal.append(event="begun", fingerprint={"blend": "1"})
    with open(journal.path, "a") as file:
        file.write('{"event": "frame", "fra')
    append(journal.path, {"event": "frame", "frame": 2})
    assert [entry["event"] for entry in journal.entries()] == ["begun", "frame"]
    assert journal.begun()["fingerprint"] == {"blend": "1"}


@pytest.mark.skipif(shutil.which("unshare") is None, reason="a disk of a given size needs unshare")
@pytest.mark.once
@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_finished_frames_stay(folder):
    path, disk, kept = write_list(folder, [{"name": "a", "frames": [1, 200]}]), folder / "disk", folder / "kept"
    disk.mkdir()
    run = " ".join(map(str, [*RUN, "run", path, "--out", disk]))
    script = f"mount -t tmpfs -o size=200k none {disk} || exit 77; {run}; code=$?; cp -r {disk} {kept}; exit $code"
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script]
    answer = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    if answer.returncode == 77 or "unshare" in answer.stderr:
        pytest.skip("this user may not mount a disk")
    assert answer.returncode == 1
    assert f"a: The disk of {disk}" in answer.stdout and "is full: make room and run the list again." in answer.stdout
    frames = sorted((kept / "a").glob("a_*.png"))
    assert frames and all(map(is_complete, frames))


def test_it_uses_only_the_standard_library():
    code = "import sys, emodifftalk.shots.command; print(*{m.split('.')[0] for m in sys.modules})"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(BACKEND)!r}); {code}"]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert loaded <= set(sys.stdlib_module_names) | {"emodifftalk", "__main__"}
