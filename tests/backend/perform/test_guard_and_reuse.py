"""What was made once is not made again, to the last bit; a face stays near its training, and says where it does not."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emodifftalk.core import tensors
from emodifftalk.core.errors import Cancelled
from emodifftalk.core.facs import ARTICULATIONS, AU_INDEX, AU_NAMES
from emodifftalk.core.performance import Performance, Prompt, Style, VoiceStrip
from emodifftalk.core.range_of_motion import POSES, intensities
from emodifftalk.core.subject import Subject, load_subject, save_subject
from emodifftalk.core.take import load_take, runs, stretches
from emodifftalk.core.watch import Watch
from emodifftalk.core.windows import touched
from emodifftalk.motion.contact import TouchingFace
from emodifftalk.motion.generate import load_motion
from emodifftalk.motion.guard import FALLBACK, MARGIN, ROOM, Guard, confidence
from emodifftalk.perform import hearing
from emodifftalk.perform.pipeline import PerformSettings, TakeReport, perform
from tests.helpers.places import HELLO
from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take, tiny_subject

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]
QUICK = PerformSettings(front_end="embedded", text_encoder="embedded", steps=2)
SECONDS = 14.0
SMILE, JAW, BROWS = AU_INDEX["AU12"], AU_INDEX["AU26"], AU_INDEX["AU04"]
PRESS = len(AU_NAMES) + ARTICULATIONS.index("lip_press")
FRAMES = ("offsets", "rotations", "opacities", "aus", "confidence")


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Path:
    """A folder with a subject and a voice of SECONDS."""
    folder = tmp_path_factory.mktemp("shot")
    save_tiny_subject(folder / "head.safetensors", appearance=True, shipped_template=True)
    wave, rate = soundfile.read(HELLO)
    soundfile.write(folder / "voice.wav", np.tile(wave, 3)[: round(SECONDS * rate)], rate)
    return folder


def shot(stage: Path, last: float = 0.6, seed: int = 3, **changes) -> Performance:
    """A smile at the beginning and a frown of a strength in the last two seconds, both set by hand, and no gestures."""
    prompts = (
        Prompt("a smile", start=0.0, end=5.0, aus={"AU12": 0.5}),
        Prompt("a frown", start=12.0, end=SECONDS, aus={"AU04": last}),
    )
    still = Style(liveliness=0.0)
    return replace(Performance((VoiceStrip(stage / "voice.wav"),), prompts, seed=seed, style=still), **changes)


def played(stage: Path, name: str, performance: Performance, **options) -> TakeReport:
    return perform(stage / "head.safetensors", performance, stage / f"{name}.safetensors", QUICK, **options)


@pytest.fixture(scope="module")
def first(stage) -> TakeReport:
    return played(stage, "first", shot(stage))


def differing(one: Path, other: Path) -> np.ndarray:
    """Frames (T,) bool in which two takes differ in any byte."""
    a, b = tensors.load(one)[0], tensors.load(other)[0]
    return np.array([any(a[n][i].tobytes() != b[n][i].tobytes() for n in FRAMES) for i in range(len(a["aus"]))])


# What did not change is not made again


def test_changing_the_last_prompt_touches_only_its_windows_and_gives_the_same_bytes_as_a_new_take(
    stage, first, monkeypatch
):
    scratch = played(stage, "scratch", shot(stage, last=1.0))
    hearing.forget()
    monkeypatch.setattr(hearing, "listener", lambda *_: pytest.fail("the voice was listened to again"))
    again = played(stage, "again", shot(stage, last=1.0), previous=first.take)
    assert again.take.read_bytes() == scratch.take.read_bytes()
    moved = differing(first.take, again.take)
    assert moved[12 * 25 + 5 :].all() and not moved[: 9 * 25].any()
    assert moved.sum() <= again.recomputed < 0.45 * again.frames and not again.note


@pytest.mark.parametrize("at", [0.0, 4.1, 7.0])
def test_a_key_anywhere_gives_the_same_bytes_as_a_new_take(stage, first, at):
    nudge = shot(stage, au_offsets={"AU02": ((at, 0.0), (at + 0.2, 0.5), (at + 0.4, 0.0))})
    scratch, again = played(stage, "scratch", nudge), played(stage, "again", nudge, previous=first.take)
    assert again.take.read_bytes() == scratch.take.read_bytes()
    assert 0 < differing(first.take, again.take).sum() <= again.recomputed < again.frames


def test_drawn_over_muted_and_scaled_units_come_out_as_drawn_and_touch_only_their_windows(stage, first):
    before = load_take(first.take)
    times = np.arange(before.frames) / 25
    drawn = tuple((float(t), float(v)) for t, v in zip(times, before.aus_emotion[:, SMILE], strict=True))
    drawn = tuple((t, v if t < 12.5 else 0.3) for t, v in drawn)  # as shown, and raised at the end
    asks = {"au_curves": {"AU12": drawn}, "au_gains": {"AU09": 0.0, "AU04": 1.5}, "au_offsets": {"AU12": ((0.0, 0.1),)}}
    scratch = played(stage, "drawn", shot(stage, **asks))
    take = load_take(scratch.take)
    asked = tensors.load(scratch.take)[0]["asked"]
    emotional = before.aus_emotion
    assert np.array_equal(take.aus_emotion, emotional), "what voice and feelings give is not what was drawn"
    assert asked[-20:, SMILE] == pytest.approx(0.4) and not asked[:, AU_INDEX["AU09"]].any()
    assert asked[:, SMILE][times < 12.5] == pytest.approx((emotional[:, SMILE][times < 12.5] + 0.1).clip(0, 1))
    assert asked[:, BROWS] == pytest.approx((1.5 * emotional[:, BROWS]).clip(0, 1))
    end_only = shot(stage, au_curves={"AU12": drawn})
    fresh, again = played(stage, "fresh", end_only), played(stage, "again", end_only, previous=first.take)
    assert again.take.read_bytes() == fresh.take.read_bytes()
    assert 0 < again.recomputed < 0.45 * again.frames


def test_changes_upon_changes_still_give_the_same_bytes(stage, first):
    one = played(stage, "one", shot(stage, last=0.1), previous=first.take)
    back = played(stage, "two", shot(stage), previous=one.take)
    assert back.take.read_bytes() == first.take.read_bytes() and 0 < back.recomputed < back.frames


def test_the_same_again_is_a_copy(stage, first):
    again = played(stage, "again", shot(stage), previous=first.take)
    assert again.recomputed == 0 and again.take.read_bytes() == first.take.read_bytes()


def test_a_take_may_be_made_over_itself(stage, first):
    own = stage / "own.safetensors"
    own.write_bytes(first.take.read_bytes())
    scratch = played(stage, "scratch", shot(stage, last=0.0))
    assert played(stage, "own", shot(stage, last=0.0), previous=own).recomputed < scratch.frames
    assert own.read_bytes() == scratch.take.read_bytes()


@pytest.mark.parametrize("kind", ["missing", "cut", "junk", "not finite", "of the tests", "another seed"])
def test_an_earlier_take_that_is_of_no_use_costs_nothing_but_a_note(stage, first, kind):
    path = stage / "useless.safetensors"
    whole = first.take.read_bytes()
    path.unlink(missing_ok=True)
    if kind == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "junk":
        path.write_bytes(b"RIFF" + bytes(500))
    elif kind == "not finite":
        arrays, about = tensors.load(first.take)
        arrays["offsets"][20, 7] = np.inf
        tensors.save(path, arrays, about)
    elif kind == "of the tests":
        save_tiny_take(path, tiny_subject())
    elif kind == "another seed":
        played(stage, "useless", shot(stage, seed=4))
    again = played(stage, "again", shot(stage), previous=path)
    assert again.note.startswith("no frame was taken over") and again.recomputed == again.frames
    assert again.take.read_bytes() == whole


def test_cancelling_leaves_neither_a_take_nor_a_piece_of_one(stage, first):
    before = sorted(stage.iterdir())

    def late(fraction: float, stage_name: str, text: str) -> None:
        calls.append(stage_name)

    calls: list[str] = []
    with pytest.raises(Cancelled):
        watch = Watch(late, lambda: calls.count("appearance") > 20)
        played(stage, "never", shot(stage, last=0.9), watch=watch, previous=first.take)
    assert sorted(stage.iterdir()) == before


@lru_cache(maxsize=1)
def whole_shot() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    aus = rng.uniform(0, 0.6, (260, len(AU_NAMES))).astype(np.float32)
    features = rng.normal(0, 0.3, (260, 128)).astype(np.float32)
    neutral = tiny_subject(shipped_template=True).template.neutral
    return neutral, aus, features, load_motion().coefficients(neutral, aus, features, 0, steps=1)


@given(spots=st.lists(st.integers(0, 259), max_size=4), kind=st.sampled_from([1, 7]))
@settings(max_examples=12, deadline=None)
def test_only_touched_frames_depend_on_a_change_and_they_are_exact(spots, kind):
    neutral, aus, features, before = whole_shot()
    changed = np.zeros(len(aus), bool)
    for spot in spots:
        changed[spot : spot + kind] = True
    edited = np.where(changed[:, None], 1 - aus, aus)
    after = load_motion().coefficients(neutral, edited, features, 0, steps=1)
    part = load_motion().coefficients(neutral, edited, features, 0, steps=1, changed=changed)
    anew, _ = touched(changed)
    assert anew[changed].all()
    np.testing.assert_array_equal(before[~anew], after[~anew])
    np.testing.assert_array_equal(part[anew], after[anew])


# Action-unit codes stay in range


def limited_subject(**most: float) -> Subject:
    """A subject whose training saw some action units up to an intensity only, the others fully."""
    subject = tiny_subject(shipped_template=True)
    au_range = subject.au_range.copy()
    for name, value in most.items():
        au_range[AU_INDEX[name], 1] = value
    return replace(subject, au_range=au_range)


GUARD = Guard(limited_subject())
NARROW = Guard(limited_subject(AU12=0.4, AU26=0.7, AU09=0.0))
FACE = TouchingFace(tiny_subject(shipped_template=True).template)


def track(frames: int, **values: float) -> np.ndarray:
    aus = np.zeros((frames, len(AU_NAMES)), np.float32)
    for name, value in values.items():
        aus[:, AU_INDEX[name]] = value
    return aus


@given(st.lists(st.floats(0, 1, width=32), min_size=17, max_size=17))
@settings(max_examples=50, deadline=None)
def test_codes_inside_the_range_are_left_alone_to_the_last_bit(values):
    aus = np.array([values], np.float32)
    aus[0, [SMILE, JAW, AU_INDEX["AU09"]]] *= (0.4, 0.7, 0.0)
    limited, beyond = NARROW.codes(aus)
    np.testing.assert_array_equal(limited, aus)
    assert beyond[0] == 0 and confidence(beyond, np.zeros(1))[0] == 1


def test_codes_outside_the_range_bend_to_a_bound_without_a_jump_and_never_fall():
    aus = np.repeat(np.linspace(0, 1, 2001, dtype=np.float32)[:, None], len(AU_NAMES), axis=1)
    limited, beyond = NARROW.codes(aus)
    steps = np.diff(limited, axis=0)
    assert steps.min() >= 0 and steps.max() < 1.01 / 2000
    assert limited[-1, SMILE] <= 0.4 + MARGIN + ROOM and limited[-1, JAW] <= 0.7 + MARGIN + ROOM
    assert limited[-1, SMILE] > 0.4 + MARGIN
    assert (np.diff(beyond) >= 0).all()


def test_a_unit_that_training_never_saw_is_damped_and_the_take_says_so():
    limited, beyond = NARROW.codes(track(1, AU09=1.0, AU02=0.8))
    assert limited[0, AU_INDEX["AU09"]] == pytest.approx(FALLBACK)
    assert limited[0, AU_INDEX["AU02"]] == np.float32(0.8)
    assert confidence(beyond, np.zeros(1))[0] < 0.3


def test_a_subject_whose_training_saw_no_unit_at_all_still_speaks_and_is_not_trusted():
    unknown = Guard(limited_subject(**dict.fromkeys(AU_NAMES, 0.0)))
    aus = track(1, AU25=0.7)
    limited, beyond = unknown.codes(aus)
    np.testing.assert_array_equal(limited, aus)
    assert confidence(beyond, np.zeros(1))[0] < 0.5


# Motion stays in range


@given(seed=st.integers(0, 10**6), busy=st.floats(0, 0.35))
@settings(max_examples=25, deadline=None)
def test_faces_that_touch_themselves_within_the_range_are_left_alone_to_the_last_bit(seed, busy):
    rng = np.random.default_rng(seed)
    drive = rng.uniform(0, 1, (4, 23)) * (rng.random((4, 23)) < busy)
    # No face presses its lips together while they part and the jaw is wide open.
    drive[:, PRESS] *= 1 - drive[:, [AU_INDEX["AU25"], JAW]].max(axis=1)
    offsets = FACE.offsets(drive[:, : len(AU_NAMES)], drive[:, len(AU_NAMES) :]).astype(np.float32)
    limited, beyond = GUARD.motion(offsets)
    np.testing.assert_array_equal(limited, offsets)
    assert not beyond.any()


def test_lips_pressed_shut_on_a_wide_open_jaw_are_out_of_range_though_each_unit_is_in_it():
    drive = np.zeros((1, 23))
    drive[:, [AU_INDEX["AU25"], JAW, PRESS]] = 0.95
    offsets = FACE.offsets(drive[:, : len(AU_NAMES)], drive[:, len(AU_NAMES) :]).astype(np.float32)
    limited, beyond = GUARD.motion(offsets)
    assert 0 < np.linalg.norm(limited - offsets, axis=2).max() < 0.005
    assert confidence(np.zeros(1), beyond)[0] < 0.9


def test_every_pose_of_a_capture_is_left_alone():
    aus, articulations = (np.stack(part) for part in zip(*map(intensities, POSES.values()), strict=True))
    offsets = FACE.offsets(aus, articulations).astype(np.float32)
    np.testing.assert_array_equal(GUARD.motion(offsets)[0], offsets)


def test_a_speaking_face_of_the_shipped_model_is_left_alone(stage, first):
    assert (load_take(first.take).confidence == 1).all()


@given(unit=st.integers(0, 22), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_motion_outside_the_range_bends_to_a_bound_without_a_jump_and_never_turns_back(unit, seed):
    rng = np.random.default_rng(seed)
    template = tiny_subject(shipped_template=True).template
    basis = np.concatenate([template.au_basis, template.articulation_basis])
    rest = np.tensordot(rng.uniform(0, 0.3, 23), basis, axes=1)
    # Twice ten times the full strength, and beside every basis: a bump on the cheek that no unit makes.
    odd = basis[unit] + 0.002 * np.sin(40 * template.neutral[:, [2, 0, 1]])
    ray = np.linspace(0, 20, 81)
    offsets = (rest + ray[:, None, None] * odd).astype(np.float32)
    limited, beyond = GUARD.motion(offsets)
    went = np.linalg.norm(np.diff(limited, axis=0), axis=2).max(axis=1)
    came = np.linalg.norm(np.diff(offsets, axis=0), axis=2).max(axis=1)
    assert (went <= 2 * came + 1e-4).all()
    assert (np.diff(beyond) >= -1e-6).all() and beyond[-1] > 1
    nearest = GUARD._nearest(offsets[-1:])
    assert np.linalg.norm(limited[-1:] - nearest, axis=2).max() < 0.0086
    along = np.tensordot(limited - limited[0], odd, axes=2)
    assert (np.maximum.accumulate(along) - along).max() < 1e-3 * along.max()


def test_random_motion_of_units_that_training_never_saw_is_held_back():
    template = tiny_subject(shipped_template=True).template
    blind = Guard(limited_subject(AU01=0.0, AU02=0.0, AU04=0.0))
    offsets = template.displace(track(1, AU01=1.0, AU02=1.0))
    limited, beyond = blind.motion(offsets)
    assert np.linalg.norm(limited, axis=2).max() < 0.8 * np.linalg.norm(offsets, axis=2).max()
    assert confidence(np.zeros(1), beyond)[0] < 0.7
    np.testing.assert_array_equal(GUARD.motion(offsets)[0], offsets)


def test_a_take_says_where_it_stretches(stage, tmp_path):
    subject = load_subject(stage / "head.safetensors")
    au_range = subject.au_range.copy()
    au_range[BROWS, 1] = 0.3
    save_subject(tmp_path / "narrow.safetensors", replace(subject, au_range=au_range))
    report = perform(tmp_path / "narrow.safetensors", shot(stage, last=1.0), tmp_path / "take.safetensors", QUICK)
    take = load_take(tmp_path / "take.safetensors")
    spans = stretches(take.confidence)
    assert len(spans) == 1 and 12 * 25 <= spans[0][0] < 12.5 * 25 and spans[0][1] >= 13.5 * 25
    assert (take.confidence[: 12 * 25] == 1).all() and take.confidence.min() > 0.1
    assert take.aus[:, BROWS].max() <= 0.3 + MARGIN + ROOM + 1e-6
    np.testing.assert_array_equal(report.confidence, take.confidence)


def test_takes_of_earlier_versions_count_as_confident(tmp_path):
    save_tiny_take(tmp_path / "old.safetensors", tiny_subject())
    assert (load_take(tmp_path / "old.safetensors").confidence == 1).all()


@given(st.lists(st.booleans(), max_size=60))
def test_runs_are_what_they_say(values):
    mask = np.array(values, bool)
    again = np.zeros(len(mask), bool)
    for start, end in runs(mask):
        assert end > start and (end == len(mask) or not mask[end])
        again[start:end] = True
    assert (again == mask).all()
