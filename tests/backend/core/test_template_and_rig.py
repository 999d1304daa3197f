"""The facial template moves as FACS says, and Gaussians bound to a head follow it as EmoTalk3D's Equation 9 says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emodifftalk.core.facs import ARTICULATIONS, AU_INDEX, AU_NAMES
from emodifftalk.core.gaussians import (
    matrix_to_quat,
    normalize,
    quat_multiply,
    quat_to_matrix,
)
from emodifftalk.core.jaw import Jaw, jaw_opening, jaw_reading
from emodifftalk.core.subject import OTF_GROUPS, load_subject, pose, save_subject
from emodifftalk.core.template import LANDMARKS, REGIONS, load_template
from tests.helpers.tiny_subject import tiny_subject


@pytest.fixture(scope="module")
def template():
    """The shipped facial template."""
    return load_template()


def moved(template, au: str, landmark: str) -> np.ndarray:
    """Mean movement (3,) in millimetres at intensity 1 of one AU, of a landmark or of its "inner" or "outer" third."""
    part, _, name = landmark.rpartition(" ")
    points = template.landmarks[name]
    third = len(points) // 3
    chosen = {"": points, "inner": points[:third], "outer": points[-third:]}[part]  # brows run from the nose outwards
    return 1000 * template.au_basis[AU_INDEX[au], chosen].mean(axis=0)


# ---- the template -----------------------------------------------------------------------------------------------


def test_the_face_has_two_eye_openings_and_a_mouth(template):
    edges = np.concatenate([template.faces[:, [0, 1]], template.faces[:, [1, 2]], template.faces[:, [2, 0]]])
    _, uses = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    assert uses.max() == 2, "the surface branches"
    border, counts = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    # Eyes, mouth and the outline: four closed loops of border edges.
    loops = _components(border[counts == 1])
    assert len(loops) == 4
    for name in ("lip_inner_upper", "lid_upper_left", "lid_upper_right"):
        assert any(set(template.landmarks[name]) & loop for loop in loops)


def _components(edges: np.ndarray) -> list[set[int]]:
    groups: list[set[int]] = []
    for a, b in edges.tolist():
        touching = [g for g in groups if a in g or b in g]
        merged = {a, b}.union(*touching)
        groups = [g for g in groups if g not in touching] + [merged]
    return groups


def test_every_region_and_landmark_is_labelled_and_every_point_has_its_place_on_the_map(template):
    assert set(np.unique(template.regions)) == set(range(len(REGIONS)))
    assert all(len(template.landmarks[name]) > 0 for name in LANDMARKS)
    assert template.uv.min() >= 0 and template.uv.max() <= 1
    corners = template.uv[template.faces]
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    assert (area > 0).mean() > 0.98 or (area < 0).mean() > 0.98, "the map folds over itself"


def test_left_is_left(template):
    for name in ("lid_upper", "lid_lower", "brow"):
        assert template.neutral[template.landmarks[f"{name}_left"], 0].mean() > 0.01
        assert template.neutral[template.landmarks[f"{name}_right"], 0].mean() < -0.01
    assert template.neutral[template.landmarks["nose_tip"], 1].mean() < template.neutral[:, 1].mean(), "looks along -y"


@pytest.mark.parametrize("au", AU_NAMES)
def test_every_action_unit_moves_the_face_by_millimetres_and_both_sides_alike(template, au):
    length = 1000 * np.linalg.norm(template.au_basis[AU_INDEX[au]], axis=1)
    assert 1.0 < length.max() < 30.0
    left = template.neutral[:, 0] > 0.002
    assert length[left].sum() == pytest.approx(length[template.neutral[:, 0] < -0.002].sum(), rel=0.25)


@pytest.mark.parametrize(
    ("au", "landmark", "axis", "least"),
    [
        ("AU01", "inner brow_left", 2, 2.0),
        ("AU02", "outer brow_right", 2, 3.0),
        ("AU04", "inner brow_left", 2, -2.0),
        ("AU04", "inner brow_left", 0, -0.5),
        ("AU26", "chin", 2, -5.0),
        ("AU45", "lid_upper_left", 2, -3.0),
        ("AU05", "lid_upper_right", 2, 0.5),
        ("AU10", "lip_inner_upper", 2, 1.0),
        ("AU25", "lip_inner_lower", 2, -1.0),
        ("AU17", "chin", 2, 1.0),
    ],
)
def test_action_units_move_what_facs_says_they_move(template, au, landmark, axis, least):
    value = moved(template, au, landmark)[axis]
    assert value > least if least > 0 else value < least


def test_smiles_raise_and_frowns_lower_the_corners_of_the_mouth(template):
    corners = template.landmarks["lip_inner_upper"][[0, -1]]
    for au, sign in (("AU12", 1), ("AU15", -1)):
        assert (sign * template.au_basis[AU_INDEX[au], corners, 2] > 0.002).all()
    wide = template.au_basis[AU_INDEX["AU12"], corners, 0]
    assert wide[0] < 0 < wide[1], "a smile is wider"


def test_lips_part_and_close_and_lids_meet(template):
    aus = np.zeros((4, len(AU_NAMES)), np.float32)
    aus[1, AU_INDEX["AU25"]] = aus[2, AU_INDEX["AU26"]] = aus[3, AU_INDEX["AU24"]] = 1
    rest, parted, open_, pressed = 1000 * template.lip_opening(template.displace(aus))
    assert rest < 1.0 and parted > 4.0 and open_ > 8.0 and pressed < 0.1
    shut = template.neutral + template.au_basis[AU_INDEX["AU45"]]
    for side in ("left", "right"):
        upper, lower = (shut[template.landmarks[f"lid_{lid}_{side}"], 2] for lid in ("upper", "lower"))
        assert 1000 * np.maximum(upper - lower, 0).mean() < 1.2


def test_bilabials_press_the_lips_together(template):
    articulations = np.zeros(len(ARTICULATIONS), np.float32)
    articulations[ARTICULATIONS.index("lip_press")] = 1
    assert template.lip_opening(template.displace(np.zeros(17), articulations)) < 3e-4


# ---- posing -----------------------------------------------------------------------------------------------------


def test_a_face_at_rest_is_the_canonical_face():
    subject = tiny_subject()
    posed = pose(subject, np.zeros_like(subject.template.neutral))
    assert np.array_equal(posed.means, subject.gaussians.means)


def test_facial_gaussians_ride_on_their_triangles_and_the_others_follow_equation_9():
    subject = tiny_subject()
    rng = np.random.default_rng(3)
    offsets = rng.normal(0, 0.01, subject.template.neutral.shape).astype(np.float32)
    delta = pose(subject, offsets).means - subject.gaussians.means
    for i in (0, 7, 299):
        corners = offsets[subject.template.faces[subject.triangle[i]]]
        assert delta[i] == pytest.approx(subject.bary[i] @ corners, abs=1e-6)
    for j in (0, 39):
        expected = subject.otf_weight[j] * offsets[subject.otf_anchor[j]]
        assert delta[subject.n_face + j] == pytest.approx(expected, abs=1e-6)


def test_binding_follows_the_nearest_facial_point_and_fixes_eyes_and_teeth(template):
    pytest.importorskip("torch")
    from emodifftalk.train.rig.binding import ALPHA, bind_others

    point = template.neutral[10] + np.array([0, 0.004, 0], np.float32)
    near = np.linalg.norm(template.neutral - point, axis=1)
    groups = np.arange(len(OTF_GROUPS))
    anchor, weight = bind_others(np.repeat(point[None], len(groups), axis=0), groups, template)
    values = dict(zip(OTF_GROUPS, weight, strict=True))
    assert values["surround"] == pytest.approx(np.exp(-ALPHA * 1000 * near.min()), rel=1e-4)
    assert anchor[0] == near.argmin()
    assert all(values[name] == 0 for name in OTF_GROUPS if name != "surround"), "they have bones of their own"


def test_lower_teeth_ride_on_the_jaw_and_on_nothing_else(template):
    reading, jaw = jaw_reading(template), Jaw.of(template)
    for name, row in AU_INDEX.items():
        opening = float(jaw_opening(reading, template.au_basis[row]))
        assert opening == pytest.approx(float(name == "AU26"), abs=0.02), name
    # A chin that is raised, lips that press: the teeth stay. A jaw that drops takes them down and back.
    subject = tiny_subject(faces=4000, others=60, shipped_template=True)
    subject = replace(subject, jaw=jaw, otf_weight=np.zeros(60, np.float32))
    lower = subject.n_face + np.flatnonzero(subject.otf_group == OTF_GROUPS.index("teeth_lower"))
    rest = subject.gaussians.means[lower]
    assert pose(subject, template.au_basis[AU_INDEX["AU17"]]).means[lower] == pytest.approx(rest, abs=5e-4)
    dropped = pose(subject, template.au_basis[AU_INDEX["AU26"]])
    chin = template.landmarks["chin"][0]
    teeth = jaw.carried(template.neutral[chin][None], 1.0)[0]
    assert teeth == pytest.approx(template.au_basis[AU_INDEX["AU26"], chin], abs=3e-3), "the chin is on the jaw"
    assert teeth[2] < -0.008
    turn = quat_to_matrix(jaw.quat(1.0))
    assert turn @ (0, -1, 0) == pytest.approx((0, -np.cos(np.arctan(jaw.turn)), -np.sin(np.arctan(jaw.turn))))
    assert np.isfinite(dropped.means).all()


def test_a_subject_keeps_its_jaw(tmp_path):
    subject = replace(tiny_subject(), jaw=Jaw(0.2, (-0.07, 0.66)))
    save_subject(tmp_path / "s.safetensors", subject)
    kept = load_subject(tmp_path / "s.safetensors").jaw
    assert (kept.turn, *kept.hinge) == pytest.approx((0.2, -0.07, 0.66))


def test_face_gaussians_are_spread_over_every_triangle_and_denser_around_the_eyes(template):
    pytest.importorskip("torch")
    from emodifftalk.train.rig.binding import sample_face

    triangle, bary = sample_face(template.neutral[None], template, 9000, seed=0)
    assert len(triangle) == 9000 and len(np.unique(triangle)) == len(template.faces)
    assert bary.min() >= 0 and bary.sum(axis=1) == pytest.approx(1, abs=1e-6)
    corners = template.neutral[template.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    density = np.bincount(triangle, minlength=len(template.faces)) / area
    lids = np.isin(template.faces, template.landmarks["lid_upper_left"]).any(axis=1)
    assert np.median(density[lids]) > 1.5 * np.median(density)


# ---- rotations --------------------------------------------------------------------------------------------------

quats = st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1)


@settings(max_examples=200, deadline=None)
@given(quats, quats)
def test_quaternions_agree_with_their_matrices(a, b):
    a, b = normalize(np.array(a)), normalize(np.array(b))
    product = quat_to_matrix(quat_multiply(a, b))
    assert product == pytest.approx(quat_to_matrix(a) @ quat_to_matrix(b), abs=1e-9)
    assert quat_to_matrix(matrix_to_quat(product)) == pytest.approx(product, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(quats, st.floats(0.2, 5.0))
def test_moving_the_object_moves_every_gaussian_with_it(turn, scale):
    g = tiny_subject(faces=20, others=5).gaussians
    matrix = np.eye(4)
    matrix[:3, :3] = scale * quat_to_matrix(normalize(np.array(turn)))
    matrix[:3, 3] = (1, -2, 0.5)
    found = g.transformed(matrix)
    assert found.means == pytest.approx(g.means @ matrix[:3, :3].T + matrix[:3, 3], abs=1e-5)
    for i in (0, 24):
        before = quat_to_matrix(g.quats[i]) @ np.diag(g.scales[i] ** 2) @ quat_to_matrix(g.quats[i]).T
        after = quat_to_matrix(found.quats[i]) @ np.diag(found.scales[i] ** 2) @ quat_to_matrix(found.quats[i]).T
        assert after == pytest.approx(matrix[:3, :3] @ before @ matrix[:3, :3].T, rel=1e-3, abs=1e-8)
