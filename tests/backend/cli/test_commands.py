"""The command line, as a person in a shell meets it: real processes, real files, exit codes, one-line errors.

Loading torch takes longer than most commands do: where nothing depends on the process being new, a command runs in
the one that is here.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch")

import soundfile
from PIL import Image

from emodifftalk.cli import main
from emodifftalk.core import tensors
from emodifftalk.core.facs import AU_INDEX, AU_NAMES
from emodifftalk.core.take import load_take
from tests.helpers.places import BACKEND, HELLO, with_paths
from tests.helpers.tiny_subject import save_tiny_subject

pytestmark = pytest.mark.slow

SECONDS = soundfile.info(str(HELLO)).duration
FRAMES = math.ceil(25 * SECONDS)


def emodifftalk(*words: object, seconds: float = 240) -> subprocess.CompletedProcess:
    """Run the command line in a process of its own."""
    environment = with_paths(BACKEND)
    command = [sys.executable, "-m", "emodifftalk", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environment, encoding="utf-8")


def here(*words: object) -> subprocess.CompletedProcess:
    """Run the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*map(str, words)])
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict:
    """A take driven from the sample voice and two prompts, once for all tests here."""
    folder = tmp_path_factory.mktemp("commands")
    subject = folder / "subject.safetensors"
    save_tiny_subject(subject, appearance=True, shipped_template=True)
    done = emodifftalk(
        "drive", "--subject", subject, "--audio", HELLO, "--prompt", "0.0 calm", "--prompt", "2.4 delighted",
        "--out", folder / "take", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    return {"folder": folder, "subject": subject, "take": folder / "take.safetensors", "report": report}


def test_inspect_says_what_a_take_is_and_where_it_stretches(made):
    told = emodifftalk("inspect", made["take"]).stdout
    assert f"{FRAMES} frames" in told and "subject Tiny" in told and "front end: embedded" in told
    assert f"0 of {FRAMES} frames stretch beyond the training" in told
    arrays, about = tensors.load(made["take"])
    arrays["confidence"][50:55] = 0.5
    tensors.save(made["folder"] / "odd.safetensors", arrays, about)
    told = emodifftalk("inspect", made["folder"] / "odd.safetensors").stdout
    assert "frames 50 to 54, 2.00 to 2.20 s: least 0.500" in told
    data = json.loads(emodifftalk("inspect", made["folder"] / "odd.safetensors", "--json").stdout)
    assert data["confidence"]["least"] == 0.5 and data["confidence"]["stretches"] == [[50, 55]]


def test_drive_keeps_what_did_not_change_since_an_earlier_take(made):
    done = emodifftalk(
        "drive", "--subject", made["subject"], "--audio", HELLO, "--prompt", "0.0 calm", "--prompt", "2.4 delighted",
        "--prompt", "6.0 furious", "--previous", made["take"], "--out", made["folder"] / "later",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"frames are those of {made['take']}" in done.stdout
    before, after = (load_take(made["folder"] / name) for name in ("take.safetensors", "later.safetensors"))
    assert np.array_equal(before.frame(40).rotations, after.frame(40).rotations)
    assert not np.array_equal(before.frame(165).offsets, after.frame(165).offsets)


def test_drive_makes_a_take_of_the_whole_voice_and_says_with_what(made):
    report, take = made["report"], load_take(made["take"])
    assert report["frames"] == take.frames == FRAMES
    assert set(report["stages"]) == {"speech", "emotion", "motion", "appearance"}
    assert all(report["models"][role] for role in ("front_end", "text_encoder", "motion"))
    # The motion is no copy of the AU basis: it knows mouth shapes that no AU describes. But it does what the AUs say.
    smile = take.aus[:, AU_INDEX["AU12"]]
    assert smile[70:].mean() > smile[10:50].mean() + 0.15


def test_drive_writes_a_compact_take_when_asked_the_same_that_compact_makes(made):
    small, smaller = made["folder"] / "small.safetensors", made["folder"] / "smaller.safetensors"
    common = ("drive", "--subject", made["subject"], "--audio", HELLO, "--prompt", "0.0 calm")
    assert here(*common, "--prompt", "2.4 delighted", "--compact", "--out", small).returncode == 0
    assert here("compact", made["take"], "--out", smaller).returncode == 0
    assert load_take(small).compact and not load_take(made["take"]).compact
    assert small.read_bytes() == smaller.read_bytes()


def test_the_same_seed_gives_the_same_take_and_another_seed_another(made):
    again, other = made["folder"] / "again.safetensors", made["folder"] / "other.safetensors"
    common = ("drive", "--subject", made["subject"], "--audio", HELLO, "--prompt", "0.0 calm")
    common += ("--prompt", "2.4 delighted")
    assert emodifftalk(*common, "--out", again).returncode == 0
    assert here(*common, "--seed", 7, "--out", other).returncode == 0
    first = load_take(made["take"])
    for index in (0, 60, 150):
        assert np.array_equal(load_take(again).frame(index).offsets, first.frame(index).offsets)
    assert any(not np.array_equal(load_take(other).frame(i).offsets, first.frame(i).offsets) for i in (0, 60, 150))


def test_moods_of_the_curves_and_of_the_voice_reach_the_face_and_unknown_words_are_named(made):
    common = ("drive", "--subject", made["subject"], "--audio", HELLO)
    plain, glad, heard = (made["folder"] / f"{name}.safetensors" for name in ("plain", "glad", "heard"))
    done = here(*common, "--out", plain, "--prompt", "xqzt vrblk")
    assert "“xqzt vrblk”: I do not know this one. The nearest feelings I know:" in done.stdout
    assert here(*common, "--out", glad, "--valence", 0.74, "--arousal", 0.31).returncode == 0
    assert here(*common, "--out", heard, "--voice-feeling", 1).returncode == 0
    rise = (load_take(glad).aus - load_take(plain).aus).mean(axis=0)
    assert rise[AU_INDEX["AU12"]] > 0.4 and rise[AU_INDEX["AU15"]] < 0.05
    moved = np.abs(load_take(heard).aus - load_take(plain).aus).max(axis=1)
    assert 0.02 < moved.max() and np.abs(np.diff(moved)).max() < 0.1
    done = here(*common, "--out", glad, "--arousal", 3)
    assert done.returncode == 1 and "arousal goes from -1 to 1" in done.stderr


def test_text_to_au_prints_all_action_units_as_json():
    done = here("text-to-au", "a worried person trying to smile", "--json")
    data = json.loads(done.stdout)
    assert data["prompt"] == "a worried person trying to smile"
    assert tuple(data["aus"]) == AU_NAMES
    assert all(0 <= value <= 1 for value in data["aus"].values())
    assert max(data["aus"].values()) > 0.2 and data["known"] and len(data["nearest"]) == 3


def test_speech_to_au_prints_every_frame_as_json():
    data = json.loads(here("speech-to-au", HELLO, "--json").stdout)
    assert data["fps"] == 25 and tuple(data["names"]) == AU_NAMES
    frames = np.array(data["frames"])
    assert frames.shape == (FRAMES, 17) and frames.min() >= 0 and frames.max() <= 1
    assert frames[:, AU_INDEX["AU26"]].max() > 0.3


def test_render_writes_pictures_with_alpha_and_a_video_with_its_voice(made):
    import imageio_ffmpeg

    folder = made["folder"]
    common = ("render", "--subject", made["subject"], "--take", made["take"], "--size", 128)
    assert emodifftalk(*common, "--out", folder / "png", "--background", "none", "--end", 0.2).returncode == 0
    picture = np.asarray(Image.open(folder / "png" / "0000.png"))
    assert picture.shape == (128, 128, 4) and picture[0, 0, 3] == 0 and picture[64, 64, 3] > 128
    assert len(list((folder / "png").iterdir())) == 5
    done = emodifftalk(*common, "--out", folder / "talk.mp4", "--audio", HELLO)
    assert done.returncode == 0, done.stderr
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(folder / "talk.mp4"))
    assert frames == FRAMES and seconds == pytest.approx(SECONDS, abs=0.1)
    probe = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-i", folder / "talk.mp4"], capture_output=True, text=True, encoding="utf-8"
    )
    assert "Audio: aac" in probe.stderr


