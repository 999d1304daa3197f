"""The skin changes with the expression: wrinkles come and go with action units, in training, takes and playback."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from emodifftalk.appearance.decoder import AppearanceDecoder
from emodifftalk.appearance.stored import weights_of
from emodifftalk.appearance.surface import SurfaceTurns
from emodifftalk.core import tensors
from emodifftalk.core.camera import look_at
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_INDEX, AU_NAMES
from emodifftalk.core.subject import APPEARANCES, load_subject, pose, save_subject
from emodifftalk.core.take import load_take, save_take
from emodifftalk.data.captures.capture import Capture, CaptureCamera, CaptureFrame, save_capture
from emodifftalk.splat.render import render
from emodifftalk.train.looks.appearance import AppearanceSettings, train_appearance
from emodifftalk.train.looks.shade_points import Candidates, choose_places, with_shade_points, without_shade_points
from emodifftalk.train.rig.binding import surface_turns
from tests.helpers.tiny_subject import tiny_subject

SIZE = 96


def _decoder(kind: str = "opcnet", seed: int = 0):
    """A decoder that changes something, and its subject."""
    subject = tiny_subject()
    torch.manual_seed(seed)
    decoder = AppearanceDecoder(subject, kind)
    with torch.no_grad():
        for value in decoder.parameters():
            value += 0.2 * torch.randn_like(value)
    return decoder.eval(), subject


def _expression(subject, **units: float) -> tuple[np.ndarray, np.ndarray]:
    aus = np.zeros(len(AU_NAMES), np.float32)
    for name, value in units.items():
        aus[AU_INDEX[name]] = value
    return aus, subject.template.displace(aus).astype(np.float32)


@pytest.mark.parametrize("kind", APPEARANCES)
def test_a_relaxed_face_looks_exactly_as_it_was_learned(kind):
    decoder, subject = _decoder(kind)
    frame = decoder.decode(*_expression(subject))
    count = subject.n_face
    assert frame.opacities == pytest.approx(subject.gaussians.opacities[:count], abs=1e-6)
    assert np.abs((frame.rotations * subject.gaussians.quats[:count]).sum(axis=1)).min() > 1 - 1e-6
    assert (frame.tints is None) == (kind != "featurenet")
    if frame.tints is not None:
        assert np.abs(frame.tints).max() < 1e-6


@pytest.mark.parametrize("kind", APPEARANCES)
def test_a_decoder_comes_back_from_the_subjects_file_as_it_was(kind, tmp_path):
    decoder, subject = _decoder(kind)
    save_subject(tmp_path / "s.safetensors", decoder.onto(subject))
    again = AppearanceDecoder.from_subject(load_subject(tmp_path / "s.safetensors"))
    assert again.kind == kind
    smile = _expression(subject, AU12=0.8, AU26=0.4)
    before, after = decoder.decode(*smile), again.decode(*smile)
    assert after.opacities == pytest.approx(before.opacities, abs=0.02)
    assert np.abs((after.rotations * before.rotations).sum(axis=1)).min() > 0.999
    if kind == "featurenet":
        assert after.tints == pytest.approx(before.tints, abs=0.02) and np.abs(after.tints).max() > 0.05


@pytest.mark.parametrize("kind", APPEARANCES)
def test_frames_decoded_together_are_those_decoded_one_by_one(kind):
    decoder, subject = _decoder(kind)
    shots = [_expression(subject, AU12=a, AU45=1 - a) for a in np.linspace(0, 1, 11)]
    together = list(decoder.decode_all(np.stack([a for a, _ in shots]), np.stack([o for _, o in shots])))
    assert len(together) == 11
    for (aus, offsets), frame in zip(shots, together, strict=True):
        alone = decoder.decode(aus, offsets)
        assert frame.opacities == pytest.approx(alone.opacities, abs=1e-5)
        assert frame.rotations == pytest.approx(alone.rotations, abs=1e-5)


def test_without_codes_action_units_that_move_nothing_change_nothing():
    """What the ablation takes away: only movement is left to tell a wrinkle."""
    for kind, same in (("opcnet", False), ("opcnet_without_codes", True)):
        decoder, subject = _decoder(kind)
        still = np.zeros_like(subject.template.neutral)
        tense, _ = _expression(subject, AU09=1.0)
        opacities = decoder.decode(tense, still).opacities
        assert np.allclose(opacities, subject.gaussians.opacities[: subject.n_face], atol=1e-6) == same


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-0.006, 0.006), min_size=9, max_size=9))
def test_the_skin_turns_as_its_triangles_turn(numbers):
    template = tiny_subject().template
    matrix = np.eye(3) + 40 * np.array(numbers).reshape(3, 3)
    offsets = (template.neutral @ matrix.T - template.neutral).astype(np.float32)
    every = np.arange(len(template.faces))
    wanted = surface_turns(template, template.neutral + offsets, every)
    found = SurfaceTurns(template)(torch.from_numpy(offsets)).numpy()
    assert np.abs((found * wanted).sum(axis=1)).min() > 0.9999


def test_subjects_of_earlier_versions_decode_as_ever():
    """Their RotNet predicted the whole turn, their OPCNet had no direct way; numbers of the formulas as they were."""
    subject = tiny_subject()
    rng, count = np.random.default_rng(3), subject.n_face
    shapes = {"rotnet.enter": (64, 27), "rotnet.middle": (64, 64), "rotnet.leave": (3, 64),
              "opcnet.enter": (32, 36), "opcnet.middle": (32, 32), "opcnet.leave": (1, 32)}  # fmt: skip
    appearance = {f"{name}.weight": rng.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    appearance |= {f"{name}.bias": rng.normal(0, 0.2, shape[0]).astype(np.float32) for name, shape in shapes.items()}
    appearance["feature_line"] = rng.normal(0, 0.3, (17, count, 16)).astype(np.float16)
    old = replace(subject, appearance=appearance)
    assert not weights_of(appearance).on_surface
    aus, offsets = _expression(subject, AU12=0.7, AU01=0.4)
    moved = np.einsum("nk,nkc->nc", subject.bary, offsets[subject.template.faces[subject.triangle]])

    def mlp(net: str, x: np.ndarray) -> np.ndarray:
        for part in ("enter", "middle"):
            x = x @ appearance[f"{net}.{part}.weight"].T + appearance[f"{net}.{part}.bias"]
            x = x / (1 + np.exp(-x))
        return x @ appearance[f"{net}.leave.weight"].T + appearance[f"{net}.leave.bias"]

    means = subject.gaussians.means[:count]
    features = np.einsum("k,knf->nf", aus, appearance["feature_line"].astype(np.float32))
    codes = np.tile(aus, (count, 1))
    change = mlp("opcnet", np.hstack([features, codes, (means + moved) / 0.1]))
    change -= mlp("opcnet", np.hstack([0 * features, 0 * codes, means / 0.1]))
    wanted = np.clip(subject.gaussians.opacities[:count] + np.tanh(change[:, 0]), 0, 1)
    assert AppearanceDecoder.from_subject(old).decode(aus, offsets).opacities == pytest.approx(wanted, abs=1e-4)


def test_a_decoder_that_is_not_known_or_does_not_fit_is_named_in_one_sentence(tmp_path):
    decoder, subject = _decoder("featurenet")
    whole = decoder.onto(subject)
    cases = [({"kind": np.array([9], np.uint8)}, "update EmoDiffTalk"),
             ({"latent": np.zeros((5, 16), np.int8)}, "do not fit its 300 facial Gaussians")]  # fmt: skip
    for wrong, sentence in cases:
        save_subject(tmp_path / "s.safetensors", replace(whole, appearance=whole.appearance | wrong))
        with pytest.raises(UserError, match=sentence):
            load_subject(tmp_path / "s.safetensors")
    for name in ("x", "rotnet.net.leave.weight"):
        strange = replace(whole, appearance={"kind": np.array([0], np.uint8), name: np.zeros(3, np.float32)})
        with pytest.raises(UserError, match="does not fit this version"):
            AppearanceDecoder.from_subject(strange)


def test_changing_colours_are_kept_in_a_take_and_shown(tmp_path):
    subject, count = tiny_subject(), tiny_subject().n_face
    g = subject.gaussians
    quats, alphas = np.stack([g.quats[:count]] * 2), np.stack([g.opacities[:count]] * 2)
    tints = np.stack([np.zeros((count, 3)), np.full((count, 3), -0.2)]).astype(np.float32)
    aus, offsets = np.zeros((2, 17)), np.zeros((2, len(subject.template.neutral), 3))
    save_take(tmp_path / "t.safetensors", aus, aus, offsets, quats, alphas, {}, tints=tints)
    take = load_take(tmp_path / "t.safetensors")
    assert take.frame(0).gaussians(subject).colors == pytest.approx(g.colors, abs=1e-6)
    dark = take.frame(1).gaussians(subject).colors
    assert dark[:count] == pytest.approx(np.clip(g.colors[:count] - 0.2, 0, 1), abs=0.003)
    assert dark[count:] == pytest.approx(g.colors[count:])
    between = take.at(0.02).gaussians(subject).colors[:count]
    assert between == pytest.approx(np.clip(g.colors[:count] - 0.1, 0, 1), abs=0.003)
    save_take(tmp_path / "plain.safetensors", aus, aus, offsets, quats, alphas, {})
    assert load_take(tmp_path / "plain.safetensors").frame(1).tints is None
    file = tensors.TensorFile(tmp_path / "t.safetensors")
    wrong = {name: file.read(name) for name in file.shapes} | {"tints": np.zeros((2, 7, 3), np.int8)}
    tensors.save(tmp_path / "bad.safetensors", wrong, file.metadata)
    with pytest.raises(UserError, match="“tints” does not fit"):
        load_take(tmp_path / "bad.safetensors")


@pytest.mark.slow
def test_shade_points_are_not_seen_at_rest_and_can_be_taken_away_again():
    subject = tiny_subject()
    rng = np.random.default_rng(0)
    places = Candidates.all_over(subject, 400, rng)
    error = np.full((2, 400, 3), np.nan)
    error[0, :50] = -0.1  # a dark line that the first frame has and nobody draws
    rows = choose_places(places.on(subject.template, subject.template.neutral), error, 30, rng)
    assert len(rows) == 30 and rows.max() < 50
    shaded = with_shade_points(subject, places.some(rows), error[:, rows])
    assert shaded.n_face == subject.n_face + 30 and len(shaded.gaussians) == len(subject.gaussians) + 30
    camera = look_at((0, -0.8, 0), (0, 0, 0), SIZE, SIZE, 25.0)
    before, after = (render(s.gaussians, camera)[0] for s in (subject, shaded))
    assert np.abs(before - after).max() < 1e-6
    raised = np.concatenate([subject.gaussians.opacities[: subject.n_face], np.full(30, 0.8)])
    still = np.zeros_like(subject.template.neutral)
    risen = render(pose(shaded, still, opacities=raised.astype(np.float32)), camera)[0]
    assert np.abs(risen - after).max() > 0.05
    again = without_shade_points(shaded)
    assert again.gaussians.means.tolist() == subject.gaussians.means.tolist()
    assert again.triangle.tolist() == subject.triangle.tolist()


@pytest.fixture(scope="module")
def wrinkling(tmp_path_factory) -> tuple[Path, Path]:
    """A capture of a tiny head that darkens in a stripe when AU09, which moves nothing, acts; and its rig."""
    folder = tmp_path_factory.mktemp("wrinkling")
    base = tiny_subject(faces=3000, others=40, shipped_template=True)
    means = base.gaussians.means
    skin = replace(
        base,
        gaussians=replace(
            base.gaussians,
            scales=np.full_like(means, 0.0025),
            opacities=np.full(len(means), 0.95, np.float32),
            colors=np.full_like(means, 0.7),
        ),
    )
    save_subject(folder / "rig.safetensors", skin)
    middle = skin.template.neutral.mean(axis=0)
    stripe = np.abs(means[: skin.n_face, 2] - middle[2] - 0.03) < 0.0025
    cameras = {}
    for angle, split in ((-25, "train"), (-12, "test"), (0, "train"), (12, "train"), (25, "train")):
        turn = np.radians(angle)
        eye = middle + 0.7 * np.array([np.sin(turn), -np.cos(turn), 0.05])
        cameras[f"{split}{angle}"] = CaptureCamera(
            f"{split}{angle}", look_at(tuple(eye), tuple(middle), SIZE, SIZE, 18.0), split
        )
    (folder / "pictures").mkdir()
    frames, points = [], []
    for name, aus in (("neutral", {}), ("nose", {"AU09": 1.0}), ("half", {"AU09": 0.5})):
        codes, _ = _expression(skin, **aus)
        tints = -0.35 * codes[AU_INDEX["AU09"]] * stripe[:, None] * np.ones(3, np.float32)
        posed = pose(skin, np.zeros_like(skin.template.neutral), tints=tints.astype(np.float32))
        pictures = {}
        for camera in cameras.values():
            image, alpha, _ = render(posed, camera.camera)
            rgba = np.concatenate([image / np.maximum(alpha, 1e-6)[..., None], alpha[..., None]], axis=-1)
            pictures[camera.name] = folder / "pictures" / f"{name}_{camera.name}.png"
            Image.fromarray(np.rint(rgba.clip(0, 1) * 255).astype(np.uint8)).save(pictures[camera.name])
        frames.append(CaptureFrame(name, codes, pictures))
        points.append(skin.template.neutral)
    others = means[skin.n_face :]
    save_capture(folder, Capture("wrinkling", "the tests", True, cameras, frames, np.stack(points), others,
                                 np.full((len(others), 3), 0.5), skin.otf_group))  # fmt: skip
    return folder, folder / "rig.safetensors"


@pytest.mark.slow
def test_a_wrinkle_is_learned_where_the_action_unit_makes_it(wrinkling, tmp_path):
    capture, rig = wrinkling
    out = tmp_path / "s.safetensors"
    report = train_appearance(
        capture, rig, out, AppearanceSettings(steps=60, size=SIZE, shade_points=400, validate=True)
    )
    assert report["recovered"] > 0.25
    assert report["with_decoders"]["psnr_wrinkles"] > report["canonical_only"]["psnr_wrinkles"] + 1
    subject = load_subject(out)
    decoder = AppearanceDecoder.from_subject(subject)
    still = np.zeros_like(subject.template.neutral)
    strengths = []
    for intensity in (0.0, 0.5, 1.0):
        aus, _ = _expression(subject, AU09=intensity)
        change = decoder.decode(aus, still).opacities - subject.gaussians.opacities[: subject.n_face]
        strengths.append(np.abs(change).sum())
    assert strengths[0] < 1e-3 < strengths[1] < strengths[2]
    steps, losses, values = zip(*report["curve"], strict=True)
    assert list(steps) == sorted(steps) and losses[-1] < losses[0] and values[-1] > values[0]
    assert report["best_step"] in steps


@pytest.mark.slow
def test_every_kind_is_trained_by_the_same_call_and_a_second_training_starts_afresh(wrinkling, tmp_path):
    capture, rig = wrinkling
    first = tmp_path / "featurenet.safetensors"
    report = train_appearance(capture, rig, first, AppearanceSettings(steps=100, size=SIZE, decoder="featurenet"))
    assert report["decoder"] == "featurenet" and report["recovered"] > 0.02
    second = tmp_path / "plain.safetensors"
    report = train_appearance(
        capture, first, second, AppearanceSettings(steps=4, size=SIZE, codes=False, shade_points=50)
    )
    assert report["decoder"] == "opcnet_without_codes" and report["shade_points"] <= 50
    third = tmp_path / "third.safetensors"
    train_appearance(capture, second, third, AppearanceSettings(steps=2, size=SIZE, shade_points=20))
    assert load_subject(third).n_face <= load_subject(rig).n_face + 20
