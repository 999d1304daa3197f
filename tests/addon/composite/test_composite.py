"""Heads in a shot that Cycles renders: hidden by what is nearer, hiding what is behind, and the shot else as it was."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.placing import put_in_own_space
from tests.helpers.tiny_subject import save_tiny_subject

bpy = pytest.importorskip("bpy")
pytest.importorskip("PIL")

from PIL import Image

from addon.blender import compat
from addon.composite import nodes as composite_nodes
from addon.composite.heads_scene import keep_in_step
from addon.composite.operators import put_heads_in
from addon.composite.shadow import shadow_of, why_none
from addon.playback import take_time
from addon.scene.composite_settings import composite_settings

WIDTH, HEIGHT = 144, 96
GREEN, BLUE = (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


@pytest.fixture
def shot(scene, tmp_path, monkeypatch):
    """A dense tiny head between a blue wall and a green board that covers its left half, rendered by Cycles."""
    monkeypatch.setenv("EMODIFFTALK_PYTHON", str(tmp_path / "no backend"))  # NumPy draws the head
    save_tiny_subject(tmp_path / "dense.safetensors", faces=2500, others=100)
    bpy.ops.emodifftalk.import_subject(filepath=str(tmp_path / "dense.safetensors"))
    put_in_own_space(bpy.context.active_object)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler = (0, -0.9, 0), (math.pi / 2, 0, 0)
    camera.data.clip_start = 0.01
    scene.camera = camera
    board("Wall", 4, (0, 0.5, 0), BLUE)
    front = board("Board", 0.6, (-0.3, -0.4, 0), GREEN)
    front.rotation_euler.y = 0.2  # an edge across the pixels
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.engine, scene.cycles.samples = "CYCLES", 8
    scene.cycles.use_denoising = False
    scene.view_settings.view_transform = "Standard"
    return scene


def board(name: str, size: float, place: tuple, colour: tuple) -> bpy.types.Object:
    """A glowing square, upright across the view."""
    bpy.ops.mesh.primitive_plane_add(size=size, location=place, rotation=(math.pi / 2, 0, 0))
    thing = bpy.context.active_object
    thing.name = name
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    glow, output = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    glow.inputs["Color"].default_value = (*colour, 1)
    material.node_tree.links.new(glow.outputs[0], output.inputs["Surface"])
    thing.data.materials.append(material)
    return thing


def picture(scene, path: Path) -> np.ndarray:
    """Render a still; RGB (H, W, 3) in 0..1 as displayed."""
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return np.asarray(Image.open(path), np.float32)[..., :3] / 255


def skin(pixels: np.ndarray) -> np.ndarray:
    """Where the tiny head's orange is seen (…,) bool."""
    return (pixels[..., 0] > 0.6) & (pixels[..., 1] > 0.3) & (pixels[..., 1] < 0.85)


def green(pixels: np.ndarray) -> np.ndarray:
    """Where the board is seen."""
    return (pixels[..., 1] > 0.95) & (pixels[..., 0] < 0.05)


def blue(pixels: np.ndarray) -> np.ndarray:
    """Where the wall is seen."""
    return (pixels[..., 2] > 0.95) & (pixels[..., 1] < 0.05)


def links(tree) -> set:
    """All links of a node tree, by name."""
    return {(x.from_node.name, x.from_socket.identifier, x.to_node.name, x.to_socket.identifier) for x in tree.links}


def everything() -> dict[str, list[str]]:
    """Names of all data-blocks but our node group, which is kept for the next time."""
    lists = [name for name in dir(bpy.data) if isinstance(getattr(bpy.data, name), bpy.types.bpy_prop_collection)]
    lists.remove("images")  # Blender adds render results of its own
    return {n: sorted(b.name for b in getattr(bpy.data, n) if b.name != composite_nodes.GROUP) for n in lists}


