"""F12: what the render engine writes is what the backend's rasterizer draws; alpha, depth, cameras, several heads."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.placing import put_in_own_space
from tests.helpers.tiny_subject import save_tiny_subject, save_tiny_take, tiny_subject

bpy = pytest.importorskip("bpy")
if find_spec("torch") is None:
    pytest.skip("this Python has no backend (torch is missing)", allow_module_level=True)

from bpy_extras.object_utils import world_to_camera_view
from PIL import Image

from addon.backend import connection
from addon.blender import compat
from addon.blender.camera import camera_view
from addon.draw import numpy_splats, rasterizers
from addon.playback import gaussians as playback
from addon.playback import origin
from addon.render import engine
from addon.render.passes import FAR
from addon.scene.heads import settings
from addon.takes.generate import add_take
from addon.takes.performance import build_performance
from addon.timeline.prompts import add_prompt
from addon.viewport import budget, click_select
from emodifftalk.core.colour_space import display_colour
from emodifftalk.core.errors import Cancelled
from emodifftalk.splat.metrics import psnr
from emodifftalk.splat.render import render

SIZE = 160


@pytest.fixture
def shot(head, scene, monkeypatch):
    """A tiny head before a camera, rendered by our engine at 160 pixels; the real backend draws."""
    monkeypatch.setenv("EMODIFFTALK_PYTHON", sys.executable)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler = (0.05, -0.9, 0.02), (1.55, 0, 0.05)
    scene.camera = camera
    camera.data.clip_start = 0.01
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    bpy.ops.emodifftalk.use_engine()
    scene.render.film_transparent = True
    return scene


@pytest.fixture(scope="module", autouse=True)
def one_backend():
    """The backend is stopped when this file is done."""
    yield
    connection.stop()


def picture(scene, path: Path) -> np.ndarray:
    """Render a still to a PNG and return it, (H, W, 4) in 0..1."""
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return np.asarray(Image.open(path), np.float32) / 255


def expected(scene, *heads) -> tuple[np.ndarray, np.ndarray]:
    """What the backend's rasterizer draws of heads through the scene's camera: premultiplied rgba and depth."""
    view = scene_view(scene)
    parts = [playback.current_gaussians(h, scene).transformed(origin.to_world(h)) for h in heads]
    whole = type(parts[0]).concatenate(parts)
    image, alpha, depth = render(whole, view.camera, backend="cpu")
    return np.dstack([image, alpha]), depth


def scene_view(scene):
    """What the scene's camera sees."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    return camera_view(scene.camera.evaluated_get(depsgraph), depsgraph)


def agreement(found: np.ndarray, wanted: np.ndarray) -> float:
    """PSNR in dB of a PNG (straight alpha) against premultiplied rgba, compared premultiplied."""
    premultiplied = np.concatenate([found[..., :3] * found[..., 3:], found[..., 3:]], axis=-1)
    return float(psnr(premultiplied, wanted))


@pytest.mark.slow
def test_a_still_is_the_rasterizers_picture(shot, head, tmp_path):
    found = picture(shot, tmp_path / "still.png")
    assert found.shape == (SIZE, SIZE, 4)
    assert 0.05 < found[..., 3].mean() < 0.9 and found[0, 0, 3] == 0
    assert agreement(found, expected(shot, head)[0]) > 45
    assert connection.client.hello["rasterizer"] in ("cpu", "gsplat")


def test_in_front_of_the_world_it_is_blended_as_it_is_displayed(shot, head, tmp_path):
    shot.render.film_transparent = False
    shot.world = bpy.data.worlds.new("World")
    shot.world.color = (0.2, 0.1, 0.05)
    background = shot.world.node_tree
    if background is not None:
        background.nodes["Background"].inputs["Color"].default_value = (0.2, 0.1, 0.05, 1)
    found = picture(shot, tmp_path / "world.png")
    wanted = expected(shot, head)[0]
    over = wanted[..., :3] + (1 - wanted[..., 3:]) * display_colour(np.array([0.2, 0.1, 0.05]))
    assert (found[..., 3] == 1).all()
    assert float(psnr(found[..., :3], over.astype(np.float32))) > 45


