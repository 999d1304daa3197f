"""What an evaluation promises: metrics that behave, truth that scores perfectly, one sentence for what is broken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_INDEX, AU_NAMES
from emodifftalk.core.template import load_template
from emodifftalk.core.unit_reader import UnitReader
from emodifftalk.evaluate import __main__ as command
from emodifftalk.evaluate import feelings
from emodifftalk.evaluate.action_units import au_errors
from emodifftalk.evaluate.against import score_folder
from emodifftalk.evaluate.held_out_set import SHIPPED, HeldOutSet, lip_landmarks, load_held_out
from emodifftalk.evaluate.into import BEGIN, END, write_between
from emodifftalk.evaluate.landmarks import landmark_distance, projected_distance
from emodifftalk.evaluate.perceptual import Lpips
from emodifftalk.evaluate.speech_scores import jitter, sync_lag
from emodifftalk.splat.sharpness import cpbd


@pytest.fixture(scope="module")
def held_out() -> HeldOutSet:
    """The shipped set."""
    return load_held_out()


@pytest.fixture(scope="module")
def small(held_out, tmp_path_factory) -> HeldOutSet:
    """A set of one subject and one clip, with the first two of its moments."""
    folder = tmp_path_factory.mktemp("set")
    (folder / "pictures").mkdir()
    data = json.loads((SHIPPED / "set.json").read_text(encoding="utf-8"))
    data["subjects"] = {"nora": data["subjects"]["nora"]}
    data["subjects"]["nora"]["moments"] = data["subjects"]["nora"]["moments"][:2]
    data["clips"] = [clip for clip in data["clips"] if clip["name"] == data["subjects"]["nora"]["strip"]]
    (folder / "set.json").write_text(json.dumps(data), encoding="utf-8")
    from emodifftalk.core import tensors

    arrays, about = tensors.load(SHIPPED / "truth.safetensors")
    tensors.save(folder / "truth.safetensors", arrays | {"lips.nora": arrays["lips.nora"][:2]}, about)
    for moment in held_out.sitters["nora"].moments[:2]:
        shutil.copy(held_out.picture_path(moment), folder / "pictures")
    (folder / "voices").mkdir()
    shutil.copy(SHIPPED / data["clips"][0]["recording"], folder / "voices")
    return load_held_out(folder)


def frames_of(held_out: HeldOutSet, folder: Path, change=lambda picture: picture) -> Path:
    """The true pictures as somebody's frames, each passed through `change`."""
    folder.mkdir()
    for sitter in held_out.sitters.values():
        for moment in sitter.moments:
            with Image.open(held_out.picture_path(moment)) as picture:
                change(picture.convert("RGB")).save(folder / f"{moment.picture}.png")
    return folder


