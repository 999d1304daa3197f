"""The sample scene in a room: the table is before the head, the wall behind it, a leaf across it; in every Blender."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
pytest.importorskip("PIL")

from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from PIL import Image

from addon.composite.operators import is_in
from addon.playback.sources import take_of
from addon.scene.heads import absolute, active_take, heads, settings
from tests.helpers.places import SCENES

BLEND = SCENES / "in_a_room.blend"
FRAME = 112


@pytest.fixture
def room(scene, monkeypatch):
    """The scene, opened."""
    monkeypatch.setenv("EMODIFFTALK_PYTHON", "/nowhere/python")  # NumPy draws the head
    bpy.ops.wm.open_mainfile(filepath=str(BLEND))
    return bpy.context.scene


def picture(scene, path: Path) -> np.ndarray:
    """A quick small frame (H, W, 3), 0..1."""
    scene.frame_set(FRAME)
    scene.render.resolution_percentage, scene.cycles.samples, scene.cycles.use_denoising = 30, 2, False
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return np.asarray(Image.open(path), np.float32)[..., :3] / 255


def pixel(scene, point: Vector, size: tuple) -> tuple[int, int]:
    """Row and column of a point in the world."""
    x, y, _ = world_to_camera_view(scene, scene.camera, point)
    return round((1 - y) * size[0]), round(x * size[1])


def test_it_is_small_and_finds_its_files_beside_it(room):
    assert BLEND.stat().st_size < 1.5e6
    head = next(heads(room))
    for path in (settings(head).subject_path, active_take(head).path, *(s.filepath for s in bpy.data.sounds)):
        assert path.startswith("//") and absolute(path).is_file()
    assert take_of(head).duration > 4
    assert is_in(room)


@pytest.mark.slow
def test_the_head_is_behind_the_table_and_before_the_wall(room, tmp_path):
    head = next(heads(room))
    found = picture(room, tmp_path / "with.png")
    head.hide_render = True
    without = picture(room, tmp_path / "without.png")
    changed = np.abs(found - without).max(axis=-1) > 0.06
    face = pixel(room, head.matrix_world @ Vector((0.0, -0.15, 0.86)), changed.shape)
    assert changed[face[0] - 12 : face[0] + 12, face[1] - 8 : face[1] + 8].mean() > 0.9
    mug = bpy.data.objects["Mug"]
    centre = pixel(room, mug.matrix_world @ Vector((0, -0.03, 0.04)), changed.shape)
    assert changed[centre[0] - 6 : centre[0] + 6, centre[1] - 6 : centre[1] + 6].mean() < 0.05
    table = pixel(room, Vector((0.0, -0.55, 0.76)), changed.shape)
    assert changed[table[0], table[1] - 60 : table[1] + 60].mean() < 0.1
    assert changed[:20].mean() < 0.05  # the wall above him