@pytest.mark.parametrize("lens", ["shift", "portrait sensor", "orthographic", "zoomed out", "pixel aspect"])
def test_every_lens_puts_the_head_where_blender_puts_a_mesh(shot, head, lens):
    camera = shot.camera.data
    if lens == "shift":
        camera.shift_x, camera.shift_y = 0.15, -0.1
    elif lens == "portrait sensor":
        camera.sensor_fit, shot.render.resolution_x = "VERTICAL", 90
    elif lens == "orthographic":
        camera.type, camera.ortho_scale = "ORTHO", 0.4
    elif lens == "zoomed out":
        camera.lens = 18
    else:
        shot.render.pixel_aspect_x = 1.6
    bpy.context.view_layer.update()
    depsgraph = bpy.context.evaluated_depsgraph_get()
    view = camera_view(shot.camera.evaluated_get(depsgraph), depsgraph)
    for vertex in (0, 60, 150):
        point = head.matrix_world @ head.data.vertices[vertex].co
        x, y, _ = world_to_camera_view(shot, shot.camera, point)
        local = view.camera.viewmat @ np.array([*point, 1.0])
        pixel = view.camera.K @ (local[:3] if not view.orthographic else [local[0], local[1], 1.0])
        pixel = pixel[:2] / pixel[2]
        assert pixel == pytest.approx((x * view.width, (1 - y) * view.height), abs=0.02)


def test_an_orthographic_picture_is_drawn(shot, head, tmp_path):
    shot.camera.data.type, shot.camera.data.ortho_scale = "ORTHO", 0.4
    found = picture(shot, tmp_path / "ortho.png")
    across = np.flatnonzero(found[..., 3].max(axis=0) > 0.5)
    width = 0.18 / 0.4 * SIZE  # the head is 18 cm wide
    assert len(across) == pytest.approx(width, abs=0.15 * width)


def test_border_and_percentage_cut_out_the_same_pixels(shot, head, tmp_path):
    whole = picture(shot, tmp_path / "whole.png")
    shot.render.use_border = shot.render.use_crop_to_border = True
    shot.render.border_min_x, shot.render.border_max_x = 0.25, 0.75
    shot.render.border_min_y, shot.render.border_max_y = 0.5, 1.0
    part = picture(shot, tmp_path / "part.png")
    assert part.shape == (80, 80, 4)
    assert np.abs(part - whole[:80, 40:120]).max() < 0.02
    shot.render.use_crop_to_border = False
    padded = picture(shot, tmp_path / "padded.png")
    assert padded.shape == whole.shape and padded[80:].max() < 0.01
    assert np.abs(padded[:80, 40:120] - whole[:80, 40:120]).max() < 0.02
    shot.render.use_border = False
    shot.render.resolution_percentage = 50
    assert picture(shot, tmp_path / "half.png").shape == (80, 80, 4)


def test_depth_is_the_distance_along_the_view_as_the_compositor_gets_it(shot, head, tmp_path):
    bpy.context.view_layer.use_pass_z = True
    alpha, depth = picture(shot, tmp_path / "d.png")[..., 3], composited(shot, "Depth", tmp_path / "depth.exr")
    wanted = expected(shot, head)[1]
    solid = alpha > 0.9
    assert np.abs(depth[solid] - wanted[solid]).max() < 1e-3
    assert 0.6 < wanted[solid].min() and wanted[solid].max() < 1.1
    assert depth[alpha == 0] == pytest.approx(FAR)


def composited(scene, name: str, path: Path, layer: str = "") -> np.ndarray:
    """A pass (H, W), sent through the compositor into a float EXR and read back; row 0 at the top."""
    if hasattr(scene, "compositing_node_group"):
        tree = scene.compositing_node_group = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        output = tree.nodes.new("NodeGroupOutput")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        output = tree.nodes.new("CompositorNodeComposite")
    layers = tree.nodes.new("CompositorNodeRLayers")
    layers.scene = scene
    if layer:
        layers.layer = layer
    tree.links.new(layers.outputs[name], output.inputs[0])
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGB", "32"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    values = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(values)
    return values.reshape(image.size[1], image.size[0], 4)[::-1, :, 0]


@pytest.fixture
def second_head(shot, head, subject_path):
    """Another head, larger, half hidden behind the first."""
    bpy.ops.emodifftalk.import_subject(filepath=str(subject_path))
    other = bpy.context.active_object
    other.name = "Second"
    put_in_own_space(other, (0.06, 0.3, 0.03), scale=1.3)
    bpy.context.view_layer.update()
    return other


