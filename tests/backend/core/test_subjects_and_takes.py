"""Subjects, takes and performances: what was saved is what is loaded, and damaged files are refused in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emodifftalk.core import tensors
from emodifftalk.core.compact_take import LOST, compact_take
from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_INDEX
from emodifftalk.core.gaussians import normalize
from emodifftalk.core.opening import resolve_inside
from emodifftalk.core.performance import (
    STRONGEST,
    Performance,
    Prompt,
    Style,
    VoiceStrip,
    from_json,
    load_performance,
    prompt_weights,
    to_json,
)
from emodifftalk.core.subject import load_subject, save_subject
from emodifftalk.core.take import load_take, save_take
from tests.helpers.places import ROOT
from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take, tiny_subject

QUIET = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A tiny subject and its take, written once."""
    path = tmp_path_factory.mktemp("files")
    save_tiny_subject(path / "subject.safetensors")
    save_tiny_take(path / "take.safetensors", tiny_subject())
    compact_take(path / "take.safetensors", path / "compact.safetensors")
    return path


def rewrite(path: Path, out: Path, metadata: dict | None = None, drop: str = "", **changes: np.ndarray) -> Path:
    """A copy of a file with some tensors or metadata replaced."""
    arrays, about = tensors.load(path)
    arrays.pop(drop, None)
    tensors.save(out, arrays | changes, about | (metadata or {}))
    return out


# ---- the format -------------------------------------------------------------------------------------------------


