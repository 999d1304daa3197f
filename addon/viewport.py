"""Heads in every 3D viewport, drawn as Gaussians among the scene's meshes while the timeline plays and is scrubbed.

A pixel of a head is hidden by what lies nearer than the head's expected depth there.
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
from .render_engine import ENGINE

if TYPE_CHECKING:
    from .splat_draw import SplatCloud, SplatTarget


class _Screen:
    """What a viewport keeps between two drawings, so that a turned view uploads nothing."""

    def __init__(self) -> None:
        self.cloud: SplatCloud | None = None
        self.target: SplatTarget | None = None
        self.parts: list[tuple[Gaussians, np.ndarray]] = []

    def show(self, parts: list[tuple[Gaussians, np.ndarray]]) -> SplatCloud:
        """The cloud holding Gaussians (object space) at their places."""
        from .splat_draw import SplatCloud

        if self.cloud is None:
            self.cloud = SplatCloud()
        if not _same(parts, self.parts):
            placed = [gaussians.transformed(matrix) for gaussians, matrix in parts]
            self.cloud.upload(placed[0] if len(placed) == 1 else Gaussians.concatenate(placed))
            self.parts = parts
        return self.cloud

    def canvas(self, width: int, height: int) -> SplatTarget:
        """Something of the region's size to draw into."""
        from .splat_draw import SplatTarget

        if self.target is None or (self.target.width, self.target.height) != (width, height):
            self.target = SplatTarget(width, height, "RGBA16F")
        return self.target


def _same(new: list[tuple[Gaussians, np.ndarray]], old: list[tuple[Gaussians, np.ndarray]]) -> bool:
    """Whether the very same Gaussians are to be drawn at the same places."""
    return len(new) == len(old) and all(
        a is b and np.array_equal(place, before) for (a, place), (b, before) in zip(new, old, strict=True)
    )


_screens: dict[int, _Screen] = {}
_MOST_SCREENS = 6
_LEAD = 0.03
"""Metres by which a head wins against meshes. Its own sketch lies in the skin and must not show through, not even at
the lips, where the expected depth is partly the mouth's inside."""
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
    region = context.region
    screen = _screens.setdefault(region.as_pointer(), _Screen())
    while len(_screens) > _MOST_SCREENS:  # regions come and go
        _screens.pop(next(iter(_screens)))
    cloud = screen.show(parts)
    target = screen.canvas(region.width, region.height)
    view = region_view(region, context.region_data)
    target.draw(cloud, view)
    # Our engine renders heads only: in its shading no mesh is seen that could hide one.
    alone = context.space_data.shading.type == "RENDERED" and context.scene.render.engine == ENGINE
    target.lay_over(view, hidden_by_nearer=not alone, lead=_LEAD)


def _visible(context: Context):
    """Gaussians in object space and matrix (4, 4) of every head this viewport shows."""
    for head in heads(context.scene):
        if not head.visible_get(viewport=context.space_data):  # the eye, collections, local view, type filter
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
        _handle = SpaceView3D.draw_handler_add(draw, (), "WINDOW", "POST_VIEW")


def unregister() -> None:
    """Stop drawing."""
    global _handle
    if _handle is not None:
        SpaceView3D.draw_handler_remove(_handle, "WINDOW")
        _handle = None
    _screens.clear()
