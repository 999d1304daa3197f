"""Where the origin of a head and of a still is, and that Blender's own tools for origins change no picture."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")

from mathutils import Euler, Matrix

from addon.files import add_head
from addon.files.import_gaussians import import_gaussians
from addon.files.import_subject import import_subject, sketch_mesh
from addon.files.ply_frames import PlySequence, write_ply_frames
from addon.files.samples import SHIPPED
from addon.playback import gaussians as playback
from addon.playback import origin, sources
from addon.render.heads import rendered_heads
from addon.scene.heads import heads, portable, settings
from emodifftalk.core.formats.ply import read_ply, write_ply
from emodifftalk.core.gaussians import Gaussians, quat_to_matrix

ORIGINS = (
    "GEOMETRY_ORIGIN", "ORIGIN_GEOMETRY", "ORIGIN_CURSOR", "ORIGIN_CENTER_OF_MASS", "ORIGIN_CENTER_OF_VOLUME",
)  # fmt: skip


@pytest.fixture(params=["head", "still"])
def drawn(request, scene, tmp_path):
    """A head that plays a take, or a still; turned, stretched and away from the world's origin."""
    if request.param == "head":
        subject = save_tiny_subject(tmp_path / "tiny.safetensors")
        obj = import_subject(tmp_path / "tiny.safetensors", bpy.context)
        save_tiny_take(tmp_path / "take.safetensors", subject)
        entry = settings(obj).takes.add()
        entry.path, entry.frames, entry.zero_frame = str(tmp_path / "take.safetensors"), 50, 1
        settings(obj).active_take = 0
    else:
        write_ply(tmp_path / "bust.ply", tiny_subject().gaussians)
        obj = import_gaussians(tmp_path / "bust.ply", bpy.context, "blender")
    obj.location, obj.scale = (1.0, -2.0, 0.5), (1.2, 1.2, 1.2)
    obj.rotation_euler = (0.3, -0.2, 0.9)
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    scene.cursor.location = (0.4, 0.1, -0.2)
    scene.frame_set(20)
    return obj


def seen() -> list[Gaussians]:
    """What is rendered, in world space."""
    bpy.context.view_layer.update()
    problems: list[str] = []
    drawn = [one.gaussians for one in rendered_heads(bpy.context.evaluated_depsgraph_get(), problems)]
    assert drawn and not problems
    return drawn


def covariances(gaussians: Gaussians) -> np.ndarray:
    """(N, 3, 3): ellipsoids, however their axes are numbered."""
    halves = quat_to_matrix(gaussians.quats.astype(float)) * gaussians.scales[:, None, :]
    return halves @ halves.transpose(0, 2, 1)


def expect_same(now: list[Gaussians], before: list[Gaussians], moved: np.ndarray | float = 0.0) -> None:
    """The same picture: a tenth of a millimetre is nobody's pixel."""
    for one, other in zip(now, before, strict=True):
        assert np.abs(one.means - other.means - moved).max() < 1e-4
        assert np.abs(covariances(one) - covariances(other)).max() < 1e-7


def expect_sketch_in_the_skin(head) -> None:
    """The sketch's points are where the template is as the take moves it."""
    frame = playback.current_frame(head, bpy.context.scene)
    points = sources.subject_of(head).template.neutral + (0 if frame is None else frame.offsets)
    matrix = origin.to_world(head)
    now = np.array([head.matrix_world @ vertex.co for vertex in head.data.vertices])[: len(points)]
    assert now == pytest.approx(points @ matrix[:3, :3].T + matrix[:3, 3], abs=1e-5)


@pytest.mark.parametrize("name", ["nora", "kofi"])
def test_a_new_head_has_its_neck_at_the_cursor_and_turns_about_it(scene, name):
    scene.cursor.location = (1.0, 2.0, 3.0)
    head = import_subject(add_head.SUBJECTS / f"{name}.safetensors", bpy.context)
    (gaussians,) = seen()
    chin_points = sources.subject_of(head).template.landmarks["chin"]

    def chin() -> np.ndarray:
        bpy.context.view_layer.update()
        return np.mean([head.matrix_world @ head.data.vertices[point].co for point in chin_points.tolist()], axis=0)

    before = chin()
    assert 0.02 < before[2] - 3.0 < 0.08
    at_the_cursor = gaussians.means[np.abs(gaussians.means[:, 2] - 3.0) < 0.01]
    low, high = np.quantile(at_the_cursor[:, :2], [0.01, 0.99], axis=0)
    assert (low + high) / 2 == pytest.approx((1.0, 2.0), abs=0.02) and (high - low).max() < 0.2
    for axis in range(3):
        head.rotation_euler = [math.radians(30) * (axis == turned) for turned in range(3)]
        assert np.linalg.norm(chin() - before) < 0.07


