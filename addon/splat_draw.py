"""Draws Gaussians on the graphics card through Blender's own `gpu` module: no backend, any card, software GL too.

The rules are those of gsplat and of the backend's CPU rasterizer, so that the three make one picture: affine
projection with the centre clamped near the picture, 0.3 square pixels of blur, contributions under 1/255 dropped,
alpha at most 0.999, sorted by view depth (never by distance, which lets far splats fog near ones). Blending is back
to front with premultiplied alpha, on the colours as they are (display-referred sRGB).

Needs a GPU context: a draw handler, `RenderEngine.render` with `bl_use_gpu_context`, or `gpu.init()` (5.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import gpu
import numpy as np

from emodifftalk.core.camera import Camera
from emodifftalk.core.gaussians import Gaussians

from .blender_camera import View

EPS2D = 0.3
"""Square pixels of blur added to every projected covariance (gsplat's default)."""
_TABLE_WIDTH = 2048
"""Texels per row of a table; Gaussian i lies in column i % width, row i // width."""
_SHADERS = Path(__file__).parent / "shaders"


@cache
def shader_source(name: str) -> str:
    """The text of a file in `shaders/`."""
    return (_SHADERS / name).read_text(encoding="utf-8")


@cache
def _splat_shader() -> gpu.types.GPUShader:
    varyings = gpu.types.GPUStageInterfaceInfo("emodifftalk_splat")
    varyings.smooth("VEC2", "place")
    varyings.flat("VEC4", "tint")
    varyings.flat("FLOAT", "view_depth")
    info = gpu.types.GPUShaderCreateInfo()
    info.define("TABLE_WIDTH", str(_TABLE_WIDTH))
    # 112 bytes of push constants: 128 is what every card has.
    info.push_constant("MAT4", "view")
    info.push_constant("VEC4", "lens")
    info.push_constant("VEC4", "picture")
    info.push_constant("VEC2", "options")
    for slot, name in enumerate(("order", "means", "quats", "scales", "colors")):
        info.sampler(slot, "FLOAT_2D", name)
    info.vertex_in(0, "FLOAT", "corner")
    info.vertex_out(varyings)
    info.fragment_out(0, "VEC4", "splat_color")
    info.fragment_out(1, "VEC4", "splat_depth")
    info.vertex_source(shader_source("splat.vert.glsl"))
    info.fragment_source(shader_source("splat.frag.glsl"))
    return gpu.shader.create_from_info(info)


@cache
def _compose_shader() -> gpu.types.GPUShader:
    varyings = gpu.types.GPUStageInterfaceInfo("emodifftalk_compose")
    varyings.smooth("VEC2", "at")
    info = gpu.types.GPUShaderCreateInfo()
    info.push_constant("VEC4", "clip")
    info.sampler(0, "FLOAT_2D", "picture")
    info.sampler(1, "FLOAT_2D", "depths")
    info.vertex_in(0, "VEC2", "corner")
    info.vertex_out(varyings)
    info.depth_write("ANY")
    info.fragment_out(0, "VEC4", "laid")
    info.vertex_source(shader_source("compose.vert.glsl"))
    info.fragment_source(shader_source("compose.frag.glsl"))
    return gpu.shader.create_from_info(info)


@cache
def _covering_triangle() -> gpu.types.GPUBatch:
    layout = gpu.types.GPUVertFormat()
    layout.attr_add(id="corner", comp_type="F32", len=2, fetch_mode="FLOAT")
    vertices = gpu.types.GPUVertBuf(layout, 3)
    vertices.attr_fill("corner", np.array([[-1, -1], [3, -1], [-1, 3]], np.float32))
    return gpu.types.GPUBatch(type="TRIS", buf=vertices)


def float_buffer(array: np.ndarray) -> gpu.types.Buffer:
    """A flat GPU buffer of float32 values."""
    flat = np.ascontiguousarray(array, np.float32).ravel()
    return gpu.types.Buffer("FLOAT", len(flat), flat)


def read_floats(texture: gpu.types.GPUTexture, channels: int) -> np.ndarray:
    """A texture's values, (H, W, channels) float32, row 0 at the top."""
    width, height = texture.width, texture.height
    buffer = texture.read()
    # NumPy gets wrong strides from multi-dimensional buffers on 4.5 and 5.0 and would scramble the picture.
    buffer.dimensions = width * height * channels
    return np.array(buffer, dtype=np.float32).reshape(height, width, channels)[::-1]


def _table(columns: np.ndarray) -> gpu.types.GPUTexture:
    """Rows (N, 1) or (N, 4) float32 as a texture with _TABLE_WIDTH texels per row."""
    count, channels = columns.shape
    rows = max(-(-count // _TABLE_WIDTH), 1)
    padded = np.zeros((rows * _TABLE_WIDTH, channels), np.float32)
    padded[:count] = columns
    data_format = {1: "R32F", 4: "RGBA32F"}[channels]
    return gpu.types.GPUTexture((_TABLE_WIDTH, rows), format=data_format, data=float_buffer(padded))


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
        self._corners: gpu.types.GPUBatch | None = None
        self._capacity = 0

    def __len__(self) -> int:
        return len(self._means)

    def upload(self, gaussians: Gaussians) -> None:
        """Take over Gaussians (world space, metres). Fields that are the same arrays as before are not sent again.

        Rows with a value that is not finite are not drawn, as with the CPU rasterizer.
        """
        old = self._gaussians
        if old is gaussians:
            return
        same_rows = old is not None and len(old) == len(gaussians)
        moved = not (same_rows and old.means is gaussians.means and old.opacities is gaussians.opacities)
        if moved or old.quats is not gaussians.quats or old.scales is not gaussians.scales:
            good = _drawable(gaussians)
            self._means = np.where(good[:, None], gaussians.means, 0.0).astype(np.float32)
            self._textures["means"] = _table(_rows(self._means, np.where(good, gaussians.opacities, 0.0)))
            self._sorted_for = None
        for name in ("quats", "scales", "colors"):
            if not same_rows or getattr(old, name) is not getattr(gaussians, name):
                self._textures[name] = _table(_rows(getattr(gaussians, name)))
        self._gaussians = gaussians
        self._reserve(len(gaussians))

    def draw(self, view: View, exact_order: bool = False) -> None:
        """Blend the Gaussians over the bound framebuffer's two colour attachments (see `SplatTarget`)."""
        if len(self) == 0:
            return
        self._sort(view, exact_order)
        shader = _splat_shader()
        camera = view.camera
        shader.bind()
        # Matrices travel column by column.
        shader.uniform_float("view", np.asarray(camera.viewmat, np.float32).T.ravel().tolist())
        shader.uniform_float("lens", (camera.K[0, 0], camera.K[1, 1], camera.K[0, 2], camera.K[1, 2]))
        shader.uniform_float("picture", (camera.width, camera.height, view.near, min(view.far, 1e30)))
        shader.uniform_float("options", (1.0 if view.orthographic else 0.0, EPS2D))
        for name, texture in self._textures.items():
            shader.uniform_sampler(name, texture)
        with _state(blend="ALPHA_PREMULT", depth_test="NONE", depth_mask=False):
            self._corners.draw_range(shader, elem_start=0, elem_count=6 * len(self))

    def _sort(self, view: View, exact: bool) -> None:
        key = (exact, view.camera.viewmat[2].tobytes())
        if key != self._sorted_for:
            order = back_to_front(view.depths(self._means), exact)
            self._textures["order"] = _table(order.astype(np.float32)[:, None])
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
        vertices = gpu.types.GPUVertBuf(layout, 4 * count)
        vertices.attr_fill("corner", np.arange(4 * count, dtype=np.float32))
        first = np.arange(0, 4 * count, 4, dtype=np.int32)[:, None, None]
        triangles = (first + np.array([[0, 1, 2], [2, 1, 3]], np.int32)).reshape(-1, 3)
        indices = gpu.types.GPUIndexBuf(type="TRIS", seq=triangles)
        self._corners = gpu.types.GPUBatch(type="TRIS", buf=vertices, elem=indices)


class SplatTarget:
    """What Gaussians are drawn into: premultiplied colour with alpha, and accumulated depth times alpha."""

    def __init__(self, width: int, height: int, color_format: str = "RGBA32F") -> None:
        self.width, self.height = width, height
        self.color = gpu.types.GPUTexture((width, height), format=color_format)
        self.depth = gpu.types.GPUTexture((width, height), format="R32F")
        self._framebuffer = gpu.types.GPUFrameBuffer(color_slots=(self.color, self.depth))

    def draw(self, cloud: SplatCloud, view: View, exact_order: bool = False) -> None:
        """Clear, then draw `cloud`. Whatever was bound before is bound again afterwards."""
        with self._framebuffer.bind():
            self._framebuffer.clear(color=(0.0, 0.0, 0.0, 0.0))
            # Not the framebuffer's own `viewport_set`, which takes no arguments in 5.0.
            gpu.state.viewport_set(0, 0, self.width, self.height)
            cloud.draw(view, exact_order)

    def lay_over(self, view: View, hidden_by_nearer: bool, lead: float = 0.0) -> None:
        """Blend what was drawn for `view` over the overlay of a 3D viewport of the same size (a POST_VIEW handler's).

        hidden_by_nearer: only where nothing of the scene lies nearer, by more than `lead` metres.
        """
        shader = _compose_shader()
        shader.bind()
        far = min(view.far, 1e6)  # farther makes no difference that float32 could hold
        shader.uniform_float("clip", (float(view.orthographic), view.near, far, lead))
        shader.uniform_sampler("picture", self.color)
        shader.uniform_sampler("depths", self.depth)
        with _state("ALPHA_PREMULT", "LESS_EQUAL" if hidden_by_nearer else "NONE", depth_mask=False):
            _covering_triangle().draw(shader)

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Colours (H, W, 4) premultiplied and expected view depth (H, W) in metres, 0 where nothing is."""
        rgba = read_floats(self.color, 4)
        depth = read_floats(self.depth, 1)[..., 0]
        return rgba, depth / np.maximum(rgba[..., 3], 1e-10)


def draw_offscreen(
    gaussians: Gaussians, view: View | Camera, width: int | None = None, height: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A picture of Gaussians in world space.

    view: a `View`, or a core `Camera` for a plain perspective. width, height: other size than the view's own.
    Returns rgba (H, W, 4) float32, display-referred sRGB premultiplied by alpha, and the expected view depth (H, W)
    in metres, 0 where nothing is; row 0 at the top.
    """
    if isinstance(view, Camera):
        view = View(view)
    if width is not None and height is not None and (width, height) != (view.width, view.height):
        view = View(view.camera.resized(width, height), view.orthographic, view.near, view.far)
    cloud = SplatCloud()
    cloud.upload(gaussians)
    target = SplatTarget(view.width, view.height)
    target.draw(cloud, view, exact_order=True)
    return target.read()


def _drawable(g: Gaussians) -> np.ndarray:
    """(N,) bool: rows whose values are all finite."""
    total = g.means.sum(1) + g.quats.sum(1) + g.scales.sum(1) + g.opacities
    return np.isfinite(total)


@contextmanager
def _state(blend: str, depth_test: str, depth_mask: bool) -> Iterator[None]:
    """Set and restore the drawing state: what follows in Blender's own drawing expects it unchanged."""
    state = gpu.state
    before = (state.blend_get(), state.depth_test_get(), state.depth_mask_get())
    state.blend_set(blend)
    state.depth_test_set(depth_test)
    state.depth_mask_set(depth_mask)
    try:
        yield
    finally:
        state.blend_set(before[0])
        state.depth_test_set(before[1])
        state.depth_mask_set(before[2])
