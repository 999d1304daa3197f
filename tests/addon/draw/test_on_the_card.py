"""Gaussians drawn by the graphics card through Blender's gpu module look as the backend's rasterizer draws them.

Drawn in a process of its own: a machine without any OpenGL may not survive asking for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.places import ROOT
from tests.helpers.tiny_subject import tiny_subject

pytest.importorskip("bpy")
if find_spec("torch") is None:
    pytest.skip("this Python has no backend (torch is missing)", allow_module_level=True)

from emodifftalk.core.camera import look_at
from emodifftalk.core.gaussians import Gaussians
from emodifftalk.splat.metrics import psnr
from emodifftalk.splat.render import render

pytestmark = pytest.mark.slow

NO_CARD = ("GPU functions for drawing are not available", "No GPU", "no GPU")
DRAW = """
import sys
import bpy, gpu, numpy as np
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/backend"]
import addon
addon.register()
from addon.blender.camera import View
from addon.draw.gpu_parts import read_floats
from addon.draw.cloud import SplatCloud
from addon.draw.target import SplatTarget, draw_offscreen
from emodifftalk.core.camera import Camera
from emodifftalk.core.gaussians import Gaussians

data = np.load(sys.argv[2])
gaussians = Gaussians(*(data[name] for name in ("means", "quats", "scales", "opacities", "colors")))
camera = Camera(data["viewmat"], data["K"], int(data["size"][0]), int(data["size"][1]))

def lay_over_something_at(distance):
    # What the viewport's overlay gets when its scene lies `distance` metres away.
    view, (width, height) = View(camera, near=0.1, far=10.0), data["size"].tolist()
    cloud, target = SplatCloud(), SplatTarget(width, height)
    cloud.upload(gaussians)
    target.draw(cloud, view)
    color = gpu.types.GPUTexture((width, height), format="RGBA32F")
    scene_depth = gpu.types.GPUTexture((width, height), format="DEPTH_COMPONENT32F")
    overlay = gpu.types.GPUFrameBuffer(color_slots=(color,), depth_slot=scene_depth)
    with overlay.bind():
        overlay.clear(color=(0, 0, 0, 0), depth=(10.1 - 2.0 / distance) / 9.9 / 2 + 0.5)
        gpu.state.viewport_set(0, 0, width, height)
        target.lay_over(view, hidden_by_nearer=True, lead=0.05)
    return read_floats(color, 4)

def uncovered():
    # What is left of an overlay full of lines over a film that shows the head.
    view, (width, height) = View(camera, near=0.1, far=10.0), data["size"].tolist()
    cloud, target = SplatCloud(), SplatTarget(width, height)
    cloud.upload(gaussians)
    target.draw(cloud, view)
    color = gpu.types.GPUTexture((width, height), format="RGBA32F")
    overlay = gpu.types.GPUFrameBuffer(color_slots=(color,))
    with overlay.bind():
        overlay.clear(color=(0.2, 0.4, 0.6, 1.0))
        gpu.state.viewport_set(0, 0, width, height)
        target.uncover(view)
    return read_floats(color, 4)

class Engine(bpy.types.RenderEngine):
    bl_idname, bl_label, bl_use_gpu_context = "EMODIFFTALK_TEST", "Test", True
    def render(self, depsgraph):
        rgba, depth = draw_offscreen(gaussians, View(camera))
        laid = {f"laid_{d}": lay_over_something_at(d) for d in (0.5, 0.87, 1.5)}
        np.savez(sys.argv[3], rgba=rgba, depth=depth, uncovered=uncovered(), **laid)

