"""Gaussians in the graphics card's memory, sorted for a view and blended back to front."""

from __future__ import annotations

from dataclasses import dataclass

import gpu
import numpy as np

from emodifftalk.core.gaussians import Gaussians

from ..blender.camera import View
from .gpu_parts import gpu_state, gpu_types, nothing_near, set_anew, splat_shader, state, table

EPS2D = 0.3
"""Square pixels of blur added to every projected covariance (gsplat's default)."""


@dataclass(frozen=True)
class SceneDepth:
    """Depths of a viewport's meshes.

    texture: as its framebuffer holds them, 0..1, in one channel.
    lead: metres by which Gaussians win against them.
    """

    texture: gpu.types.GPUTexture
    lead: float


def read_scene_depth(width: int, height: int, lead: float) -> SceneDepth:
    """The depths of the viewport that is being drawn. They go through main memory: the module lends no texture."""
    values = gpu_state.active_framebuffer_get().read_depth(0, 0, width, height)
    values.dimensions = width * height
    return SceneDepth(gpu_types.GPUTexture((width, height), format="R32F", data=values), lead)


def back_to_front(depths: np.ndarray, exact: bool = False) -> np.ndarray:
    """Row numbers (N,) by descending view depth (N,); among equals the later row comes first.

    Unless `exact`, depths are first rounded to 65536 steps between the nearest and the farthest: a radix sort of 16
    bits is twenty times faster, and a step is a few micrometres on a head.
    """
    if exact or len(depths) == 0:
        return np.argsort(depths, kind="stable")[::-1]
    near, far = float(depths.min()), float(depths.max())
    steps = 65535.0 / max(far - near, 1e-12)
    return np.argsort(((depths - near) * steps).astype(np.uint16), kind="stable")[::-1]


def _rows(values: np.ndarray, fourth: np.ndarray | float = 0.0) -> np.ndarray:
    table = np.empty((len(values), 4), np.float32)
    table[:, : values.shape[1]] = values
    if values.shape[1] < 4:
        table[:, 3] = fourth
    return table


class SplatCloud:
    """Gaussians in the card's memory. Uploaded when they change, sorted when they or the view change."""

    def __init__(self) -> None:
        self._gaussians: Gaussians | None = None
        self._textures: dict[str, gpu.types.GPUTexture] = {}
        self._sorted_for: tuple | None = None
        self._means = np.zeros((0, 3), np.float32)
        self._marks: np.ndarray | None = None
        self._corners: gpu.types.GPUBatch | None = None
        self._capacity = 0

    def __len__(self) -> int:
        return len(self._means)

    def upload(self, gaussians: Gaussians, marks: np.ndarray | None = None) -> None:
        """Take over Gaussians (world space, metres). Fields that are the same arrays as before are not sent again.

        marks: (N,) 0, 1 where the Gaussian's head is selected, 2 where it is the active one, or None for all 0.
        Rows with a value that is not finite are not drawn, as with the CPU rasterizer.
        """
        old = self._gaussians
        if old is gaussians and _equal(marks, self._marks):
            return
        same_rows = old is not None and len(old) == len(gaussians)
        moved = not (same_rows and old.means is gaussians.means and old.opacities is gaussians.opacities)
        if moved or old.quats is not gaussians.quats or old.scales is not gaussians.scales:
            good = _drawable(gaussians)
            self._means = np.where(good[:, None], gaussians.means, 0.0).astype(np.float32)
            self._textures["means"] = table(_rows(self._means, np.where(good, gaussians.opacities, 0.0)))
            self._sorted_for = None
        for name in ("quats", "scales"):
            if not same_rows or getattr(old, name) is not getattr(gaussians, name):
                self._textures[name] = table(_rows(getattr(gaussians, name)))
        if not same_rows or old.colors is not gaussians.colors or not _equal(marks, self._marks):
            self._textures["colors"] = table(_rows(gaussians.colors, 0.0 if marks is None else marks))
        self._gaussians, self._marks = gaussians, marks
        self._reserve(len(gaussians))

    def draw(self, view: View, exact_order: bool = False, hidden_by: SceneDepth | None = None) -> None:
        """Blend the Gaussians over the bound framebuffer's two colour attachments (see `SplatTarget`)."""
        if len(self) == 0:
            return
        self._sort(view, exact_order)
        shader = splat_shader()
        camera = view.camera
        scene_depth, lead, ratio = (nothing_near(), -1.0, 1.0)
        if hidden_by is not None:
            scene_depth, lead, ratio = hidden_by.texture, hidden_by.lead, hidden_by.texture.width / camera.width
        shader.bind()
        # Matrices travel column by column.
        shader.uniform_float("view", np.asarray(camera.viewmat, np.float32).T.ravel().tolist())
        shader.uniform_float("lens", (camera.K[0, 0], camera.K[1, 1], camera.K[0, 2], camera.K[1, 2]))
        shader.uniform_float("picture", (camera.width, camera.height, view.near, min(view.far, 1e30)))
        set_anew(shader, "options", (1.0 if view.orthographic else 0.0, EPS2D, lead, ratio))
        for name, texture in self._textures.items():
            shader.uniform_sampler(name, texture)
        shader.uniform_sampler("scene_depth", scene_depth)
        with state(blend="ALPHA_PREMULT", depth_test="NONE", depth_mask=False):
            self._corners.draw_range(shader, elem_start=0, elem_count=6 * len(self))

    def _sort(self, view: View, exact: bool) -> None:
        key = (exact, view.camera.viewmat[2].tobytes())
        if key != self._sorted_for:
            order = back_to_front(view.depths(self._means), exact)
            self._textures["order"] = table(order.astype(np.float32)[:, None])
            self._sorted_for = key

    def _reserve(self, count: int) -> None:
        """Four numbered corners and two triangles for each of `count` Gaussians.

        Not `draw_instanced`: software GL and some drivers start over for every instance, which costs more than the
        Gaussian itself.
        """
        if count <= self._capacity:
            return
        self._capacity = count
        layout = gpu.types.GPUVertFormat()
        layout.attr_add(id="corner", comp_type="F32", len=1, fetch_mode="FLOAT")
        vertices = gpu_types.GPUVertBuf(layout, 4 * count)
        vertices.attr_fill("corner", np.arange(4 * count, dtype=np.float32))
        # (count, 2, 3) numbers of corners: the two triangles of the first Gaussian, moved on by four for each after it.
        # A corner's number says whose it is, so that the shader needs nothing else of it.
        first = np.arange(0, 4 * count, 4, dtype=np.int32)[:, None, None]
        triangles = (first + np.array([[0, 1, 2], [2, 1, 3]], np.int32)).reshape(-1, 3)
        indices = gpu_types.GPUIndexBuf(type="TRIS", seq=triangles)
        self._corners = gpu_types.GPUBatch(type="TRIS", buf=vertices, elem=indices)


def _equal(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))


def _drawable(g: Gaussians) -> np.ndarray:
    """(N,) bool: rows whose values are all finite."""
    # A sum is finite only where all of its terms are: one pass over (N,) instead of a mask (N, 11).
    total = g.means.sum(1) + g.quats.sum(1) + g.scales.sum(1) + g.opacities
    return np.isfinite(total)