@pytest.mark.parametrize("center", ["MEDIAN", "BOUNDS"])
@pytest.mark.parametrize("kind", ORIGINS)
def test_set_origin_changes_no_picture(drawn, scene, kind, center):
    before = seen()
    place = tuple(drawn.matrix_world.translation)
    assert bpy.ops.object.origin_set(type=kind, center=center) == {"FINISHED"}
    now = seen()
    # “Geometry to Origin” moves the head and leaves the origin: all others the other way round.
    moved = np.mean(now[0].means - before[0].means, axis=0) if kind == "GEOMETRY_ORIGIN" else 0.0
    expect_same(now, before, moved)
    if kind == "GEOMETRY_ORIGIN":
        assert tuple(drawn.matrix_world.translation) == pytest.approx(place) and np.linalg.norm(moved) > 0.01
    if kind == "ORIGIN_CURSOR":
        assert tuple(drawn.location) == pytest.approx((0.4, 0.1, -0.2), abs=1e-6)
    if kind == "ORIGIN_GEOMETRY":
        middle = now[0].means.mean(axis=0)
        assert np.linalg.norm(np.array(drawn.matrix_world.translation) - middle) < 0.12
    scene.frame_set(40)
    scene.frame_set(20)
    expect_same(seen(), now)
    if settings(drawn).subject_path:
        expect_sketch_in_the_skin(drawn)


@pytest.mark.parametrize("scale", [(1.2, 1.2, 1.2), (1.5, 0.7, 1.1), (-1.0, 1.0, 1.3)])
def test_applying_location_rotation_and_scale_changes_no_picture(drawn, scene, scale):
    drawn.scale = scale
    before = seen()
    assert bpy.ops.object.transform_apply(location=True, rotation=True, scale=True) == {"FINISHED"}
    assert drawn.matrix_world == Matrix()
    expect_same(seen(), before)
    drawn.rotation_euler.z = 1.0
    bpy.ops.object.transform_apply()
    scene.frame_set(40)
    if settings(drawn).subject_path:
        expect_sketch_in_the_skin(drawn)


def test_undo_brings_the_origin_back_and_nothing_else_moves(drawn):
    name, before, place = drawn.name, seen(), tuple(drawn.location)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.object.origin_set(type="ORIGIN_CURSOR")
    bpy.ops.ed.undo_push(message="origin")
    bpy.ops.ed.undo()
    assert tuple(bpy.data.objects[name].location) == place
    expect_same(seen(), before)
    bpy.ops.ed.redo()
    assert tuple(bpy.data.objects[name].location) != place
    expect_same(seen(), before)


def test_an_origin_that_was_set_is_kept_in_the_file_and_by_copies(drawn, scene, tmp_path):
    twin = drawn.copy()
    twin.location.x += 1.0
    scene.collection.objects.link(twin)
    before = seen()
    bpy.ops.object.origin_set(type="ORIGIN_GEOMETRY")  # of a mesh that both share
    expect_same(seen(), before)
    bpy.ops.object.duplicate()
    bpy.ops.object.delete()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    expect_same(seen(), before)


@pytest.mark.parametrize("first", ["A", "B"])
def test_joined_to_another_head_it_stays_where_it_is(scene, tmp_path, first):
    for name, at in (("A", (0, 0, 0)), ("B", (1, 2, 3))):
        save_tiny_subject(tmp_path / f"{name}.safetensors", seed=ord(name))
        obj = import_subject(tmp_path / f"{name}.safetensors", bpy.context)
        obj.name, obj.location, obj.rotation_euler = name, at, at
        obj.select_set(True)
    before = dict(zip("AB", seen(), strict=True))
    bpy.context.view_layer.objects.active = bpy.data.objects[first]
    assert bpy.ops.object.join() == {"FINISHED"}
    expect_same(seen(), [before[first]])


def test_what_is_moved_in_edit_mode_takes_the_gaussians_along(drawn):
    before = seen()
    world = np.array(drawn.matrix_world)[:3, :3]
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.transform.translate(value=(0.0, 0.0, 0.5))
    try:
        moved = world @ (origin.to_object(drawn) @ np.array([0, 0, 0, 1.0]))[:3]
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")
    assert moved == pytest.approx(world @ (origin.to_object(drawn)[:3, 3]), abs=1e-5)
    expect_same(seen(), before, moved=np.array([0.0, 0.0, 0.5]))