def test_export_writes_numbered_files_once(made):
    common = ("export", "--subject", made["subject"], "--take", made["take"], "--out", made["folder"] / "ply")
    assert here(*common, "--end", 0.2).returncode == 0
    found = sorted(p.name for p in (made["folder"] / "ply").iterdir())
    assert found == [*(f"shot.{i:04d}.ply" for i in range(1, 6)), "shot.json"]
    again = here(*common, "--end", 0.2)
    assert again.returncode == 0 and "5 were there already" in again.stdout
    other = here(*common, "--end", 0.4)
    assert other.returncode == 1 and "exists already" in other.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("drive", "--subject", "none.safetensors", "--audio", HELLO, "--out", "x"), "does not exist"),
        (("drive", "--subject", "{subject}", "--audio", "none.wav", "--out", "x"), "none.wav"),
        (("drive", "--subject", "{subject}", "--audio", "{subject}", "--out", "x"), "subject.safetensors"),
        (("drive", "--subject", "{subject}", "--out", "x"), "Say what to perform"),
        (("drive", "--subject", "{subject}", "--audio", HELLO, "--prompt", "1.5", "--out", "x"), "has no words"),
        (("render", "--subject", "{subject}", "--take", "{subject}", "--out", "x"), "not an EmoDiffTalk take"),
        (("render", "--subject", "{subject}", "--take", "{take}", "--out", "x", "--size", "7"), "even number"),
        (("export", "--subject", "{subject}", "--take", "{take}", "--out", "x", "--start", "99"), "Nothing lies"),
        (("train", "canonical", "nowhere", "--out", "x"), "nowhere"),
        (("speech-to-au", "nowhere.wav"), "nowhere.wav"),
    ],
)
def test_every_mistake_is_one_sentence_and_exit_code_1(made, words, sentence, tmp_path, monkeypatch):
    filled = [str(word).format(subject=made["subject"], take=made["take"]) for word in words]
    monkeypatch.chdir(tmp_path)
    done = here(*filled)
    assert done.returncode == 1, done.stderr
    assert sentence in _the_sentence(done.stderr)
    assert not list(tmp_path.iterdir()), "a failed command leaves nothing behind"


def test_a_shell_learns_of_a_mistake(made):
    done = emodifftalk("render", "--subject", made["subject"], "--take", made["subject"], "--out", "x")
    assert done.returncode == 1 and "not an EmoDiffTalk take" in _the_sentence(done.stderr)


def _the_sentence(said: str) -> str:
    """The last line of what was said, after a look that no traceback is in it."""
    last = said.strip().splitlines()[-1]
    assert last.startswith("emodifftalk: ") and "Traceback" not in said
    return last


def test_every_command_has_help_with_an_example():
    commands = ("drive", "render", "export", "curves", "compact")
    commands += ("text-to-au", "speech-to-au", "inspect", "train", "serve")
    for words in ((), *((command,) for command in commands)):
        done = emodifftalk(*words, "--help")
        assert done.returncode == 0 and len(done.stdout) > 200
        if words and words[0] not in ("train", "serve"):
            assert "example" in done.stdout
    assert emodifftalk("dance").returncode == 2