def test_masks_and_indices_tell_the_heads_apart_as_the_compositor_gets_them(shot, head, second_head, tmp_path):
    layer = bpy.context.view_layer
    head.pass_index, second_head.pass_index = 3, 7
    layer.use_pass_object_index = layer.emodifftalk_render.mask_per_head = True
    rgba, depth = expected(shot, head, second_head)
    index = composited(shot, compat.OBJECT_INDEX_PASS, tmp_path / "i.exr")
    assert set(np.unique(index)) == {0, 3, 7}
    assert composited(shot, "Mask", tmp_path / "m.exr") == pytest.approx(rgba[..., 3], abs=5e-3)
    near, far = (composited(shot, f"Mask {h.name}", tmp_path / f"{h.name}.exr") for h in (head, second_head))
    assert near + far == pytest.approx(rgba[..., 3], abs=5e-3)
    assert near == pytest.approx(expected(shot, head)[0][..., 3], abs=5e-3)  # nothing is in front of it
    assert (depth[near > 0.9] < 1.0).all() and (depth[far > 0.9] > 1.0).all()
    assert (index[near > 0.9] == 3).all() and (index[far > 0.9] == 7).all()


def test_every_view_layer_shows_its_own_heads_and_holdouts_leave_holes(shot, head, second_head, tmp_path):
    apart = bpy.data.collections.new("Front")
    shot.collection.children.link(apart)
    apart.objects.link(head)
    shot.collection.objects.unlink(head)
    others = shot.view_layers.new("Others")
    others.layer_collection.children["Front"].exclude = True
    holes = shot.view_layers.new("Holes")
    holes.layer_collection.children["Front"].holdout = True
    first = shot.view_layers[0].name
    both, back, front = (expected(shot, *h)[0][..., 3] for h in ((head, second_head), (second_head,), (head,)))
    assert composited(shot, "Mask", tmp_path / "a.exr", first) == pytest.approx(both, abs=5e-3)
    assert composited(shot, "Mask", tmp_path / "b.exr", "Others") == pytest.approx(back, abs=5e-3)
    seen = composited(shot, "Mask", tmp_path / "c.exr", "Holes")
    assert seen == pytest.approx((1 - front) * back, abs=0.02)
    assert seen[front > 0.99].max() < 0.02 < seen.max()


def test_motion_blur_is_the_mean_of_pictures_between_frames_and_restores_the_frame(shot, head, tmp_path):
    render = shot.render
    head.location.x = 0
    head.keyframe_insert("location", index=0, frame=1)
    head.location.x = 0.05
    head.keyframe_insert("location", index=0, frame=3)
    shot.frame_set(2)
    sharp = composited(shot, "Mask", tmp_path / "sharp.exr")
    render.use_motion_blur, render.motion_blur_shutter = True, 1.0
    shot.emodifftalk_render.blur_samples = 4
    blurred = composited(shot, "Mask", tmp_path / "blur.exr")
    assert shot.frame_current_final == 2
    parts = []
    for time in (1.625, 1.875, 2.125, 2.375):
        shot.frame_set(int(time), subframe=time % 1)
        parts.append(expected(shot, head)[0][..., 3])
    assert blurred == pytest.approx(np.mean(parts, axis=0), abs=5e-3)
    assert np.abs(blurred - sharp).max() > 0.2


def test_two_heads_hide_each_other_and_a_hidden_one_is_left_out(shot, head, second_head, tmp_path):
    assert agreement(picture(shot, tmp_path / "two.png"), expected(shot, head, second_head)[0]) > 45
    second_head.hide_render = True
    assert agreement(picture(shot, tmp_path / "one.png"), expected(shot, head)[0]) > 45


def test_an_animation_follows_the_take(shot, head, tmp_path):
    add_prompt(head, shot, "calm", 1)
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject())
    add_take(head, tmp_path / "take.safetensors", build_performance(head, shot))
    shot.frame_start, shot.frame_end, shot.frame_step = 1, 41, 20
    shot.render.image_settings.file_format = "PNG"
    shot.render.filepath = str(tmp_path / "frames" / "f")
    bpy.ops.render.render(animation=True)
    files = sorted((tmp_path / "frames").iterdir())
    assert [f.name for f in files] == ["f0001.png", "f0021.png", "f0041.png"]
    for frame, file in zip((1, 21, 41), files, strict=True):
        shot.frame_set(frame)
        found = np.asarray(Image.open(file), np.float32) / 255
        assert agreement(found, expected(shot, head)[0]) > 45


@pytest.mark.slow
def test_without_a_backend_it_is_slower_and_the_same(shot, head, tmp_path, monkeypatch, capfd):
    wanted = expected(shot, head)[0]
    connection.stop()
    monkeypatch.setenv("EMODIFFTALK_PYTHON", "/nowhere/python")
    engine._announced.clear()
    assert agreement(picture(shot, tmp_path / "numpy.png"), wanted) > 45
    assert "without the backend" in capfd.readouterr().out


