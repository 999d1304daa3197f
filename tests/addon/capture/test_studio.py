"""Capturing a character of a .blend: what the folder holds, what an interruption costs, what is said when it fails.

Real Blender, real pictures, of 32 pixels.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bpy")
pytest.importorskip("torch")

from PIL import Image

from addon.capture.studio.shape_names import recognise
from emodifftalk.core import tensors
from emodifftalk.core.errors import Cancelled, UserError
from emodifftalk.core.facs import AU_INDEX, AU_NAMES
from emodifftalk.core.template import load_template
from emodifftalk.core.watch import Watch
from emodifftalk.data.captures.capture import load_capture
from emodifftalk.data.captures.character import CaptureReport, capture_character
from emodifftalk.data.captures.plan import CaptureRequest, plan_capture
from tests.helpers.places import BACKEND, ROOT, with_paths
from tests.helpers.small_character import AUS, SHAPE_KEYS, save_character

pytestmark = pytest.mark.slow

SMALL = CaptureRequest(size=32, samples=1, spoken=3)
SILENT = CaptureRequest(size=32, samples=1, spoken=0)
COMMAND = [sys.executable, "-m", "emodifftalk", "capture"]
OPTIONS = ["--size", "32", "--samples", "1"]


@pytest.fixture(scope="module")
def blend(tmp_path_factory) -> Path:
    """A .blend with the small character, beside a planet."""
    return save_character(tmp_path_factory.mktemp("scene") / "ada.blend")


@pytest.fixture(scope="module")
def nameless(tmp_path_factory) -> Path:
    """The same character, its shape keys named after nothing."""
    names = {shape: f"Key {i}" for i, shape in enumerate(SHAPE_KEYS)}
    return save_character(tmp_path_factory.mktemp("nameless") / "ada.blend", names=names)


@pytest.fixture(scope="module")
def finished(blend, tmp_path_factory) -> dict:
    """A capture that was killed in the middle and then gone on with."""
    out, before = tmp_path_factory.mktemp("capture") / "ada", blend.read_bytes()
    environment = with_paths(BACKEND, ROOT)
    first = subprocess.Popen(
        [*COMMAND, str(blend), "--out", str(out), *OPTIONS, "--spoken", "3"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    end = time.monotonic() + 120
    while len(pictures(out)) < 5:
        assert first.poll() is None and time.monotonic() < end
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    time.sleep(1.0)  # its Blender notices, and leaves
    kept = {path: path.stat().st_mtime_ns for path in pictures(out)}
    broken = next(iter(kept))
    broken.write_bytes(broken.read_bytes()[:-20])
    said: list[str] = []
    report = capture_character(blend, out, SMALL, Watch(lambda fraction, stage, text: said.append(text)))
    return {"out": out, "kept": kept, "broken": broken, "said": said, "report": report, "before": before}


def pictures(out: Path) -> list[Path]:
    """Whole pictures in a capture's folder."""
    return sorted(path for path in (out / "pictures").glob("*.png") if "unfinished" not in path.name)


def test_the_folder_holds_pictures_cameras_mattes_action_units_points_and_voice(finished):
    out, report = finished["out"], finished["report"]
    capture = load_capture(out)
    assert isinstance(report, CaptureReport) and report.pictures == len(pictures(out))
    assert report.missing == tuple(au for au in AU_NAMES if au not in AUS)
    assert sorted(camera.split for camera in capture.cameras.values()) == ["test"] * 2 + ["train"] * 11
    names = [frame.name for frame in capture.frames]
    assert names[0] == "neutral" and {"blink", "happy", "ah"} < set(names)
    assert any(name.startswith("spoken") for name in names)
    assert capture.frames[names.index("ah")].aus[AU_INDEX["AU26"]] == 1
    for path in pictures(out):
        matte = np.array(Image.open(path))[..., 3]
        assert matte.shape == (32, 32) and matte.max() == 255 and (matte == 0).mean() > 0.2, path.name
    track, about = tensors.load(out / "voice_aus.safetensors")
    seconds = track["aus"].shape[0] / float(about["fps"])
    assert (out / "voice.wav").stat().st_size > 10_000 and 5 < seconds < 10


def test_the_template_lies_on_the_face_and_moves_with_it(finished):
    capture, template = load_capture(finished["out"]), load_template()
    names = [frame.name for frame in capture.frames]
    neutral, wide = capture.points[0], capture.points[names.index("ah")]
    # The character's face is the template itself, so it is known where its points belong. A sheet with no head behind
    # it is met less well than a head (docs/science/template-registration.md).
    assert np.linalg.norm(neutral - template.neutral, axis=1).mean() < 0.005
    chin = template.landmarks["chin"]
    assert (wide - neutral)[chin, 2].mean() < -0.005
    assert [np.sign(x) for x in capture.eye_centers[:, 0]] == [1, -1]
    brow = template.landmarks["brow_left"]
    assert np.abs((wide - neutral)[brow]).max() < 0.002
    for name, picture in capture.frames[0].pictures.items():
        camera = capture.cameras[name].camera
        points = neutral @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
        pixels = points @ camera.K.T
        column, row = (pixels[:, :2] / pixels[:, 2:]).astype(int).T
        matte = np.array(Image.open(path_of(picture)))[..., 3]
        inside = matte[row.clip(0, 31), column.clip(0, 31)] > 20
        assert inside.mean() > 0.9, f"the face is not where {name} sees it"


def path_of(picture) -> Path:
    """The file of a capture's picture."""
    return picture if isinstance(picture, Path) else Path(picture.colour.path)