bpy.utils.register_class(Engine)
scene = bpy.context.scene
scene.render.engine = "EMODIFFTALK_TEST"
scene.render.resolution_x = scene.render.resolution_y = 16
bpy.ops.render.render()
# 4.5 hangs at exit while a script's classes are still registered.
bpy.utils.unregister_class(Engine)
addon.unregister()
"""


def on_the_card(gaussians: Gaussians, camera, folder: Path) -> dict[str, np.ndarray]:
    """rgba, depth and overlays drawn by the card, or by software OpenGL. Skips where there is none."""
    np.savez(folder / "in.npz", **vars(gaussians), viewmat=camera.viewmat, K=camera.K,
             size=np.array([camera.width, camera.height]))  # fmt: skip
    command = [sys.executable, "-c", DRAW, str(ROOT), str(folder / "in.npz"), str(folder / "out.npz")]
    environment = os.environ | {"PYTHONUTF8": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    except subprocess.TimeoutExpired:
        pytest.skip("asking for OpenGL without a window hangs on this machine")
    if not (folder / "out.npz").exists():
        said = (done.stdout + done.stderr).strip()
        if "Traceback" in said and not any(word in said for word in NO_CARD):
            pytest.fail(said)
        last = said.splitlines()[-1] if said else f"exit code {done.returncode}"
        pytest.skip(f"no OpenGL without a window on this machine ({last[:120]})")
    return dict(np.load(folder / "out.npz"))


def test_the_card_draws_what_the_rasterizer_draws(tmp_path):
    gaussians = tiny_subject(faces=2500, others=300).gaussians
    camera = look_at((0.25, -0.8, 0.1), (0, -0.05, 0), 200, 160, 22.0)
    drawn = on_the_card(gaussians, camera, tmp_path)
    rgba, depth = drawn["rgba"], drawn["depth"]
    image, alpha, wanted = render(gaussians, camera, backend="cpu")
    assert rgba.shape == (160, 200, 4) and alpha.mean() > 0.2
    assert float(psnr(rgba, np.dstack([image, alpha]))) > 38
    solid = alpha > 0.9
    assert np.abs(depth[solid] - wanted[solid]).mean() < 1e-3


def test_one_gaussian_lands_where_it_should_with_the_right_size(tmp_path):
    values = ([[0.02, 0, 0.01]], [[1, 0, 0, 0]], [[0.02, 0.005, 0.01]], [0.8], [[1, 0.5, 0]])
    one = Gaussians(*(np.array(value, np.float32) for value in values))
    camera = look_at((0, -1, 0), (0, 0, 0), 101, 101, 20.0)
    drawn = on_the_card(one, camera, tmp_path)
    rgba, depth = drawn["rgba"], drawn["depth"]
    x, y, z = camera.project(one.means)[0]
    row, column = np.unravel_index(rgba[..., 3].argmax(), (101, 101))
    assert (column + 0.5, row + 0.5) == pytest.approx((x, y), abs=0.75)
    assert rgba[row, column, 3] == pytest.approx(0.8, abs=0.02)
    assert rgba[row, column, :3] / rgba[row, column, 3] == pytest.approx((1, 0.5, 0), abs=0.01)
    assert depth[row, column] == pytest.approx(z, abs=1e-4)
    # Half a standard deviation of width in pixels, read off the falling of alpha along the row.
    weights = rgba[row, :, 3]
    spread = np.sqrt((weights * (np.arange(101) + 0.5 - x) ** 2).sum() / weights.sum())
    assert spread == pytest.approx(np.sqrt((camera.K[0, 0] * 0.02) ** 2 + 0.3), rel=0.12)


def test_in_the_viewport_what_lies_nearer_hides_a_head_and_nothing_else_does(tmp_path):
    gaussians = tiny_subject().gaussians
    camera = look_at((0, -1, 0), (0, 0, 0), 120, 120, 25.0)
    drawn = on_the_card(gaussians, camera, tmp_path)
    rgba, depth = drawn["rgba"], drawn["depth"]
    seen = rgba[..., 3] > 0.01
    assert drawn["laid_0.5"].max() == 0  # behind a wall
    # Blender blends overlays as powers of 2.2 of what is displayed.
    laid, ground = drawn["laid_1.5"], 0.25
    shown = (ground**2.2 * (1 - laid[..., 3:]) + laid[..., :3]) ** (1 / 2.2)
    wanted = rgba[..., :3] + (1 - rgba[..., 3:]) * ground
    assert np.abs(shown - wanted)[seen].max() < 1e-3
    # Cut by a plane: what lies up to the lead behind it still shows.
    through = drawn["laid_0.87"].max(axis=-1) > 0
    assert (through[seen] == (depth - 0.05 <= 0.87)[seen]).mean() > 0.99 and 0 < through[seen].mean() < 1


def test_no_line_of_the_overlay_is_left_on_a_head_that_the_engine_draws(tmp_path):
    gaussians = tiny_subject().gaussians
    drawn = on_the_card(gaussians, look_at((0, -1, 0), (0, 0, 0), 120, 120, 25.0), tmp_path)
    head, left = drawn["rgba"][..., 3], drawn["uncovered"]
    assert (head > 0.5).mean() > 0.05
    assert left[head > 0.51].max() == 0 and np.abs(left[head < 0.49] - (0.2, 0.4, 0.6, 1.0)).max() < 1e-3