def test_what_is_nearer_hides_the_head_and_the_head_hides_what_is_behind(shot, tmp_path):
    assert not skin(picture(shot, tmp_path / "before.png")).any()  # Cycles alone shows no head
    assert bpy.ops.emodifftalk.put_heads_in() == {"FINISHED"}
    found = picture(shot, tmp_path / "after.png")
    middle = found[HEIGHT // 2]
    assert green(middle[:50]).all()
    assert skin(middle[76:90]).all()
    assert blue(middle[104:]).all()
    bpy.data.objects["Board"].location.y = 0.3  # now behind the head, and before the wall
    turned = picture(shot, tmp_path / "turned.png")
    assert skin(turned[HEIGHT // 2, 56:88]).all()
    assert green(turned[HEIGHT // 2, :40]).all()


def test_no_rim_of_the_background_runs_along_an_object_in_front(shot, tmp_path):
    bpy.ops.emodifftalk.put_heads_in()
    shot.cycles.samples = 64
    found = picture(shot, tmp_path / "rim.png")
    for row in found[36:62]:
        edge = int(np.flatnonzero(green(row))[-1])
        assert skin(row[edge + 4 : edge + 7]).all()  # the head is right behind the board here
        assert row[edge - 1 : edge + 4, 2].max() < 0.75  # a mixture of board and wall would be blue


def test_the_persons_own_nodes_stay_and_get_the_picture_with_the_heads(shot, tmp_path):
    tree = compat.new_compositor(shot)
    layers = next(n for n in tree.nodes if n.bl_idname == "CompositorNodeRLayers")
    output = next(n for n in tree.nodes if n.bl_idname in ("NodeGroupOutput", "CompositorNodeComposite"))
    turn = tree.nodes.new("CompositorNodeRotate")  # stands for whatever a person does to the picture
    turn.inputs[1].default_value = math.pi
    tree.links.new(layers.outputs["Image"], turn.inputs[0])
    tree.links.new(turn.outputs[0], output.inputs[0])
    plain = picture(shot, tmp_path / "plain.png")
    before, blocks, passes = links(tree), everything(), bpy.context.view_layer.use_pass_z

    bpy.ops.emodifftalk.put_heads_in()
    found = picture(shot, tmp_path / "with.png")
    assert skin(found[HEIGHT // 2, ::-1][76:90]).all()  # through the Rotate node
    inside = links(tree)
    bpy.ops.emodifftalk.put_heads_in()
    assert len(links(tree)) == len(inside) and len(composite_nodes.our_nodes(tree)) == 3

    assert bpy.ops.emodifftalk.take_heads_out() == {"FINISHED"}
    assert (links(tree), everything(), bpy.context.view_layer.use_pass_z) == (before, blocks, passes)
    assert np.abs(picture(shot, tmp_path / "again.png") - plain).max() < 0.02


def test_a_shot_without_compositor_has_none_again_afterwards(shot):
    blocks = everything()
    bpy.ops.emodifftalk.put_heads_in()
    assert compat.compositor(shot) is not None
    bpy.ops.emodifftalk.take_heads_out()
    assert compat.compositor(shot) is None
    assert {k: v for k, v in everything().items() if v} == {k: v for k, v in blocks.items() if v}


def test_undo_takes_it_all_back(shot):
    bpy.ops.ed.undo_push(message="before")
    blocks = everything()
    bpy.ops.emodifftalk.put_heads_in()
    bpy.ops.ed.undo_push(message="Put Heads into This Render")
    bpy.ops.ed.undo()
    assert everything() == blocks
    assert compat.compositor(bpy.context.scene) is None
    bpy.ops.ed.redo()
    assert len(composite_nodes.our_nodes(compat.compositor(bpy.context.scene))) == 3


def test_what_the_shot_becomes_later_is_followed(shot, tmp_path):
    bpy.ops.emodifftalk.put_heads_in()
    picture(shot, tmp_path / "first.png")
    shot.render.resolution_x, shot.render.resolution_percentage = 200, 50
    other = bpy.data.objects.new("From the right", shot.camera.data)
    other.location, other.rotation_euler = (0.12, -0.9, 0), (math.pi / 2, 0, 0)
    shot.collection.objects.link(other)
    for frame, camera in ((1, shot.camera), (10, other)):
        shot.timeline_markers.new(camera.name, frame=frame).camera = camera
    for frame, centre in ((5, 0.0), (12, -0.12)):
        shot.frame_set(frame)
        bpy.data.objects["Board"].hide_render = True
        found = picture(shot, tmp_path / f"{frame}.png")
        assert found.shape == (48, 100, 3)
        columns = np.flatnonzero(skin(found).any(axis=0))
        metres = (columns.mean() - 49.5) / 100 * (36 / 50) * 0.82
        assert metres == pytest.approx(centre, abs=0.012)


def test_heads_that_come_and_go_in_the_shot_do_so_in_its_render(shot, tmp_path):
    bpy.ops.emodifftalk.put_heads_in()
    head = bpy.data.objects["Tiny"]
    twin = head.copy()
    twin.location.x = 0.24
    shot.collection.objects.link(twin)
    found = picture(shot, tmp_path / "two.png")
    assert skin(found[HEIGHT // 2, 76:90]).all() and skin(found[HEIGHT // 2, 122:140]).mean() > 0.7
    twin.hide_render = True
    assert blue(picture(shot, tmp_path / "one.png")[HEIGHT // 2, 110:]).all()
    bpy.data.objects.remove(twin)
    assert blue(picture(shot, tmp_path / "gone.png")[HEIGHT // 2, 110:]).all()


def test_heads_go_into_the_view_layer_that_is_asked_for(shot, tmp_path):
    shot.view_layers.new("Set")
    tree = compat.new_compositor(shot)
    layers = next(n for n in tree.nodes if n.bl_idname == "CompositorNodeRLayers")
    layers.layer = "Set"
    unused = next(layer.name for layer in shot.view_layers if layer.name != "Set")
    with pytest.raises(RuntimeError, match="does not use the picture"):
        bpy.ops.emodifftalk.put_heads_in(layer=unused)
    assert not composite_nodes.our_nodes(tree) and composite_settings(shot).heads_scene is None
    assert bpy.ops.emodifftalk.put_heads_in(layer="Set") == {"FINISHED"}
    assert shot.view_layers["Set"].use_pass_z and not shot.view_layers[unused].use_pass_z
    assert skin(picture(shot, tmp_path / "set.png")[HEIGHT // 2, 76:90]).all()


@pytest.mark.parametrize("view", ["AgX", "Filmic", "Khronos PBR Neutral"])
@pytest.mark.slow
def test_the_head_keeps_its_colours_under_the_shots_view_transform(shot, tmp_path, view):
    bpy.ops.emodifftalk.put_heads_in()
    true = picture(shot, tmp_path / "true.png")[34:62, 78:88]
    shot.view_settings.view_transform = view  # later, and noticed
    kept = picture(shot, tmp_path / "kept.png")[34:62, 78:88]
    assert np.abs(kept - true).mean() < 0.008 and np.abs(kept - true).max() < 0.05
    composite_settings(shot).keep_colours = False
    assert np.abs(picture(shot, tmp_path / "changed.png")[34:62, 78:88] - true).mean() > 0.03


def test_a_border_is_cut_out_of_heads_and_meshes_alike(shot, tmp_path):
    bpy.ops.emodifftalk.put_heads_in()
    whole = picture(shot, tmp_path / "whole.png")
    shot.render.use_border = shot.render.use_crop_to_border = True
    shot.render.border_min_x, shot.render.border_max_x = 0.25, 0.75
    shot.render.border_min_y, shot.render.border_max_y = 0.25, 1.0
    part = picture(shot, tmp_path / "part.png")
    same = np.abs(part - whole[: HEIGHT * 3 // 4, WIDTH // 4 : WIDTH * 3 // 4]).max(axis=-1) < 0.1
    assert same.mean() > 0.97  # but for noise along the board's edge


def test_the_head_throws_a_shadow_and_is_not_seen_twice(shot, tmp_path):
    bpy.data.objects.remove(bpy.data.objects["Board"])
    head, wall = bpy.data.objects["Tiny"], bpy.data.objects["Wall"]
    wall.location.y = 0.1
    wall.data.materials.clear()
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "SUN"))
    lamp.rotation_euler = (math.pi / 2, 0, -0.9)  # from the left of the camera
    lamp.data.energy = 2
    shot.collection.objects.link(lamp)
    bpy.ops.emodifftalk.put_heads_in(shadows=False)
    assert shadow_of(head) is None
    without = picture(shot, tmp_path / "without.png")
    assert bpy.ops.emodifftalk.put_heads_in(shadows=True) == {"FINISHED"}
    found = picture(shot, tmp_path / "with.png")
    darker = found.mean(axis=-1) < without.mean(axis=-1) - 0.2
    assert darker[HEIGHT // 2].any() and not darker[:, :60].any() and not darker[40:60, 62:80].any()
    assert not darker[[0, -1]].any()
    bpy.ops.emodifftalk.take_heads_out()
    assert shadow_of(head) is None


@pytest.mark.parametrize("how", ["Workbench", "Freestyle"])
def test_where_a_camera_would_see_the_hull_or_a_line_of_it_the_head_does_without(shot, how):
    """Workbench would draw it over the face, Freestyle and Line Art its edges along cheek and jaw."""
    bpy.ops.emodifftalk.put_heads_in()
    hull = shadow_of(bpy.data.objects["Tiny"])
    assert not hull.hide_render and hull.lineart.usage == "EXCLUDE"
    if how == "Workbench":
        shot.render.engine = "BLENDER_WORKBENCH"
    else:
        shot.render.use_freestyle = True
    keep_in_step(shot)  # as Blender calls it when a picture is begun
    assert hull.hide_render and how in why_none(shot)
    shot.render.engine, shot.render.use_freestyle = "CYCLES", False
    keep_in_step(shot)
    assert not hull.hide_render and why_none(shot) == ""
    hull.hide_render = True  # the animator's own wish
    keep_in_step(shot)
    assert hull.hide_render


def test_many_heads_are_taken_out_again(shot):
    head = bpy.data.objects["Tiny"]
    for _ in range(12):
        shot.collection.objects.link(head.copy())
    bpy.ops.emodifftalk.put_heads_in()
    assert len([obj for obj in shot.objects if "shadow" in obj.name]) == 13
    bpy.ops.emodifftalk.take_heads_out()
    assert not [obj for obj in bpy.data.objects if "shadow" in obj.name]


def test_each_frame_shows_the_take_at_that_frame_by_the_shots_own_strips(shot, tmp_path):
    from addon.scene.strips import strip_scene
    from addon.takes.generate import add_take
    from addon.takes.performance import build_performance
    from addon.timeline.prompts import add_prompt
    from tests.helpers.tiny_subject import save_tiny_take, tiny_subject

    head = bpy.data.objects["Tiny"]
    add_prompt(head, shot, "calm", 1)
    save_tiny_take(tmp_path / "take.safetensors", tiny_subject(faces=2500, others=100))
    add_take(head, tmp_path / "take.safetensors", build_performance(head, shot))
    put_heads_in(shot, bpy.context.view_layer)
    second = composite_settings(shot).heads_scene
    assert strip_scene(head, second) == shot
    for frame in (1, 30):
        shot.frame_set(frame)
        second.frame_set(frame)
        assert take_time.take_seconds(head, second) == pytest.approx(take_time.take_seconds(head, shot))
    shot.frame_start, shot.frame_end, shot.frame_step = 1, 41, 40
    bpy.data.objects["Board"].hide_render = True
    shot.render.image_settings.file_format = "PNG"
    shot.render.filepath = str(tmp_path / "f")
    bpy.ops.render.render(animation=True)
    shut, wide = (np.asarray(Image.open(tmp_path / f"f{n:04d}.png"), np.float32) for n in (1, 41))
    assert np.abs(shut - wide)[52:].max() > 60  # the jaw has dropped


@pytest.mark.slow
def test_without_the_add_on_the_shot_renders_as_before_without_heads(shot, tmp_path):
    bpy.ops.emodifftalk.put_heads_in()
    path = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    code = (
        f"import bpy; bpy.ops.wm.open_mainfile(filepath={str(path)!r}); scene = bpy.data.scenes['Scene']\n"
        # Blender falls back on EEVEE for the heads' scene; Cycles stands in for it where there is no graphics card.
        "bpy.data.scenes['Scene heads'].render.engine = 'CYCLES'\n"
        f"scene.render.filepath = {str(tmp_path / 'off.png')!r}; bpy.context.window.scene = scene\n"
        "scene.render.image_settings.file_format = 'PNG'; bpy.ops.render.render(write_still=True)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True, timeout=180)
    found = np.asarray(Image.open(tmp_path / "off.png"), np.float32)[..., :3] / 255
    assert green(found[HEIGHT // 2, :50]).all() and blue(found[HEIGHT // 2, 80:]).all()


def test_where_it_makes_no_sense_it_says_why(shot):
    shot.render.engine = "EMODIFFTALK"
    with pytest.raises(RuntimeError, match="choose Cycles or EEVEE"):
        bpy.ops.emodifftalk.put_heads_in()
    shot.render.engine = "CYCLES"
    with pytest.raises(RuntimeError, match="No heads were put"):
        bpy.ops.emodifftalk.take_heads_out()
    bpy.data.objects.remove(bpy.data.objects["Tiny"])
    with pytest.raises(RuntimeError, match="Import a subject"):
        bpy.ops.emodifftalk.put_heads_in()
