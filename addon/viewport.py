"""Heads in every 3D viewport, drawn as Gaussians over the scene while the timeline plays and is scrubbed.

A first version: the Gaussians lie over the scene's meshes, whichever is nearer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.types import Context, SpaceView3D

from emodifftalk.core.errors import UserError
from emodifftalk.core.gaussians import Gaussians

from . import playback
from .blender_camera import region_view
from .heads import heads

if TYPE_CHECKING:
    from .splat_draw import SplatCloud, SplatTarget


class _Screen:
    """What a viewport keeps between two drawings, so that a turned view uploads nothing."""

    def __init__(self) -> None:
        self.cloud: SplatCloud | None = None
        self.target: SplatTarget | None = None
        self.key: tuple = ()

    def show(self, parts: list[tuple[Gaussians, np.ndarray]], key: tuple) -> SplatCloud:
        """The cloud holding Gaussians (object space) at their places."""
        from .splat_draw import SplatCloud

        if self.cloud is None:
            self.cloud = SplatCloud()
        if key != self.key:
            placed = [gaussians.transformed(matrix) for gaussians, matrix in parts]
            self.cloud.upload(placed[0] if len(placed) == 1 else Gaussians.concatenate(placed))
            self.key = key
        return self.cloud

    def canvas(self, width: int, height: int) -> SplatTarget:
        """Something of the region's size to draw into."""
        from .splat_draw import SplatTarget

        if self.target is None or (self.target.width, self.target.height) != (width, height):
            self.target = SplatTarget(width, height, "RGBA16F")
        return self.target


_screens: dict[int, _Screen] = {}
_MOST_SCREENS = 6
_handle: object | None = None
problem: str = ""
"""Why viewports show no Gaussians, one sentence."""


def draw() -> None:
    """Draw the heads of the region Blender is drawing."""
    global problem
    context = bpy.context
    if problem or not context.window_manager.emodifftalk.show_gaussians:
        return
    try:
        _draw(context)
    except Exception as error:  # an exception here would come again at every redraw
        problem = f"This graphics card cannot show Gaussians in the viewport ({error}); rendering still works."
        print(f"EmoDiffTalk: {problem}", flush=True)


def _draw(context: Context) -> None:
    parts = list(_visible(context))
    if not parts:
        return
    import gpu
    from gpu_extras.presets import draw_texture_2d

    region = context.region
    screen = _screens.setdefault(region.as_pointer(), _Screen())
    while len(_screens) > _MOST_SCREENS:  # regions come and go
        _screens.pop(next(iter(_screens)))
    key = tuple((id(gaussians), matrix.tobytes()) for gaussians, matrix in parts)
    cloud = screen.show(parts, key)
    target = screen.canvas(region.width, region.height)
    target.draw(cloud, region_view(region, context.region_data))
    before = gpu.state.blend_get()
    gpu.state.blend_set("ALPHA_PREMULT")
    draw_texture_2d(target.color, (0, 0), region.width, region.height)
    gpu.state.blend_set(before)


def _visible(context: Context):
    """Gaussians in object space and matrix (4, 4) of every head this viewport shows."""
    for head in heads(context.scene):
        if not head.visible_in_viewport_get(context.space_data):
            continue
        try:
            yield playback.current_gaussians(head, context.scene), np.array(head.matrix_world)
        except UserError as error:
            playback.problems[head.session_uid] = str(error)


def register() -> None:
    """Draw in every 3D viewport; there is none in background mode."""
    global _handle, problem
    problem = ""
    if not bpy.app.background:
        _handle = SpaceView3D.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    """Stop drawing."""
    global _handle
    if _handle is not None:
        SpaceView3D.draw_handler_remove(_handle, "WINDOW")
        _handle = None
    _screens.clear()