def a_face(size: int = 256) -> np.ndarray:
    """Something with sharp edges of all contrasts (S, S)."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:size, :size]
    picture = np.zeros((size, size))
    for _ in range(60):
        cx, cy, r = *rng.uniform(0, size, 2), rng.uniform(5, 40)
        picture[(x - cx) ** 2 + (y - cy) ** 2 < r**2] = rng.uniform()
    return picture


def test_the_more_a_picture_is_blurred_the_lower_its_cpbd():
    picture = a_face()
    found = [cpbd(gaussian_filter(picture, sigma)) for sigma in (0, 0.6, 1.0, 1.5, 2.5)]
    assert found == sorted(found, reverse=True) and found[0] > 0.95 and found[-1] < 0.05


def test_just_noticeable_widths_are_those_of_the_method():
    """A ramp of 3 pixels is sharp at any contrast, one of 5 only where the contrast is at most 50 of 255."""

    def ramp(width: int, contrast: float) -> np.ndarray:
        across = np.clip((np.arange(64) - 20) / width, 0, 1) * contrast / 255
        return np.tile(across, (64, 1))

    assert [cpbd(ramp(width, 200)) for width in (2, 3, 4)] == [1, 1, 0]
    assert [cpbd(ramp(width, 40)) for width in (4, 5, 6)] == [1, 1, 0]


def test_a_picture_without_edges_has_no_sharpness():
    assert cpbd(np.full((128, 128, 3), 0.4)) == 0 and cpbd(np.zeros((20, 20))) == 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(-40, 40), st.floats(-40, 40))
def test_landmarks_do_not_mind_where_a_head_stands_but_mind_its_scale(seed, x, y):
    points = np.random.default_rng(seed).uniform(0, 60, (30, 2))
    assert landmark_distance(points + np.array([x, y]), points) < 1e-9
    assert landmark_distance(1.2 * points, points) > 0.5


def test_a_mouth_that_opens_elsewhere_raises_lmd(held_out):
    sitter, template = held_out.sitters["nora"], load_template()
    camera, lips = sitter.cameras["test01"], lip_landmarks(template)
    opened = [template.neutral + template.displace(np.eye(17)[AU_INDEX["AU26"]] * much) for much in (0, 0.2, 0.6)]
    found = [projected_distance(points[lips], opened[0][lips], camera) for points in opened]
    assert found[0] == 0 and 0.5 < found[1] < found[2]


@settings(max_examples=10, deadline=None)
@given(st.sets(st.sampled_from([n for n in AU_NAMES if n not in ("AU15", "AU23", "AU24", "AU45")]), max_size=4))
def test_action_units_are_read_back_off_the_points_that_they_moved(names):
    """AU15, 23 and 24 of our template move the same points in much the same way: they are read as one another."""
    template = load_template()
    aus = np.zeros((1, 17), np.float32)
    aus[0, [AU_INDEX[name] for name in names]] = 0.6
    found = UnitReader(template).aus(template.displace(aus))
    assert found.min() >= 0 and found.max() <= 1
    assert max(au_errors(found, aus).values()) < 0.02


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(-6, 6))
def test_sync_finds_the_frames_by_which_lips_are_late(seed, late):
    truth = gaussian_filter(np.random.default_rng(seed).uniform(0, 1, 120), 1.5)
    lag, correlation = sync_lag(np.roll(truth, late)[10:-10], truth[10:-10])
    assert abs(lag - late) < 0.3 and correlation > 0.95


def test_a_face_that_moves_evenly_does_not_jitter():
    steps = np.arange(20)[:, None, None] * np.ones((1, 5, 3))
    assert jitter(1e-3 * steps) < 1e-9
    assert jitter(1e-3 * steps**2) == pytest.approx(2 * np.sqrt(3))


def test_the_shipped_set_holds_what_its_protocol_says(held_out):
    assert set(held_out.sitters) == {"nora", "kofi"} and held_out.size == 512
    for sitter in held_out.sitters.values():
        assert len(sitter.moments) >= 30 and len({m.clip for m in sitter.moments}) >= 6
        assert {m.camera for m in sitter.moments} == {"test00", "test01", "test02", "test03"}
        assert sum(m.camera == "test01" for m in sitter.moments) >= 15
        assert all(held_out.picture_path(moment).exists() for moment in sitter.moments)
    assert {clip.voice.split()[0] for clip in held_out.clips.values()} == {"flite", "espeak", "festival"}
    for clip in held_out.clips.values():
        assert clip.recording.exists() and not clip.true_aus[:, AU_INDEX["AU45"]].any()
        assert (clip.true_aus.max(axis=0)[[AU_INDEX[name] for name in clip.aus]] > 0.1).all()


@pytest.mark.slow
def test_the_truth_itself_scores_perfectly(small, tmp_path):
    frames = frames_of(small, tmp_path / "mine")
    moments = small.sitters["nora"].moments
    lips = {m.picture: small.sitters["nora"].cameras[m.camera].project(points)[:, :2].tolist()
            for m, points in zip(moments, small.sitters["nora"].lips.astype(float), strict=True)}  # fmt: skip
    (frames / "landmarks.json").write_text(json.dumps({"format": "emodifftalk.landmarks", "schema": 1, "frames": lips}))
    for one in score_folder(frames, small, Lpips()).scores["nora"].values():
        assert one["psnr"] > 100 and one["ssim"] == pytest.approx(1) and one["haarpsi"] == pytest.approx(1, abs=1e-4)
        assert one["cpbd"] == one["cpbd_truth"] and one["lmd"] < 1e-6


@pytest.mark.slow
def test_a_shifted_picture_scores_worse_and_a_missing_metric_says_why(small, tmp_path, capsys):
    frames = frames_of(small, tmp_path / "shifted", lambda picture: picture.transform(
        picture.size, Image.AFFINE, (1, 0, 3, 0, 1, 0)))  # fmt: skip
    words = ["--against", str(frames), "--held-out", str(small.folder), "--out", str(tmp_path / "out")]
    assert command.main(words) == 0
    said = capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "against_shifted.json").read_text())["pictures"]["nora"]
    assert found["psnr"] < 35 and found["ssim"] < 0.99 and found["lmd"] is None
    assert "LMD is empty: the frames come without landmarks.json" in said and "synthetic" in said


@pytest.mark.parametrize("broken", ["none", "missing", "size", "bytes", "landmarks"])
def test_what_is_wrong_with_somebodys_frames_is_one_sentence(small, tmp_path, capsys, broken):
    frames = frames_of(small, tmp_path / "frames")
    first = frames / f"{small.sitters['nora'].moments[0].picture}.png"
    if broken == "none":
        shutil.rmtree(frames)
        frames.mkdir()
    elif broken == "missing":
        first.unlink()
    elif broken == "size":
        Image.new("RGB", (512, 500)).save(first)
    elif broken == "bytes":
        first.write_bytes(first.read_bytes()[:300])
    else:
        (frames / "landmarks.json").write_text('{"format": "emodifftalk.landmarks", "schema": 1, "frames": {"a": 3}}')
    words = ["--against", str(frames), "--held-out", str(small.folder), "--out", str(tmp_path / "out")]
    assert command.main(words) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    wanted = {"none": "has no frame named like", "missing": "lacks 1 of 2 frames", "size": "512 × 500 pixels",
              "bytes": "missing or damaged", "landmarks": "not a landmarks file"}  # fmt: skip
    assert said.startswith("evaluate: ") and wanted[broken] in said


@pytest.mark.slow
def test_a_subject_is_performed_drawn_and_scored_and_every_table_says_its_protocol(small, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    words = ["--held-out", str(small.folder), "--out", str(tmp_path / "out"), "--no-ablation", "--into", str(page)]
    assert command.main(words) == 0
    full = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))["variants"]["full"]
    pictures, speech = full["pictures"]["nora"], full["speech"]["nora"]
    assert pictures["pictures"] == 2 and pictures["psnr"] > 24 and pictures["ssim"] > 0.85 and pictures["lmd"] < 4
    assert speech["closures"] >= 3 and speech["closure"] > 0.5 and speech["lag_size"] < 2 and speech["silence"] < 0.1
    text = page.read_text(encoding="utf-8")
    assert text.count("*Protocol.*") == text.count("ours and synthetic") == 2 and "2 moments" in text
    for kind in ("words", "curves"):
        suffix = "png" if kind == "curves" else "jpg"
        with Image.open(tmp_path / f"evaluation-{kind}-nora.{suffix}") as picture:
            assert picture.width > 300


@pytest.mark.slow
def test_prompts_raise_on_the_points_what_they_ask_for_and_lips_still_close(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(feelings, "PROMPTS", ("happy", "furious"))
    arguments = ["--feelings", "--subject", "nora", "--held-out", str(small.folder), "--out", str(tmp_path)]
    assert command.main(arguments) == 0
    printed = capsys.readouterr().out
    assert feelings.PROTOCOL in printed and "asked units rose" in printed
    found = json.loads((tmp_path / "feelings.json").read_text(encoding="utf-8"))["nora"]
    for prompt in ("happy", "furious"):
        asked, rise = found[prompt]["asked"], found[prompt]["rise"]
        assert any(value >= feelings.ROSE for value in asked.values())
        for au in ("AU04", "AU06", "AU07", "AU12"):
            assert (rise[au] >= feelings.ROSE) == (asked[au] >= feelings.ROSE), (prompt, au)
    closed, plain = (sum(found[p]["closed"] for p in prompts) for prompts in (("happy", "furious"), ("", "")))
    assert closed >= 0.95 * plain > 0
    sheet, ring, strip = (Image.open(tmp_path / f"feelings-{name}.jpg") for name in ("sheet", "ring", "changing"))
    assert sheet.width > 500 and ring.width == ring.height and strip.width > 2 * strip.height
    assert all(np.asarray(picture).std() > 10 for picture in (sheet, ring, strip))


def test_a_set_that_is_damaged_or_not_there_is_one_sentence(small, tmp_path):
    with pytest.raises(UserError, match=r"The held-out set .* does not exist"):
        load_held_out(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(small.folder, copy)
    data = json.loads((copy / "set.json").read_text(encoding="utf-8"))
    data["subjects"]["nora"]["moments"][0]["frame"] = 10**6
    (copy / "set.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(UserError, match="is of no clip, frame or camera"):
        load_held_out(copy)
    data["clips"][0]["recording"] = "../../elsewhere.flac"
    (copy / "set.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(UserError, match="points outside the folder"):
        load_held_out(copy)


@pytest.mark.slow
def test_lpips_is_measured_where_alexnets_weights_are(tmp_path, monkeypatch):
    pytest.importorskip("lpips")
    from torchvision.models import alexnet

    torch.manual_seed(0)
    path = tmp_path / "alexnet.pth"
    torch.save({k: v for k, v in alexnet(weights=None).state_dict().items() if k.startswith("features")}, path)
    measure = Lpips(path).measure
    picture = np.repeat(a_face(64)[..., None], 3, axis=2)
    assert measure(picture, picture) == 0 < measure(gaussian_filter(picture, (2, 2, 0)), picture)
    path.write_bytes(b"no weights")
    with pytest.raises(UserError, match="does not hold the weights"):
        Lpips(path)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.delenv("EMODIFFTALK_ALEXNET", raising=False)
    assert Lpips().measure is None and "LPIPS is empty" in Lpips().missing


def test_tables_replace_only_what_lies_between_the_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{BEGIN}\nold\n{END}\n\nafter\n", encoding="utf-8")
    write_between(page, "| new |")
    assert page.read_text(encoding="utf-8") == f"before\n\n{BEGIN}\n\n| new |\n\n{END}\n\nafter\n"
    page.write_text("no marks", encoding="utf-8")
    with pytest.raises(UserError, match="has no lines"):
        write_between(page, "x")
