"""Draws Gaussians on the graphics card through Blender's own `gpu` module: no backend, any card, software GL too.

The rules are those of gsplat and of the backend's CPU rasterizer, so that the three make one picture: affine
projection with the centre clamped near the picture, 0.3 square pixels of blur, contributions under 1/255 dropped,
alpha at most 0.999, sorted by view depth (never by distance, which lets far splats fog near ones). Blending is back
to front with premultiplied alpha, on the colours as they are (display-referred sRGB).

Needs a GPU context: a draw handler, `RenderEngine.render` with `bl_use_gpu_context`, or `gpu.init()` (5.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import gpu
import numpy as np

from emodifftalk.core.camera import Camera
from emodifftalk.core.gaussians import Gaussians

from ..blender.camera import View
from .cloud import SceneDepth, SplatCloud
from .gpu_parts import compose_shader, gpu_types, read_floats, rectangle, set_anew, state


@dataclass(frozen=True)
class Contour:
    """The line around selected heads.

    selected, active: RGB (3,) as displayed, of selected heads and of the active one.
    width: pixels.
    """

    selected: tuple[float, float, float]
    active: tuple[float, float, float]
    width: float


@dataclass(frozen=True)
class Film:
    """Where a render engine's heads go instead of an overlay: light, before the ground or on a transparent film."""

    transparent: bool


class SplatTarget:
    """What Gaussians are drawn into: premultiplied colour with alpha, and accumulated depth times alpha.

    marked: whether the second texture also gathers which heads are selected, for a contour.
    """

    def __init__(self, width: int, height: int, color_format: str = "RGBA32F", marked: bool = False) -> None:
        self.width, self.height, self.marked = width, height, marked
        self.color = gpu_types.GPUTexture((width, height), format=color_format)
        self.depth = gpu_types.GPUTexture((width, height), format="RGBA32F" if marked else "R32F")
        self._framebuffer = gpu_types.GPUFrameBuffer(color_slots=(self.color, self.depth))

    def draw(
        self, cloud: SplatCloud, view: View, exact_order: bool = False, hidden_by: SceneDepth | None = None
    ) -> None:
        """Clear, then draw `cloud`. Whatever was bound before is bound again afterwards."""
        with self._framebuffer.bind():
            self._framebuffer.clear(color=(0.0, 0.0, 0.0, 0.0))
            # Not the framebuffer's own `viewport_set`, which takes no arguments in 5.0.
            gpu.state.viewport_set(0, 0, self.width, self.height)
            cloud.draw(view, exact_order, hidden_by)

    def lay_over(
        self,
        view: View,
        hidden_by_nearer: bool,
        lead: float = 0.0,
        contour: Contour | None = None,
        shown: bool = True,
        film: Film | None = None,
        exact: bool = False,
        ground: tuple[float, float, float] = (0.25, 0.25, 0.25),
        rect: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0),
    ) -> None:
        """Blend what was drawn for `view` over the overlay of a 3D viewport (a POST_VIEW handler's), or onto a film.

        hidden_by_nearer: only where nothing of the scene lies nearer.
        lead: metres by which something has to be nearer for that.
        contour: the line around selected heads, for a target that is marked.
        shown: False for the contour alone.
        film: the engine's, None for a viewport's overlay.
        exact: `draw` has already left out what meshes hide.
        ground: RGB (3,) as displayed of what is mostly behind the heads.
        rect: the part of the viewport to fill: left, bottom, right, top, 0..1.
        """
        kind = 0.0 if film is None else 2.0 if film.transparent else 1.0
        shader = self._shader(view, lead, contour, (float(shown), kind, float(exact)), ground, rect)
        test = "LESS_EQUAL" if hidden_by_nearer else "ALWAYS" if film is not None else "NONE"
        # On a film the heads' own depth is left for the overlays that Blender draws after it.
        with state("NONE" if kind == 1.0 else "ALPHA_PREMULT", test, depth_mask=film is not None):
            rectangle().draw(shader)

    def uncover(self, view: View, rect: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)) -> None:
        """Empty a viewport's overlay where the film below it shows what was drawn: Blender draws lines over a render
        engine's picture whatever their depth, a head's own sketch among them. rect: as for `lay_over`."""
        shader = self._shader(view, 0.0, None, (1.0, 3.0, 0.0), (0.0, 0.0, 0.0), rect)
        with state("NONE", "NONE", depth_mask=False):
            rectangle().draw(shader)

    def _shader(
        self,
        view: View,
        lead: float,
        contour: Contour | None,
        how: tuple[float, float, float],
        ground: tuple[float, float, float],
        rect: tuple[float, float, float, float],
    ) -> gpu.types.GPUShader:
        """The shader that lays over, bound, with what `compose.frag.glsl` says it wants. how: `line` but its width."""
        shader = compose_shader()
        shader.bind()
        far = min(view.far, 1e6)  # farther makes no difference that float32 could hold
        line = contour.width if contour is not None and self.marked else 0.0
        shader.uniform_float("clip", (float(view.orthographic), view.near, far, lead))
        set_anew(shader, "line", (line, *how))
        shader.uniform_float("selected_color", (*(contour.selected if contour else (0, 0, 0)), 1.0))
        shader.uniform_float("active_color", (*(contour.active if contour else (0, 0, 0)), 1.0))
        shader.uniform_float("ground", (*ground, 1.0))
        set_anew(shader, "rect", rect)
        shader.uniform_sampler("picture", self.color)
        shader.uniform_sampler("depths", self.depth)
        return shader

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Colours (H, W, 4) premultiplied and expected view depth (H, W) in metres, 0 where nothing is."""
        rgba = read_floats(self.color, 4)
        depth = read_floats(self.depth, 4 if self.marked else 1)[..., 0]
        return rgba, depth / np.maximum(rgba[..., 3], 1e-10)


def draw_offscreen(
    gaussians: Gaussians, view: View | Camera, width: int | None = None, height: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A picture of Gaussians in world space.

    view: a `View`, or a core `Camera` for a plain perspective.
    width, height: pixels, another size than the view's own.
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
