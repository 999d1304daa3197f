"""Eyes look where they are told: on the timeline, in renders, in exports, and the lids go along."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emodifftalk.cli import main
from emodifftalk.core.facs import AU_INDEX
from emodifftalk.core.gaze import LIMIT, gaze_at, gaze_matrix, gazing, turn_eyes
from emodifftalk.core.subject import OTF_GROUPS, save_subject
from emodifftalk.core.take import load_take
from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

LEFT = OTF_GROUPS.index("eye_left")
AHEAD, ASIDE = np.zeros(2), np.array([0.4, -0.2])


def rows(subject, group: int) -> np.ndarray:
    return subject.n_face + np.flatnonzero(subject.otf_group == group)


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_a_gaze_is_a_rotation_within_what_eyes_can_do(yaw, pitch):
    turn = gaze_matrix(np.array([yaw, pitch]))
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-12) and np.linalg.det(turn) == pytest.approx(1)
    ahead = turn @ (0, -1, 0)  # +x is the head's left, +z is up
    assert math.asin(ahead[2]) == pytest.approx(np.clip(pitch, -LIMIT[1], LIMIT[1]))
    assert math.atan2(ahead[0], -ahead[1]) == pytest.approx(np.clip(yaw, -LIMIT[0], LIMIT[0]))


def test_eyeballs_turn_about_their_own_centres_and_nothing_else_moves():
    subject = tiny_subject()
    turned = turn_eyes(subject, subject.gaussians, ASIDE)
    ball = rows(subject, LEFT)
    reach = [np.linalg.norm(g.means[ball] - subject.eye_centers[0], axis=1) for g in (subject.gaussians, turned)]
    assert reach[1] == pytest.approx(reach[0], abs=1e-6)
    still = np.ones(len(turned), bool)
    still[np.concatenate([ball, rows(subject, OTF_GROUPS.index("eye_right"))])] = False
    assert turned.means[still] == pytest.approx(subject.gaussians.means[still])
    assert np.abs(turned.means[ball] - subject.gaussians.means[ball]).max() > 1e-3


def test_lids_follow_the_eyes_but_not_through_a_blink(tmp_path):
    subject = tiny_subject()
    save_tiny_take(tmp_path / "t.safetensors", subject)
    frame = load_take(tmp_path / "t.safetensors").frame(0)
    face = slice(0, subject.n_face)
    plain, down = (gazing(subject, frame, gaze).means[face] for gaze in (AHEAD, np.array([0.0, -0.35])))
    assert (down - plain)[:, 2].min() < -1e-3
    blinking = frame.aus.copy()
    blinking[AU_INDEX["AU45"]] = 1
    blink = replace(frame, aus=blinking)
    assert gazing(subject, blink, np.array([0.0, -0.35])).means[face] == pytest.approx(plain)


def test_a_subject_without_eye_centres_keeps_looking_ahead():
    blind = replace(tiny_subject(), eye_centers=np.zeros((0, 3), np.float32))
    assert gazing(blind, None, ASIDE) is blind.gaussians


def test_between_keys_the_gaze_travels():
    keys = ((1.0, 0.0, 0.0), (2.0, 0.4, -0.2))
    assert [gaze_at(keys, s).tolist() for s in (0, 1.5, 9)] == [[0, 0], [0.2, -0.1], [0.4, -0.2]]


def test_the_command_line_exports_a_keyed_gaze(tmp_path, capsys):
    plyfile = pytest.importorskip("plyfile")
    subject = tiny_subject()
    save_subject(tmp_path / "s.safetensors", subject)
    save_tiny_take(tmp_path / "t.safetensors", subject, seconds=0.2)
    files = ["--subject", str(tmp_path / "s.safetensors"), "--take", str(tmp_path / "t.safetensors")]
    common = ["export", *files, "--out"]
    assert main([*common, str(tmp_path / "ahead")]) == 0
    assert main([*common, str(tmp_path / "aside"), "--gaze", "0 0 0", "--gaze", "0.16 20 -5"]) == 0
    ball = rows(subject, LEFT)

    def eye(folder: str, number: int) -> np.ndarray:
        vertices = plyfile.PlyData.read(str(tmp_path / folder / f"shot.{number + 1:04d}.ply"))["vertex"]
        return np.stack([vertices[axis] for axis in "xyz"], axis=-1)[ball]

    assert eye("aside", 0) == pytest.approx(eye("ahead", 0))
    assert np.abs(eye("aside", 4) - eye("ahead", 4)).max() > 1e-3
    assert main([*common, str(tmp_path / "x"), "--gaze", "left"]) == 1
    assert "The gaze “left” is not seconds" in capsys.readouterr().err


def test_a_keyed_gaze_is_seen_in_the_viewport_in_renders_and_in_exports(head, scene, tmp_path):
    bpy = pytest.importorskip("bpy")
    plyfile = pytest.importorskip("plyfile")
    from addon.files.ply_frames import PlySequence, write_ply_frames
    from addon.playback import gaussians, sources
    from addon.scene.heads import settings

    ball, kept = rows(tiny_subject(), LEFT), settings(head)
    assert sources.steers(head)
    for frame, yaw in ((1, 0.0), (11, 0.5)):
        kept.gaze_yaw = yaw
        kept.keyframe_insert("gaze_yaw", frame=frame)
    scene.frame_set(1)
    ahead = gaussians.current_gaussians(head, scene).means[ball]
    scene.frame_set(11)
    aside = gaussians.current_gaussians(head, scene).means[ball]
    assert np.abs(aside - ahead).max() > 1e-3
    depsgraph = bpy.context.evaluated_depsgraph_get()
    assert gaussians.current_gaussians(head.evaluated_get(depsgraph), depsgraph).means[ball] == pytest.approx(aside)
    first, last = write_ply_frames([head], scene, range(1, 12, 10), PlySequence(tmp_path / "out", "f", axes="blender"))
    for path, expected in ((first, ahead), (last, aside)):
        vertices = plyfile.PlyData.read(str(path))["vertex"]
        assert np.stack([vertices[axis] for axis in "xyz"], axis=-1)[ball] == pytest.approx(expected, abs=1e-6)