def test_the_reference_implementation_reads_our_files_and_we_read_its(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    rng = np.random.default_rng(0)
    arrays = {
        "a": rng.normal(size=(3, 4)).astype(np.float32),
        "b": rng.integers(0, 255, 7).astype(np.uint8),
        "c": rng.normal(size=(2, 1, 5)).astype(np.float16),
        "empty": np.zeros((0, 3), np.int32),
    }
    tensors.save(tmp_path / "ours.safetensors", arrays, {"who": "we"})
    theirs = safetensors.load_file(tmp_path / "ours.safetensors")
    safetensors.save_file(arrays, tmp_path / "theirs.safetensors", {"who": "they"})
    ours, metadata = tensors.load(tmp_path / "theirs.safetensors")
    assert metadata == {"who": "they"}
    for name, array in arrays.items():
        for found in (ours[name], theirs[name]):
            assert found.dtype == array.dtype and np.array_equal(found, array)


def test_a_subject_comes_back_as_it_was(folder):
    saved, found = tiny_subject(), load_subject(folder / "subject.safetensors")
    for name in ("name", "licence", "credit", "consent", "synthetic"):
        assert getattr(found, name) == getattr(saved, name)
    assert np.array_equal(found.gaussians.means, saved.gaussians.means)
    assert found.gaussians.colors == pytest.approx(saved.gaussians.colors, abs=1e-3)
    assert np.array_equal(found.triangle, saved.triangle)
    assert np.array_equal(found.template.landmarks["lip_outer"], saved.template.landmarks["lip_outer"])


def test_a_take_plays_at_any_time_and_holds_its_ends(folder):
    take, subject = load_take(folder / "take.safetensors"), load_subject(folder / "subject.safetensors")
    assert take.duration == 2.0
    middle = take.at(1.02)
    assert middle.aus[AU_INDEX["AU26"]] == pytest.approx(1.02 * 25 / 49, abs=1e-3)
    assert middle.offsets == pytest.approx(subject.template.displace(middle.aus), abs=2e-5)
    assert np.array_equal(take.at(-5).offsets, take.frame(0).offsets)
    assert np.array_equal(take.at(99).offsets, take.frame(49).offsets)
    posed = middle.gaussians(subject)
    assert len(posed) == len(subject.gaussians) and np.isfinite(posed.means).all()


def test_the_rotation_of_a_take_is_kept_within_a_degree(tmp_path):
    rng = np.random.default_rng(1)
    quats = rng.normal(size=(2, 500, 4))
    quats /= np.linalg.norm(quats, axis=-1, keepdims=True)
    save_take(tmp_path / "t.safetensors", np.zeros((2, 17)), np.zeros((2, 17)), np.zeros((2, 9, 3)), quats,
              np.ones((2, 500)), {})  # fmt: skip
    found = load_take(tmp_path / "t.safetensors").frame(1).rotations
    angle = 2 * np.degrees(np.arccos(np.clip(np.abs((found * quats[1]).sum(axis=-1)), 0, 1)))
    assert angle.max() < 1.0


def test_a_take_of_another_subject_is_not_played(folder):
    other = tiny_subject(faces=200)
    with pytest.raises(UserError, match="another subject"):
        load_take(folder / "take.safetensors").frame(0).gaussians(other)


def test_a_compact_take_plays_like_the_whole_one(tmp_path):
    """Every array within what is promised, at frames and between them, tints and confidence too; and it is smaller."""
    rng, t = np.random.default_rng(4), np.linspace(0, 6, 150)
    curves = np.stack([np.sin(t), np.cos(2.3 * t), np.sin(0.7 * t + 1)], axis=1)

    def moving(*shape: int, size: float) -> np.ndarray:
        return np.tensordot(curves, rng.normal(0, size, (3, *shape)), axes=1)

    quats = normalize(rng.normal(size=(400, 4)) + moving(400, 4, size=0.05)) * rng.choice([-1, 1], (150, 400, 1))
    aus = np.clip(moving(17, size=0.3), 0, 1)
    whole, small = tmp_path / "whole.safetensors", tmp_path / "small.safetensors"
    alphas = np.clip(0.5 + moving(400, size=0.1), 0, 1)
    save_take(whole, aus, aus, moving(60, 3, size=0.004), quats, alphas, {"seed": "7"},
              confidence=np.linspace(0, 1, 150), tints=moving(400, 3, size=0.05))  # fmt: skip
    done = compact_take(whole, small)
    before, after = load_take(whole), load_take(small)
    assert done.faithful and done.after < done.before / 4 and after.compact and not before.compact
    assert after.metadata["seed"] == "7" and np.array_equal(after.aus, before.aus)
    assert np.array_equal(after.confidence, before.confidence)
    for second in (0.0, 1.0, 1.013, 5.7, 99.0):
        one, other = before.at(second), after.at(second)
        assert np.abs(one.offsets - other.offsets).max() < 10 * LOST["offsets"]
        angle = 2 * np.degrees(np.arccos(np.clip(np.abs((one.rotations * other.rotations).sum(axis=1)), 0, 1)))
        assert angle.max() < 4.0
        assert np.abs(one.opacities - other.opacities).max() < 0.03
        assert np.abs(one.tints - other.tints).max() < 0.03
    with pytest.raises(UserError, match="compact already"):
        compact_take(small, tmp_path / "again.safetensors")


def test_a_take_that_rests_can_be_compact_too(tmp_path):
    """One frame, and frames that are all the same: there is nothing to find components in."""
    for frames in (1, 5):
        still, rest = np.zeros((frames, 17)), np.tile(np.array([1.0, 0, 0, 0]), (frames, 6, 1))
        offsets, alphas = np.zeros((frames, 9, 3)), np.ones((frames, 6))
        save_take(tmp_path / "t.safetensors", still, still, offsets, rest, alphas, {})
        compact_take(tmp_path / "t.safetensors", tmp_path / "c.safetensors")
        found = load_take(tmp_path / "c.safetensors").at(0.1)
        assert not found.offsets.any() and np.allclose(found.rotations, (1, 0, 0, 0)) and (found.opacities == 1).all()


# ---- damage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["subject", "take", "compact"])
@settings(max_examples=150, **QUIET)
@given(data=st.data())
def test_a_damaged_file_is_refused_in_a_sentence_or_read_whole(folder, kind, data):
    """Bytes flipped, cut off or doubled: a UserError or a sane object, never another exception, never NaN."""
    whole = (folder / f"{kind}.safetensors").read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    action = data.draw(st.sampled_from(("flip header", "flip", "cut", "junk", "insert")))
    damaged = bytearray(whole)
    if action.startswith("flip"):
        last = header if action == "flip header" else len(whole)
        for _ in range(data.draw(st.integers(1, 8))):
            damaged[data.draw(st.integers(0, last - 1))] = data.draw(st.integers(0, 255))
    elif action == "cut":
        damaged = damaged[: data.draw(st.integers(0, len(whole) - 1))]
    elif action == "junk":
        damaged = bytearray(data.draw(st.binary(max_size=300)))
    else:
        at = data.draw(st.integers(0, len(whole)))
        damaged[at:at] = data.draw(st.binary(min_size=1, max_size=20))
    path = folder / f"damaged_{kind}.safetensors"
    path.write_bytes(damaged)
    try:
        if kind == "subject":
            subject = load_subject(path)
            assert np.isfinite(subject.gaussians.means).all() and np.isfinite(subject.template.neutral).all()
        else:
            take = load_take(path)
            for second in (0.0, 0.5 / 25, take.duration):
                found = take.at(second)
                assert all(np.isfinite(array).all() for array in (found.offsets, found.rotations, found.opacities))
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) > 20


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"metadata": {"schema": "99"}}, "reads 1"),
        ({"metadata": {"format": "emodifftalk.take"}}, "not an EmoDiffTalk subject"),
        ({"metadata": {"au_names": '["AU01"]'}}, "other au names"),
        ({"drop": "gaussians.means"}, "no “gaussians.means”"),
        ({"gaussians.means": np.full((340, 3), np.nan, np.float32)}, "not finite"),
        ({"gaussians.colors": np.zeros((7, 3), np.float32)}, "expected 340 × 3"),
        ({"gaussians.quats": np.zeros((340, 4), np.float32)}, "no size or no direction"),
        ({"gaussians.opacities": np.full(340, 3, np.float32)}, "between 0 and 1"),
        ({"gaussians.means": np.full((340, 3), 1e30, np.float32)}, "lies too far away"),
        ({"gaussians.colors": np.full((340, 3), -5, np.float32)}, "no screen shows"),
        ({"face.triangle": np.full(300, 99999, np.int32)}, "points outside"),
        ({"otf.group": np.full(40, 77, np.uint8)}, "points outside"),
        ({"appearance.feature_line": np.zeros((17, 5, 16), np.float16)}, "feature line does not fit"),
    ],
)
def test_a_subject_that_makes_no_sense_says_what_is_wrong(folder, tmp_path, change, sentence):
    with pytest.raises(UserError, match=sentence):
        load_subject(rewrite(folder / "subject.safetensors", tmp_path / "wrong.safetensors", **change))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"metadata": {"schema": "3"}}, "reads 1 and 2"),
        ({"metadata": {"schema": "2"}}, "no “offsets.mean”"),
        ({"aus": np.full((50, 17), np.nan, np.float32)}, "not finite"),
        ({"offsets": np.zeros((3, 156, 3), np.float16)}, "does not fit its 50 frames"),
        ({"offsets": np.zeros((50, 156, 3), np.float32)}, "does not fit"),
        ({"drop": "rotations"}, "does not fit"),
    ],
)
def test_a_take_that_makes_no_sense_says_what_is_wrong(folder, tmp_path, change, sentence):
    with pytest.raises(UserError, match=sentence):
        load_take(rewrite(folder / "take.safetensors", tmp_path / "wrong.safetensors", **change))


