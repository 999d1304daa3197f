"""From pictures to a Subject: a small capture is learned, training can be interrupted, broken captures are named.

The captures here are pictures of a tiny head drawn by our own rasterizer, so the right answer is known.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from PIL import Image

from emodifftalk.core.errors import Cancelled, UserError
from emodifftalk.core.facs import AU_INDEX
from emodifftalk.core.subject import OTF_GROUPS, load_subject
from emodifftalk.core.watch import Watch
from emodifftalk.data.captures.capture import load_capture
from emodifftalk.train.looks.appearance import AppearanceSettings, train_appearance
from emodifftalk.train.rig.canonical import train_canonical
from emodifftalk.train.rig.pruning import drop_unseen, filled_pixels, paint_unseen, well_seen
from emodifftalk.train.rig.steps import CanonicalSettings
from emodifftalk.train.rig.views import load_views
from tests.helpers.painted_capture import SIZE, painted_capture, painted_head

pytestmark = pytest.mark.slow

FACE, SMALL_FACE = 6000, 3600
ENOUGH = 260
"""Steps until the first checkpoint, and a few more."""


def _settings(steps: int, **more) -> CanonicalSettings:
    return CanonicalSettings(steps=steps, size=SIZE, face=FACE, **more)


@pytest.fixture(scope="module")
def capture_folder(tmp_path_factory) -> Path:
    """A painted head seen by seven cameras."""
    return painted_capture(tmp_path_factory.mktemp("capture"))


def test_a_capture_becomes_a_subject_that_looks_like_it_from_cameras_never_trained_on(capture_folder, tmp_path):
    short = train_canonical(capture_folder, tmp_path / "short.safetensors", _settings(4))
    said: list[float] = []
    report = train_canonical(capture_folder, tmp_path / "long.safetensors", _settings(120),
                             Watch(lambda fraction, stage, text: said.append(fraction)), "Painted")  # fmt: skip
    assert report["neutral"]["psnr"] > short["neutral"]["psnr"] + 3
    assert report["neutral"]["pictures"] == 2 and report["expressive"]["pictures"] == 4
    assert "held-out" in report["protocol"] and said == sorted(said) and len(said) >= 4
    subject = load_subject(tmp_path / "long.safetensors")
    assert subject.name == "Painted" and subject.synthetic and subject.n_face == FACE
    assert subject.au_range[AU_INDEX["AU26"]].tolist() == [0, 1]
    posed = train_appearance(capture_folder, tmp_path / "long.safetensors", tmp_path / "whole.safetensors",
                             AppearanceSettings(steps=12, size=SIZE))  # fmt: skip
    assert posed["with_decoders"]["pictures"] == 4
    _expect_appearance(tmp_path / "whole.safetensors")


def _expect_appearance(path: Path) -> None:
    """The shipped decoders keep the face at rest exactly and turn the skin where it turns."""
    from emodifftalk.appearance.decoder import AppearanceDecoder

    subject = load_subject(path)
    assert subject.appearance["feature_line"].shape == (17, subject.n_face, 16)
    decoder = AppearanceDecoder.from_subject(subject)
    still = np.zeros_like(subject.template.neutral)
    rotations, opacities, _ = decoder.decode(np.zeros(17, np.float32), still)
    assert opacities == pytest.approx(subject.gaussians.opacities[: subject.n_face], abs=1e-6)
    same = np.abs((rotations * subject.gaussians.quats[: subject.n_face]).sum(axis=1))
    assert same.min() > 1 - 1e-6
    aus = np.zeros(17, np.float32)
    aus[AU_INDEX["AU26"]] = 1
    rotations, opacities, _ = decoder.decode(aus, subject.template.displace(aus))
    assert np.linalg.norm(rotations, axis=1) == pytest.approx(1, abs=1e-5)
    assert opacities.min() >= 0 and opacities.max() <= 1


def test_training_goes_on_where_it_was_interrupted(capture_folder, tmp_path, monkeypatch):
    """The checkpoint of an interrupted training leads to the very Subject an uninterrupted one makes."""
    monkeypatch.setattr("emodifftalk.train.rig.canonical.CHECKPOINT_EVERY", 10)
    whole, halves = tmp_path / "whole.safetensors", tmp_path / "halves.safetensors"
    train_canonical(capture_folder, whole, _settings(20))
    calls = iter(range(1000))
    with pytest.raises(Cancelled):
        train_canonical(capture_folder, halves, _settings(20), Watch(cancelled=lambda: next(calls) >= 13))
    assert not halves.exists() and list(tmp_path.glob("halves*checkpoint*"))
    train_canonical(capture_folder, halves, _settings(20))
    first, second = load_subject(whole).gaussians, load_subject(halves).gaussians
    assert second.colors == pytest.approx(first.colors, abs=2e-3)
    assert not list(tmp_path.glob("*checkpoint*"))


def test_a_damaged_checkpoint_is_named_and_never_unpickled(capture_folder, tmp_path):
    checkpoint = tmp_path / "s.safetensors.checkpoint.pt"
    checkpoint.write_bytes(b"cos\nsystem\n(S'touch owned'\ntR.")
    with pytest.raises(UserError, match="delete it"):
        train_canonical(capture_folder, tmp_path / "s.safetensors", _settings(3))


def test_a_broken_capture_names_its_broken_part(capture_folder, tmp_path):
    import shutil

    with pytest.raises(UserError, match=r"capture\.json"):
        load_capture(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(capture_folder, copy)
    (copy / "pictures" / "open_train0.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"open_train0\.png"):
        train_canonical(copy, tmp_path / "s.safetensors", _settings(3))
    text = (capture_folder / "capture.json").read_text(encoding="utf-8")
    (copy / "capture.json").write_text(text.replace("pictures/open", "../pictures/open"), encoding="utf-8")
    with pytest.raises(UserError, match="outside"):
        load_capture(copy)


def test_seeds_that_the_cameras_hardly_see_are_left_out(capture_folder):
    capture = load_capture(capture_folder)
    far = np.concatenate([capture.seed_points, [[5.0, 0, 0]]])
    kept = well_seen(capture, far, 0.7)
    assert kept[:-1].all() and not kept[-1]


def test_gaussians_that_no_picture_shows_are_dropped(capture_folder):
    capture = load_capture(capture_folder)
    views = load_views(capture, "train", SIZE)
    subject = painted_head()
    subject.gaussians.means[-1] = (0, 0.5, 0)  # behind the head
    pixels = filled_pixels(subject, capture, views)
    assert pixels[-1] < 0.001
    shown = np.mean([float(view.matte.sum()) for view in views])
    assert pixels.sum() == pytest.approx(shown, rel=0.05), "the weights of a picture add up to its matte"
    kept = drop_unseen(subject, capture, pixels)
    assert kept.n_face == subject.n_face and len(kept.gaussians) < len(subject.gaussians)
    assert not (kept.gaussians.means == subject.gaussians.means[-1]).all(axis=1).any()


def test_what_no_picture_shows_of_an_eye_has_the_colour_of_its_seed_in_the_light_of_the_rest(capture_folder):
    subject = painted_head()
    subject.otf_group[:20] = OTF_GROUPS.index("eye_left")
    subject.gaussians.colors[subject.n_face : subject.n_face + 20] = 0.4
    filled = np.ones(len(subject.gaussians))
    filled[subject.n_face + 10 : subject.n_face + 20] = 0
    seeds = np.full((len(subject.otf_group), 3), 0.8, np.float32)
    seeds[15] = (0.2, 0.4, 0.8)
    colors = paint_unseen(subject, seeds, filled).gaussians.colors[subject.n_face :]
    assert colors[:10] == pytest.approx(0.4) and colors[10] == pytest.approx(0.4)
    assert colors[15] == pytest.approx([0.1, 0.2, 0.4])
    # What a few pictures show has been learned, and a dark brown iris says nothing of the light on the white.
    filled[subject.n_face + 19] = 0.01
    subject.gaussians.colors[subject.n_face + 19] = (0.9, 0.1, 0.1)
    subject.gaussians.colors[subject.n_face : subject.n_face + 6] = 0.06
    seeds[:6] = (0.1, 0.02, 0.005)
    colors = paint_unseen(subject, seeds, filled).gaussians.colors[subject.n_face :]
    assert colors[19] == pytest.approx([0.9, 0.1, 0.1])
    assert colors[10].max() / colors[10].min() < 2.0


def test_gaussians_are_added_only_when_asked_for(capture_folder, tmp_path):
    fixed = train_canonical(capture_folder, tmp_path / "fixed.safetensors", _settings(8))
    dense = train_canonical(capture_folder, tmp_path / "dense.safetensors", _settings(8, densify=400))
    assert fixed["facial"] == FACE
    assert fixed["gaussians"] < dense["gaussians"] <= fixed["gaussians"] + 400
    subject = load_subject(tmp_path / "dense.safetensors")
    assert subject.n_face == dense["facial"] and subject.bary.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_training_leaves_a_report_that_can_be_read_without_it(capture_folder, tmp_path):
    import json

    out = tmp_path / "s.safetensors"
    report = train_canonical(capture_folder, out, _settings(50))
    kept = json.loads(Path(f"{out}.report.json").read_text(encoding="utf-8"))
    assert kept["neutral"] == report["neutral"] and [step for step, _, _ in kept["curve"]] == [25, 50]
    assert kept["peak_memory_mib"] > 50 and kept["seconds"] > 0
    page = Path(f"{out}.report.html").read_text(encoding="utf-8")
    assert "<polyline" in page and page.count("data:image/png;base64,") == 6 and "http" not in page


def test_a_killed_training_goes_on_from_its_last_checkpoint(capture_folder, tmp_path):
    out = tmp_path / "s.safetensors"
    words = ["train", "canonical", str(capture_folder), "--out", str(out), "--steps", str(ENOUGH), "--size", str(SIZE)]
    command = [sys.executable, "-m", "emodifftalk", *words, "--face", str(SMALL_FACE), "--rasterizer", "cpu"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    checkpoint = Path(f"{out}.checkpoint.pt")
    for _ in process.stderr:
        if checkpoint.exists():
            break
    process.kill()
    process.wait()
    assert checkpoint.exists()
    assert not out.exists() and Path(f"{out}.preview.png").exists()
    again = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert again.returncode == 0, again.stderr
    steps = [int(found) for found in re.findall(rf"step (\d+)/{ENOUGH}", again.stderr)]
    assert steps[0] > 250 and steps[-1] == ENOUGH and not checkpoint.exists()
    assert load_subject(out).n_face == SMALL_FACE


def test_a_finished_subject_is_measured_against_pictures_it_has_never_seen(capture_folder, tmp_path, capsys):
    from emodifftalk.cli import main

    train_canonical(capture_folder, tmp_path / "s.safetensors", _settings(60))
    sheet = tmp_path / "sheet.png"
    words = ["measure", str(tmp_path / "s.safetensors"), str(capture_folder), "--size", str(SIZE)]
    assert main([*words, "--sheet", str(sheet)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["neutral"]["pictures"] == 2 and report["expressive"]["pictures"] == 4
    assert report["neutral"]["psnr"] > 15 and "held-out" in report["protocol"]
    picture = Image.open(sheet)
    assert picture.width == 2048 and np.asarray(picture).std() > 20
    assert main([*words, "--sheet", str(sheet), "--poses", "open,shut"]) == 1
    assert "no moment “shut”, it has neutral, open, blink" in capsys.readouterr().err


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA card: this machine has none")
def test_a_card_learns_what_the_processor_learns(capture_folder, tmp_path):
    reports = {
        backend: train_canonical(capture_folder, tmp_path / f"{backend}.safetensors", _settings(120, backend=backend))
        for backend in ("cpu", "gsplat")
    }
    assert reports["gsplat"]["neutral"]["psnr"] == pytest.approx(reports["cpu"]["neutral"]["psnr"], abs=1.0)
    whole = train_appearance(capture_folder, tmp_path / "gsplat.safetensors", tmp_path / "whole.safetensors",
                             AppearanceSettings(steps=12, size=SIZE, backend="gsplat"))  # fmt: skip
    assert whole["with_decoders"]["pictures"] == 4


def test_too_few_facial_gaussians_are_refused_before_anything_is_learned(capture_folder, tmp_path):
    with pytest.raises(UserError, match="at least 3534"):
        train_canonical(capture_folder, tmp_path / "s.safetensors", CanonicalSettings(steps=2, size=SIZE, face=600))
