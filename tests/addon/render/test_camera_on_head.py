"""Camera on Head frames the face of any head, however it stands; the scene's own camera stays unless asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.helpers.tiny_subject import save_tiny_subject

bpy = pytest.importorskip("bpy")

from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector

from addon.playback import gaussians as playback
from addon.playback import sources
from addon.playback.origin import to_world
from tests.helpers.small_shots import add_camera


@pytest.fixture
def head(scene, tmp_path):
    """A head on the shipped template."""
    save_tiny_subject(tmp_path / "head.safetensors", shipped_template=True)
    bpy.ops.emodifftalk.import_subject(filepath=str(tmp_path / "head.safetensors"))
    return bpy.context.active_object


def seen(head, *landmarks: str) -> np.ndarray:
    """Where a landmark's middle lies in the camera's picture, 0 to 1 from its lower left corner."""
    marks = sources.subject_of(head).template.landmarks
    rows = np.concatenate([marks[name] for name in landmarks])
    points = np.array([vertex.co for vertex in head.data.vertices])
    return in_picture(head, points[rows].mean(axis=0)[None])[0]


def in_picture(head, points: np.ndarray) -> np.ndarray:
    """Points (N, 3) of the head's object in the picture, (N, 2)."""
    bpy.context.view_layer.update()
    scene, matrix = bpy.context.scene, head.matrix_world
    return np.array([world_to_camera_view(scene, scene.camera, matrix @ Vector(point))[:2] for point in points])


def expect_portrait(head, framing: str = "CLOSE_UP") -> None:
    """The face is upright, the head is whole but for what is below the chin, and it fills the picture."""
    eyes = seen(head, "lid_upper_left", "lid_upper_right")
    chin, nose = seen(head, "chin"), seen(head, "nose_tip")
    assert (np.stack([eyes, chin, nose]) > 0.05).all() and (np.stack([eyes, chin, nose]) < 0.95).all()
    assert eyes[1] > nose[1] > chin[1] and abs(eyes[0] - chin[0]) < 0.2
    points = playback.current_gaussians(head, bpy.context.scene).means
    placed = np.linalg.inv(np.array(head.matrix_world)) @ to_world(head)
    upper = points[points[:, 2] > points[:, 2].mean()][::5] @ placed[:3, :3].T + placed[:3, 3]
    upper = in_picture(head, upper)
    assert (upper > -0.01).all() and (upper < 1.01).all()
    size = np.ptp(upper, axis=0).max()
    assert size > (0.25 if framing == "BUST" else 0.35)


STANDING = {
    "as imported": Matrix(),
    "tiny and far away": Matrix.Translation((300, -20, 5)) @ Matrix.Scale(0.01, 4),
    "huge and turned away": Matrix.Rotation(2.5, 4, "Z") @ Matrix.Scale(40, 4),
    "bent": Matrix.Translation((1, 1, 1)) @ Matrix.Rotation(0.4, 4, "X") @ Matrix.Rotation(0.3, 4, "Y"),
    "lying": Matrix.Rotation(-math.pi / 2, 4, "X"),
    "on its head": Matrix.Rotation(math.pi, 4, "Y"),
    "mirrored": Matrix.Scale(-1, 4, (1, 0, 0)),
}


def test_the_face_fills_the_picture_however_the_head_stands(head, scene):
    for matrix in STANDING.values():
        for framing in ("CLOSE_UP", "HALF_PROFILE", "BUST"):
            for size in ((160, 90), (90, 160)):
                head.matrix_world = matrix
                scene.render.resolution_x, scene.render.resolution_y = size
                assert bpy.ops.emodifftalk.camera_on_head(framing=framing) == {"FINISHED"}
                assert scene.camera.data.lens == 85 and scene.camera.name.startswith("Camera on")
                expect_portrait(head, framing)