@pytest.mark.parametrize("kept", [(), (0,), (0, 1, 2, 3)])
def test_a_mesh_that_lost_what_it_knew_in_edit_mode_still_shows_its_head(head, kept):
    import bmesh

    before = seen()
    mesh = bmesh.new()
    mesh.from_mesh(head.data)
    mesh.verts.ensure_lookup_table()
    lost = [vertex for number, vertex in enumerate(mesh.verts[-8:]) if number not in kept]
    bmesh.ops.delete(mesh, geom=lost)
    mesh.to_mesh(head.data)
    now = seen()
    assert np.isfinite(now[0].means).all() and covariances(now[0]) == pytest.approx(covariances(before[0]), abs=1e-7)
    if kept:
        expect_same(now, before)


def test_blenders_box_around_a_head_holds_its_hair_too(head):
    head.rotation_euler = (0, 0, 0.5)
    (gaussians,) = seen()
    box = np.array([corner[:] for corner in head.bound_box])
    local = gaussians.transformed(np.linalg.inv(np.array(head.matrix_world))).means
    inside = ((local >= box.min(axis=0)) & (local <= box.max(axis=0))).all(axis=1)
    assert inside.mean() > 0.99
    assert (box.max(axis=0) - box.min(axis=0) < 1.1 * (local.max(axis=0) - local.min(axis=0)) + 0.002).all()


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    turn=st.tuples(*[st.floats(-math.pi, math.pi)] * 3),
    size=st.tuples(*[st.floats(0.2, 5.0)] * 3),
    shift=st.tuples(*[st.floats(-50, 50)] * 3),
    shear=st.floats(-0.5, 0.5),
)
def test_whatever_moves_the_mesh_moves_own_space(addon, turn, size, shift, shear):
    mesh = sketch_mesh(tiny_subject())
    origin.add_corners(mesh, np.array([[-0.1, -0.2, 0.6], [0.1, 0.05, 1.0]]))
    matrix = Matrix.Translation(shift) @ Euler(turn).to_matrix().to_4x4() @ Matrix.Diagonal((*size, 1.0))
    matrix = matrix @ Matrix.Shear("XY", 4, (shear, 0.0))
    mesh.transform(matrix)
    obj = bpy.data.objects.new("sheared", mesh)
    corners = np.array([[0.1, 0, 0.7, 1], [0, -0.2, 1.0, 1], [0, 0, 0, 1]])
    assert corners @ origin.to_object(obj).T == pytest.approx(corners @ np.array(matrix).T, abs=2e-4)
    bpy.data.objects.remove(obj)
    bpy.data.meshes.remove(mesh)


def old_object(kind: str, path: Path):
    """As earlier versions imported it: its origin where own space has it, and a mesh that knows nothing."""
    mesh = sketch_mesh(tiny_subject())
    obj = bpy.data.objects.new("Old", mesh)
    bpy.context.scene.collection.objects.link(obj)
    if kind == "head":
        settings(obj).subject_path = portable(path)
    else:
        write_ply(path.with_suffix(".ply"), tiny_subject().gaussians)
        settings(obj).gaussians_path, settings(obj).gaussians_axes = portable(path.with_suffix(".ply")), "blender"
    obj.location, obj.rotation_euler = (0.3, 0.1, -0.7), (0.1, 0.2, 0.3)


@pytest.mark.parametrize("kind", ["head", "still"])
def test_what_an_earlier_version_imported_looks_the_same_to_the_last_bit_and_can_be_given_an_origin(
    scene, subject_path, tmp_path, kind
):
    old_object(kind, subject_path)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "old.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "old.blend"))
    obj = bpy.data.objects["Old"]
    (now,) = seen()
    wanted = playback.current_gaussians(obj, bpy.context.scene).transformed(np.array(obj.matrix_world))
    for field in ("means", "quats", "scales"):
        assert np.array_equal(getattr(now, field), getattr(wanted, field))
    obj.select_set(True)
    bpy.context.view_layer.objects.active = obj
    bpy.ops.object.origin_set(type="ORIGIN_GEOMETRY", center="BOUNDS")
    expect_same(seen(), [now])
    assert np.linalg.norm(np.array(obj.matrix_world.translation) - now.means.mean(axis=0)) < 0.1