@pytest.mark.slow
def test_giving_up_ends_the_wait_and_the_next_picture_is_whole(shot, head, tmp_path):
    view = scene_view(shot)
    gaussians = playback.current_gaussians(head, shot)
    with pytest.raises(Cancelled):
        rasterizers.draw(gaussians, view, print, given_up=lambda: True)
    with pytest.raises(Cancelled):
        numpy_splats.draw(gaussians, view.camera, given_up=lambda: True)
    assert not connection.busy()
    assert agreement(picture(shot, tmp_path / "after.png"), expected(shot, head)[0]) > 45


def test_the_numpy_drawing_agrees_with_the_rasterizer_in_colour_and_depth(shot, head):
    view = scene_view(shot)
    wanted, depth = expected(shot, head)
    found, found_depth = numpy_splats.draw(playback.current_gaussians(head, shot), view.camera)
    assert float(psnr(found, wanted)) > 60
    assert np.abs(found_depth - depth)[wanted[..., 3] > 0.5].max() < 1e-3


def test_a_click_finds_the_surface_of_a_head_and_misses_beside_it(shot, head):
    view = scene_view(shot)
    wanted, depth = expected(shot, head)
    gaussians = playback.current_gaussians(head, shot)
    for column, row in ((80, 80), (60, 100), (3, 3)):
        found = click_select.depth_at(gaussians, view, np.array([column + 0.5, row + 0.5]))
        assert (found is not None) == (wanted[row, column, 3] >= 0.3)
        assert found is None or found == pytest.approx(depth[row, column], abs=1e-3)
    eye, direction = view.ray(np.array([80.5, 80.5]))
    point = eye + direction * (depth[80, 80] - view.near) / (direction @ view.camera.viewmat[2, :3])
    assert view.camera.project(point) == pytest.approx((80.5, 80.5, depth[80, 80]), abs=1e-3)


def test_with_half_its_gaussians_a_head_looks_much_the_same_and_keeps_its_outline(shot, tmp_path):
    subject = tiny_subject(faces=6000, others=400)
    view = scene_view(shot)
    whole = render(subject.gaussians, view.camera, backend="cpu")
    errors = []
    for share in (0.75, 0.5, 0.1):
        kept = budget.reduced(subject.gaussians, subject.gaussians, share)
        assert len(kept) == round(share * len(subject.gaussians))
        image, alpha, _ = render(kept, view.camera, backend="cpu")
        errors.append(float(psnr(np.dstack([image, alpha]), np.dstack(whole[:2]))))
    assert errors[0] > errors[1] > errors[2] and errors[1] > 22
    assert budget.reduced(subject.gaussians, subject.gaussians, 1.0) is subject.gaussians


def test_a_head_stretched_along_one_axis_is_drawn_stretched(shot, head, tmp_path):
    before = composited(shot, "Mask", tmp_path / "a.exr").max(axis=0) > 0.5
    head.scale.x = 1.5
    after = composited(shot, "Mask", tmp_path / "b.exr").max(axis=0) > 0.5
    assert after.sum() == pytest.approx(1.5 * before.sum(), rel=0.06)


def test_what_cannot_be_rendered_is_a_sentence_and_blender_lives(shot, head, tmp_path, capfd):
    settings(head).subject_path = str(tmp_path / "gone.safetensors")
    playback.forget()
    engine._announced.clear()
    with pytest.raises(RuntimeError, match=r"gone\.safetensors"):
        picture(shot, tmp_path / "gone.png")
    bpy.data.objects.remove(head)
    engine._announced.clear()
    picture(shot, tmp_path / "nobody.png")
    assert "no head to render" in capfd.readouterr().out
    shot.camera.data.type = "PANO"
    with pytest.raises(RuntimeError, match="panoramas"):
        picture(shot, tmp_path / "pano.png")


@pytest.mark.slow
def test_a_large_head_still_renders_in_a_blink(shot, tmp_path):
    """Twenty thousand Gaussians make the trip to the backend and back without being damaged on the way."""
    save_tiny_subject(tmp_path / "large.safetensors", faces=19000, others=1000)
    for thing in [o for o in bpy.data.objects if o.type == "MESH"]:
        bpy.data.objects.remove(thing)
    bpy.ops.emodifftalk.import_subject(filepath=str(tmp_path / "large.safetensors"))
    put_in_own_space(bpy.context.active_object)
    assert agreement(picture(shot, tmp_path / "l.png"), expected(shot, bpy.context.active_object)[0]) > 45