def test_a_pickle_is_never_opened(tmp_path):
    """A file that would run code when unpickled is only looked at."""
    trap = b"cos\nsystem\n(S'touch " + str(tmp_path / "owned").encode() + b"'\ntR."
    (tmp_path / "evil.safetensors").write_bytes(trap)
    for load in (load_subject, load_take):
        with pytest.raises(UserError):
            load(tmp_path / "evil.safetensors")
    assert not (tmp_path / "owned").exists()


def test_a_save_that_fails_leaves_the_old_file(folder, tmp_path, monkeypatch):
    subject = tiny_subject()
    save_subject(tmp_path / "s.safetensors", subject)
    before = (tmp_path / "s.safetensors").read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("emodifftalk.core.tensors.os.replace", full_disk)
    with pytest.raises(UserError, match="No space left"):
        save_subject(tmp_path / "s.safetensors", replace(subject, name="Other"))
    assert (tmp_path / "s.safetensors").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["s.safetensors"]


# ---- performances -----------------------------------------------------------------------------------------------

seconds = st.floats(0, 20, allow_nan=False)
prompts = st.lists(
    st.builds(
        Prompt,
        text=st.text(max_size=10),
        start=seconds,
        end=st.none() | st.floats(20, 40),
        ease_in=st.floats(0, 3),
        ease_out=st.floats(0, 3),
        intensity=st.lists(st.tuples(seconds, st.floats(0, STRONGEST)), min_size=1, max_size=4).map(tuple),
    ),
    max_size=6,
).map(tuple)


@settings(max_examples=100, **QUIET)
@given(prompts=prompts, gap=st.sampled_from(("neutral", "hold")))
@pytest.mark.slow
def test_prompts_weigh_between_nothing_and_everything_and_never_jump(prompts, gap):
    prompts = tuple(replace(p, ease_in=max(p.ease_in, 0.2), ease_out=max(p.ease_out, 0.2),
                            intensity=((0.0, 1.0),)) for p in prompts)  # fmt: skip
    times = np.arange(1200) / 25
    weights = prompt_weights(Performance(prompts=prompts, style=Style(gap=gap)), times)
    assert weights.shape == (len(prompts), 1200)
    assert (weights >= 0).all() and (weights.sum(axis=0) <= 1 + 1e-5).all()
    if len(prompts) == 1:
        assert np.abs(np.diff(weights, axis=1)).max() < 0.35


def test_two_prompts_at_half_weight_share_the_face_and_intensity_beyond_1_exaggerates():
    def weights(*intensities: float) -> list[float]:
        both = tuple(Prompt("x", end=9.0, intensity=((0.0, value),)) for value in intensities)
        return prompt_weights(Performance(prompts=both), np.array([4.0]))[:, 0].tolist()

    assert weights(0.5, 0.5) == pytest.approx([0.5, 0.5])
    assert weights(1.0, 1.0) == pytest.approx([0.5, 0.5])
    assert weights(1.6) == pytest.approx([1.6]) and weights(9.0) == pytest.approx([STRONGEST])
    assert weights(1.6, 1.0) == pytest.approx([0.8, 0.5])