@pytest.mark.parametrize("name", ["hello", "two_talking"])
def test_the_sample_scenes_look_the_same_to_the_last_bit(addon, name):
    bpy.ops.wm.open_mainfile(filepath=str(SHIPPED / f"{name}.blend"))
    scene = bpy.context.scene
    scene.frame_set(40)
    shown = dict(zip([head.name for head in heads(scene)], seen(), strict=True))
    for head in heads(scene):
        assert np.array_equal(origin.to_object(head), np.eye(4))
        wanted = playback.current_gaussians(head, scene).transformed(np.array(head.matrix_world))
        for field in ("means", "quats", "scales"):
            assert np.array_equal(getattr(shown[head.name], field), getattr(wanted, field))


def test_a_subject_that_was_trained_again_stays_where_it_is(head, scene, subject_path):
    from emodifftalk.core.subject import save_subject

    bpy.context.view_layer.update()
    before = origin.to_world(head)
    trained = tiny_subject(seed=0)
    larger = replace(trained.gaussians, means=trained.gaussians.means * 1.3)
    save_subject(subject_path, replace(trained, gaussians=larger))
    scene.frame_set(5)
    assert np.array_equal(origin.to_world(head), before)


def test_exports_come_out_where_they_did_whatever_the_origin(head, scene, tmp_path):
    head.select_set(True)

    def written(name: str, world: bool) -> Gaussians:
        sequence = PlySequence(tmp_path / name, name, world=world, axes="blender")
        return read_ply(write_ply_frames([head], scene, range(1, 2), sequence)[0])

    head.location.x += 0.5
    bpy.context.view_layer.update()
    before = [written(f"before_{world}", world) for world in (False, True)]
    bpy.ops.object.origin_set(type="ORIGIN_CURSOR")
    bpy.context.view_layer.update()
    expect_same([written(f"after_{world}", world) for world in (False, True)], before)
    assert np.abs(before[0].means - tiny_subject().gaussians.means).max() < 1e-5


@pytest.mark.parametrize("points", [1, 3, 200])
def test_a_still_of_few_points_or_a_flat_one_has_a_place_too(scene, tmp_path, points):
    whole = tiny_subject().gaussians
    rows = slice(0, points)
    flat = Gaussians(
        whole.means[rows] * (1, 0, 1) + (0.5, 0, 2), whole.quats[rows], whole.scales[rows], whole.opacities[rows],
        whole.colors[rows],
    )  # fmt: skip
    write_ply(tmp_path / "flat.ply", flat)
    still = import_gaussians(tmp_path / "flat.ply", bpy.context, "blender")
    still.select_set(True)
    bpy.context.view_layer.objects.active = still
    still.rotation_euler = (0.4, 0.5, 0.6)
    before = seen()
    assert np.linalg.norm(before[0].means.mean(axis=0)) < 0.2
    bpy.ops.object.transform_apply()
    bpy.ops.object.origin_set(type="ORIGIN_CURSOR")
    expect_same(seen(), before)


def test_a_still_keeps_the_files_origin_on_request(scene, tmp_path):
    means = tiny_subject().gaussians.means + np.array([0, 0, 3])
    write_ply(tmp_path / "far.ply", replace(tiny_subject().gaussians, means=means.astype(np.float32)))
    path = str(tmp_path / "far.ply")
    bpy.ops.emodifftalk.import_gaussians(filepath=path, axes="blender")
    assert abs(seen()[0].means[:, 2].min()) < 0.02
    bpy.ops.object.delete()
    bpy.ops.emodifftalk.import_gaussians(filepath=path, axes="blender", origin="FILE")
    assert np.abs(seen()[0].means - means).max() < 1e-6


def test_the_shadow_is_thrown_from_where_the_head_is(head):
    from addon.composite.shadow import add_shadows, shadow_of

    head.select_set(True)
    bpy.ops.object.transform_apply()
    bpy.context.scene.cursor.location = (0.5, 0.2, -1.0)
    bpy.ops.object.origin_set(type="ORIGIN_CURSOR")
    add_shadows(bpy.context.scene)
    (gaussians,) = seen()
    hull = shadow_of(head)
    hull.hide_viewport = False  # so that Blender places it
    bpy.context.view_layer.update()
    points = np.array([hull.matrix_world @ vertex.co for vertex in hull.data.vertices])
    assert points.mean(axis=0) == pytest.approx(gaussians.means.mean(axis=0), abs=0.03)
    bpy.ops.object.origin_set(type="ORIGIN_GEOMETRY")
    bpy.context.view_layer.update()
    assert np.array([hull.matrix_world @ v.co for v in hull.data.vertices]) == pytest.approx(points, abs=1e-5)