def test_a_head_with_a_parent_and_one_whose_turn_was_applied_are_framed_too(head, scene):
    parent = bpy.data.objects.new("Body", None)
    scene.collection.objects.link(parent)
    parent.matrix_world = Matrix.Translation((0, 5, 0)) @ Matrix.Rotation(1.0, 4, "Z") @ Matrix.Diagonal((2, 1, 1, 1))
    head.parent = parent
    bpy.ops.emodifftalk.camera_on_head()
    expect_portrait(head)
    ahead = head.matrix_world.to_3x3() @ Vector((0, -1, 0))
    assert scene.camera.matrix_world.col[2].to_3d().dot(ahead.normalized()) > 0.99


def test_half_profile_is_seen_from_the_side_that_is_asked_for(head, scene):
    bpy.ops.emodifftalk.camera_on_head(framing="HALF_PROFILE")
    left = scene.camera.location.x
    bpy.ops.emodifftalk.camera_on_head(framing="HALF_PROFILE", other_side=True)
    assert left > 0.1 and scene.camera.location.x == pytest.approx(-left, rel=0.2)
    expect_portrait(head)


def test_the_scenes_camera_is_moved_by_choice_alone_and_others_keep_their_lens(head, scene):
    mine = add_camera(scene, "Mine")
    twin = add_camera(scene, "Twin")
    twin.data = mine.data
    bpy.context.view_layer.update()
    scene.camera, before, lens = mine, mine.matrix_world.copy(), mine.data.lens
    bpy.ops.emodifftalk.camera_on_head()
    assert scene.camera not in (mine, twin) and mine.matrix_world == before and mine.data.lens == lens
    scene.camera = mine
    mine.parent, mine.scale = twin, (3, 3, 3)
    twin.location.z = 4
    count = len(bpy.data.objects)
    bpy.ops.emodifftalk.camera_on_head(camera="MOVE")
    assert scene.camera == mine and len(bpy.data.objects) == count
    assert mine.data.lens == 85 and twin.data.lens == lens
    expect_portrait(head)


def test_it_stays_where_it_is_unless_it_is_asked_to_follow(head, scene):
    head.scale = (2, 3, 2)
    bpy.ops.emodifftalk.camera_on_head()
    first = seen(head, "nose_tip")
    head.location, head.rotation_euler = (2, 0, 1), (0.2, 0.1, 0.8)
    assert np.abs(seen(head, "nose_tip") - first).max() > 0.1 and not scene.camera.constraints
    bpy.ops.emodifftalk.camera_on_head(camera="MOVE", follow=True)
    first = seen(head, "nose_tip")
    expect_portrait(head)
    head.location, head.rotation_euler = (-3, 1, 0), (0.5, -0.3, -1.0)
    assert seen(head, "nose_tip") == pytest.approx(first, abs=1e-3)
    bpy.ops.emodifftalk.camera_on_head(camera="MOVE")
    assert not scene.camera.constraints
    expect_portrait(head)


def test_what_may_take_the_camera_away_is_said(head, scene):
    from addon.render.head_camera import _notes

    camera = add_camera(scene, "Mine")
    assert _notes(camera, scene) == []
    camera.keyframe_insert("location", frame=1)
    camera.constraints.new("TRACK_TO")
    scene.timeline_markers.new("Cut", frame=1).camera = camera
    for note, word in zip(_notes(camera, scene), ("animated", "constraints", "Markers"), strict=True):
        assert word in note


def test_without_a_head_it_says_why_not(scene):
    with pytest.raises(RuntimeError, match="Import a subject first"):
        bpy.ops.emodifftalk.camera_on_head()
    assert not bpy.data.cameras


def test_a_head_whose_file_is_gone_is_a_sentence_and_leaves_no_camera(head, scene, tmp_path):
    (tmp_path / "head.safetensors").unlink()
    with pytest.raises(RuntimeError, match="cannot be found"):
        bpy.ops.emodifftalk.camera_on_head()
    assert not bpy.data.cameras and scene.camera is None