def test_the_blend_file_is_not_changed(finished, blend):
    assert blend.read_bytes() == finished["before"]
    assert [path.name for path in blend.parent.iterdir()] == ["ada.blend"]


def test_after_a_kill_only_what_is_missing_or_broken_is_rendered(finished):
    now = {path: path.stat().st_mtime_ns for path in finished["kept"]}
    assert [path for path in now if now[path] != finished["kept"][path]] == [finished["broken"]]
    kept = f"picture {len(now) - 1} of {finished['report'].pictures}"
    assert any(text.startswith(kept) and "kept" in text for text in finished["said"])
    assert any("left" in text for text in finished["said"])
    assert not list((finished["out"] / "pictures").glob("*unfinished*"))


def test_other_settings_do_not_go_into_the_same_folder(finished, blend, tmp_path):
    out = finished["out"]
    with pytest.raises(UserError, match="another size: choose another folder, or overwrite it"):
        capture_character(blend, out, CaptureRequest(size=64, samples=1, spoken=3))
    assert len(pictures(out)) == finished["report"].pictures
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match="other things"):
        capture_character(blend, tmp_path, SMALL)


def test_overwriting_takes_away_the_capture_and_nothing_else(finished, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(finished["out"], out)
    (out / "letter.txt").write_text("mine")
    plan_capture(out, CaptureRequest(size=64, spoken=0), overwrite=True)
    assert not pictures(out) and not (out / "capture.json").exists()
    assert (out / "letter.txt").read_text() == "mine"
    # A plan without a picture is nothing to lose.
    assert plan_capture(out, CaptureRequest(size=48, spoken=0)).size == 48


def test_a_character_without_a_known_shape_is_refused_in_one_sentence(nameless, tmp_path):
    with pytest.raises(UserError, match=r"None of the shape keys of “Ada” has a known name: .*mapping") as refusal:
        capture_character(nameless, tmp_path / "out", SILENT)
    assert "\n" not in str(refusal.value) and not pictures(tmp_path / "out")
    with pytest.raises(UserError, match="no object “Bob”"):
        capture_character(nameless, tmp_path / "bob", CaptureRequest(character="Bob", spoken=0))


def test_a_mapping_says_which_shape_is_which_and_cancel_keeps_the_pictures(nameless, tmp_path):
    key = {shape: f"Key {i}" for i, shape in enumerate(SHAPE_KEYS)}
    mapping = {
        "jawOpen": key["jawOpen"],
        "AU45": [key["eyeBlinkLeft"], key["eyeBlinkRight"]],
        "AU12": {key["mouthSmileLeft"]: 0.5, key["mouthSmileRight"]: 0.5},
    }
    (tmp_path / "mapping.json").write_text(json.dumps(mapping))
    out, said = tmp_path / "out", []
    file = str(tmp_path / "mapping.json")
    settings = CaptureRequest(character="Ada Rig", size=32, samples=1, spoken=0, mapping=file)
    with pytest.raises(Cancelled):
        watch = Watch(lambda fraction, stage, text: said.append(text), lambda: "picture 2 of" in said[-1])
        capture_character(nameless, out, settings, watch)
    assert len(pictures(out)) >= 2
    measured, about = tensors.load(out / "meshes.safetensors")
    units = json.loads(about["units"])
    assert units == ["AU12", "AU26", "AU45"]
    smile = load_template().au_basis[AU_INDEX["AU12"]]
    assert measured["moved"][units.index("AU12")] == pytest.approx(0.5 * smile, abs=2e-4)


@pytest.mark.parametrize(
    ("keys", "aus"),
    [
        (["jawOpen", "eyeBlink_L", "eyeBlink_R"], ["AU26", "AU45"]),
        (["Head.JawOpen", "bs_mouthSmileLeft", "bs_mouthSmileRight"], ["AU12", "AU26"]),
        (["AU1", "au_04", "AU12_L", "AU12_R", "AU43"], ["AU01", "AU04", "AU12", "AU45"]),
        (["AU26L", "AU26R", "smile"], ["AU26"]),
    ],
)
def test_names_are_read_as_people_write_them(keys, aus):
    assert recognise(keys).aus == aus


@pytest.mark.skipif(shutil.which("unshare") is None, reason="a disk of a given size needs unshare")
def test_a_full_disk_is_one_sentence_and_what_is_done_stays(finished, blend, tmp_path):
    measured = (finished["out"] / "meshes.safetensors").stat().st_size
    size = (measured + (finished["out"] / "plan.json").stat().st_size + 30 * 4096) // 4096 * 4096
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    # By Blender as a module of this Python: another program may not see the disk that is mounted for this one alone.
    words = [*COMMAND, blend, "--out", disk / "ada", *OPTIONS, "--spoken", 0, "--blender", sys.executable]
    capture = " ".join(map(str, words))
    mount = f"mount -t tmpfs -o size={size} none {disk} || exit 77"
    script = f"{mount}; {capture}; code=$?; cp -r {disk} {kept}; exit $code"
    environment = with_paths(BACKEND, ROOT)
    run = ["unshare", "--mount", "--map-root-user", "sh", "-c", script]
    answer = subprocess.run(run, env=environment, capture_output=True, text=True)
    if answer.returncode == 77 or "unshare" in answer.stderr:
        pytest.skip("this user may not mount a disk")
    assert answer.returncode == 1
    *_, last = answer.stderr.strip().splitlines()
    assert last.endswith("is full: make room and start again, the pictures taken so far are kept.")
    assert "Traceback" not in answer.stderr
    assert len(pictures(kept / "ada")) > 3