@settings(max_examples=60, **QUIET)
@given(prompts=prompts, seed=st.integers(0, 2**31))
def test_a_performance_survives_its_file(tmp_path, prompts, seed):
    performance = Performance(
        voice=(VoiceStrip(tmp_path / "voices" / "a.wav", start=1.5, offset=0.25, duration=3.0),),
        prompts=prompts,
        au_offsets={"AU12": ((0.0, 0.1), (1.0, 0.4))},
        au_curves={"AU04": ((0.0, 0.2), (1.5, 0.9))},
        au_gains={"AU09": 0.0, "AU25": 1.5},
        valence=((0.0, -0.5),),
        arousal=((0.0, 0.5), (2.0, -1.0)),
        seed=seed,
        style=Style("paper", 0.7, 0.2, 1.5, 0.4, "hold", 0.3, 0.6),
    )
    (tmp_path / "shot.json").write_text(json.dumps(to_json(performance, tmp_path)), encoding="utf-8")
    assert load_performance(tmp_path / "shot.json") == performance
    assert json.loads((tmp_path / "shot.json").read_text(encoding="utf-8"))["voice"][0]["path"] == "voices/a.wav"


def test_a_performance_of_the_first_version_is_read_as_it_was(tmp_path):
    data = to_json(Performance(prompts=(Prompt("calm", id="a"),))) | {"schema": 1}
    del data["style"]["voice_feeling"]
    assert from_json(data).style == Style() and from_json(data).prompts[0].text == "calm"


def test_a_performance_of_the_second_version_has_nothing_drawn_over(tmp_path):
    data = to_json(Performance(au_offsets={"AU12": ((0.0, 0.1),)})) | {"schema": 2}
    del data["au_curves"], data["au_gains"]
    found = from_json(data)
    assert (found.au_curves, found.au_gains) == ({}, {}) and found.au_offsets["AU12"] == ((0.0, 0.1),)


def test_the_example_of_the_manual_is_a_performance():
    text = (ROOT / "docs" / "formats" / "performance.md").read_text(encoding="utf-8")
    example = json.loads(text.partition("```json")[2].partition("```")[0])
    found = from_json(example)
    assert set(example["style"]) == set(vars(Style())) and set(example) - {"format"} == set(to_json(found)) - {"format"}
    assert len(found.prompts) == 3 and found.prompts[2].aus == {"AU01": 0.6, "AU02": 0.4}


@pytest.mark.parametrize("name", ["../secret.wav", "/etc/passwd", "a/../../b.wav", "C:\\x.wav", "..\\x.wav", ""])
def test_paths_inside_files_never_leave_their_folder(tmp_path, name):
    with pytest.raises(UserError, match="outside"):
        resolve_inside(tmp_path, name)
    data = to_json(Performance()) | {"voice": [{"path": name}]}
    with pytest.raises(UserError, match="outside"):
        from_json(data, tmp_path)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="outside"):
        resolve_inside(tmp_path / "inside", "link/voice.wav")


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"schema": 9}, "schema 9"),
        ({"format": "x"}, "not an EmoDiffTalk performance"),
        ({"prompts": [{"text": 3}]}, "prompts"),
        ({"prompts": [{"text": "a", "start": float("nan")}]}, "prompts"),
        ({"prompts": [{"text": "a", "aus": {"AU99": 1}}]}, "prompts"),
        ({"au_offsets": {"AU03": []}}, "AU03"),
        ({"au_curves": {"AU12": [[0.0]]}}, "au_curves"),
        ({"au_gains": {"AU12": 3.0}}, "au_gains"),
        ({"style": {"mode": "magic"}}, "style"),
        ({"style": {"voice_feeling": 1.5}}, "style"),
        ({"duration": -1}, "duration"),
        ({"duration": 1e6}, "duration"),
        ({"duration": True}, "duration"),
        ({"seed": -1}, "seed"),
        ({"seed": float("inf")}, "seed"),
        ({"seed": "7"}, "seed"),
        ({"style": "sad"}, "style"),
        ({"style": {"expresiveness": 1}}, "did you mean “expressiveness”"),
        ({"promts": []}, "did you mean “prompts”"),
        ({"valence": [[0, 10**400]]}, "curves"),
        ({"voice": "loud"}, "voice"),
    ],
)
def test_a_performance_that_makes_no_sense_names_the_part(change, part):
    with pytest.raises(UserError, match=part):
        from_json(to_json(Performance()) | change)
