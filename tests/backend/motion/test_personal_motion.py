"""A head moves as its own capture showed: its own action units, its own lips and lids."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_INDEX, AU_NAMES
from emodifftalk.core.jaw import Jaw, jaw_opening, jaw_reading
from emodifftalk.core.range_of_motion import POSES, intensities
from emodifftalk.core.subject import load_subject, pose, save_subject
from emodifftalk.core.template import FacialTemplate, load_template
from emodifftalk.data.captures.capture import Capture, CaptureFrame
from emodifftalk.data.speech.spoken_motion import LabelledUtterance, Way
from emodifftalk.motion.contact import TouchingFace
from emodifftalk.motion.generate import MotionModel, load_motion, motion_arrays
from emodifftalk.motion.retarget import motion_for, retarget
from emodifftalk.speech.audio import load_audio
from emodifftalk.speech.encoder import load_speech_to_au
from emodifftalk.train.motion.batches import Batches
from emodifftalk.train.motion.tune import tune_motion
from emodifftalk.train.rig.expression_basis import own_expressions, with_own_expressions
from tests.helpers.invented_speech import invented_corpus
from tests.helpers.places import HELLO
from tests.helpers.tiny_subject import tiny_subject

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
SHIPPED = load_template()


@pytest.fixture(scope="module")
def other_face() -> FacialTemplate:
    """A head a tenth larger, whose smile goes up more than out and whose jaw drops less."""
    au_basis = 1.1 * SHIPPED.au_basis
    au_basis[AU_INDEX["AU12"]] *= np.array([0.7, 1.0, 1.5], np.float32)
    au_basis[AU_INDEX["AU26"]] *= 0.7
    return replace(
        SHIPPED, neutral=1.1 * SHIPPED.neutral, au_basis=au_basis, articulation_basis=1.1 * SHIPPED.articulation_basis
    )


def captured(face: FacialTemplate) -> Capture:
    """What a capture of that face holds of its points; its pictures do not matter here."""
    frames = [CaptureFrame("neutral", np.zeros(17, np.float32), {})]
    points = [face.neutral]
    for name, units in POSES.items():
        aus, articulations = intensities(units)
        frames.append(CaptureFrame(name, aus, {"front": None}))
        points.append(face.neutral + face.displace(aus, articulations))
    from emodifftalk.core.camera import Camera
    from emodifftalk.data.captures.capture import CaptureCamera

    camera = CaptureCamera("front", Camera(np.eye(4, dtype=np.float32), np.eye(3, dtype=np.float32), 8, 8), "train")
    nothing = np.zeros((0, 3), np.float32)
    seen = ({"front": camera}, frames, np.stack(points), nothing, nothing, np.zeros(0, np.uint8))
    return Capture("other", "", True, *seen)


def like_shipped(face: FacialTemplate) -> FacialTemplate:
    """What is known of a face before its expressions are looked at: the shipped action units in its size."""
    return replace(face, au_basis=1.1 * SHIPPED.au_basis, articulation_basis=1.1 * SHIPPED.articulation_basis)


def test_action_units_are_learned_as_this_face_shows_them(other_face):
    before = like_shipped(other_face)
    after = own_expressions(before, captured(other_face))
    for name in ("AU12", "AU26"):
        row = AU_INDEX[name]
        wrong, left = (np.linalg.norm(one.au_basis[row] - other_face.au_basis[row]) for one in (before, after))
        assert left < 0.25 * wrong
    row = AU_INDEX["AU01"]  # what was right stays right
    assert np.linalg.norm(after.au_basis[row] - other_face.au_basis[row]) < 0.1 * np.linalg.norm(before.au_basis[row])


def test_a_capture_without_expressions_changes_nothing(other_face):
    still = captured(other_face)
    still = replace(still, frames=still.frames[:1], points=still.points[:1])
    assert own_expressions(SHIPPED, still) is SHIPPED


def test_teeth_stay_where_they_were_learned(other_face):
    subject = replace(tiny_subject(), template=like_shipped(other_face), jaw=Jaw.of(SHIPPED))
    own = with_own_expressions(subject, captured(other_face))
    offsets = other_face.displace(*intensities({"AU26": 1.0}))
    openings = [one.jaw.turn * jaw_opening(jaw_reading(one.template), offsets) for one in (subject, own)]
    assert openings[1] == pytest.approx(openings[0], rel=0.1)


@pytest.fixture(scope="module")
def shared() -> MotionModel:
    """The shipped network, knowing how often its drivers were used in an invented corpus."""
    usage = Batches(invented_corpus(), SHIPPED, np.random.default_rng(1)).usage
    model = load_motion()
    return MotionModel(model.network, model.basis, usage)


def test_on_our_own_template_nothing_changes(shared):
    fitted = retarget(shared, SHIPPED)
    coefficients = np.random.default_rng(0).normal(size=(5, len(shared.basis.spread))).astype(np.float32)
    wanted, found = shared.basis.decode(coefficients), fitted.basis.decode(coefficients)
    assert np.linalg.norm(found - wanted, axis=-1).max() < 0.1 * np.linalg.norm(wanted, axis=-1).max()


def test_every_action_unit_moves_another_head_as_that_head_moves(shared, other_face):
    fitted, ours, theirs = retarget(shared, other_face), TouchingFace(SHIPPED), TouchingFace(other_face)
    for name in ("AU01", "AU04", "AU12", "AU26"):
        aus, nothing = np.zeros((1, 17), np.float32), np.zeros((1, 6), np.float32)
        aus[0, AU_INDEX[name]] = 0.8
        found = fitted.basis.decode(shared.basis.encode(ours.offsets(aus, nothing)))
        wanted = theirs.offsets(aus, nothing)
        assert np.linalg.norm(found - wanted) < 0.15 * np.linalg.norm(wanted), name


def test_a_model_of_unknown_use_is_not_fitted(shared):
    with pytest.raises(UserError, match="train it again"):
        retarget(MotionModel(shared.network, shared.basis), SHIPPED)


def recorded(seconds: float = 4.0) -> list[LabelledUtterance]:
    """The sample voice twice, once held back, and a silent room; the face does what the codes say and nothing more."""
    speech = load_speech_to_au("embedded")
    found = []
    for wave, voiced in ((load_audio(HELLO), True), (load_audio(HELLO), True), (np.zeros(64000, np.float32), False)):
        track = speech.predict(wave[: round(seconds * 16000)])
        way = Way(track.aus, np.zeros((len(track.aus), 6), np.float32), 0 * track.aus)
        found.append(LabelledUtterance(track.features, track.aus, track.aus, (way,), voiced))
    return found


def test_tuning_moves_the_lips_nearer_and_is_kept_in_the_subjects_file(other_face, tmp_path, monkeypatch, shared):
    monkeypatch.setattr("emodifftalk.motion.retarget.load_motion", lambda kind: shared)
    subject = replace(tiny_subject(), template=other_face)
    tuned, report = tune_motion(subject, minutes=0.25, corpus=recorded())
    assert report["lip_mm_after"] < report["lip_mm_before"] and len(report["curve"]) >= 2
    save_subject(tmp_path / "tuned.safetensors", tuned)
    again = motion_for(load_subject(tmp_path / "tuned.safetensors"))
    assert again.own
    aus, features = np.zeros((30, len(AU_NAMES)), np.float32), np.zeros((30, 128), np.float32)
    aus[:, AU_INDEX["AU12"]] = np.linspace(0, 1, 30)
    one, other = (model.generate(other_face.neutral, aus, features, 0) for model in (motion_for(tuned), again))
    np.testing.assert_array_equal(one, other)
    assert np.isfinite(pose(tuned, one[-1]).means).all()


def test_a_damaged_model_in_a_subject_is_named(other_face, shared):
    arrays = motion_arrays(shared)
    del arrays["network.out.bias"]
    with pytest.raises(UserError, match="does not fit"):
        motion_for(replace(tiny_subject(), motion=arrays))


def test_lips_that_the_codes_close_are_closed_and_nothing_else_moves():
    from emodifftalk.motion.seal import LipSeal

    aus = np.zeros((3, len(AU_NAMES)), np.float32)
    aus[1, AU_INDEX["AU24"]], aus[2, AU_INDEX["AU25"]] = 0.4, 0.5
    offsets = np.stack([SHIPPED.displace(aus[2])] * 3)
    sealed = LipSeal(SHIPPED)(offsets, aus)
    np.testing.assert_array_equal(sealed[[0, 2]], offsets[[0, 2]])
    assert SHIPPED.lip_opening(sealed[1:2])[0] < 0.1 * SHIPPED.lip_opening(offsets[1:2])[0]
    far = np.linalg.norm(SHIPPED.neutral - SHIPPED.neutral[SHIPPED.landmarks["lip_inner_upper"]].mean(axis=0), axis=1)
    assert np.abs(sealed - offsets)[1, far > 0.05].max() < 1e-5
