"""Heads in every 3D viewport, drawn as Gaussians among the scene's meshes while the timeline plays and is scrubbed.

A pixel of a head is hidden by what lies nearer than the head's expected depth there. Where meshes stand among a head's
Gaussians (glasses, a collar, a hand), each Gaussian is hidden by what lies nearer than itself.
"""

from __future__ import annotations

import bpy
from bpy.types import Context, SpaceView3D

from ..render.engine import ENGINE, shows_true_colours
from . import budget, neighbours

_handle: object | None = None
problem: str = ""
"""Why viewports show no Gaussians, one sentence."""


def draw() -> None:
    """Draw the heads of the region Blender is drawing."""
    global problem
    context = bpy.context
    if problem or not shows_gaussians(context):
        return
    try:
        _draw(context)
    except Exception as error:  # an exception here would come again at every redraw
        problem = f"This graphics card cannot show Gaussians in the viewport ({error}); rendering still works."
        print(f"EmoDiffTalk: {problem}", flush=True)


def shows_gaussians(context: Context) -> bool:
    """Whether the context's viewport shows heads as Gaussians; in Wireframe shading it shows their sketches."""
    return context.window_manager.emodifftalk.show_gaussians and context.space_data.shading.type != "WIREFRAME"


def _draw(context: Context) -> None:
    from .screens import contour_of, ground_of, screen_of

    # Our engine renders heads only: in its shading no mesh is seen that could hide one.
    alone = context.space_data.shading.type == "RENDERED" and context.scene.render.engine == ENGINE
    drawn_by_engine = alone and not shows_true_colours(context.scene)
    contour = contour_of(context)
    screen = screen_of(context)
    if screen.draw(context, contour, among_meshes=not alone):
        screen.lay_over(context, not alone, contour, ground_of(context), shown=not drawn_by_engine)


def register() -> None:
    """Draw in every 3D viewport; there is none in background mode."""
    global _handle, problem
    problem = ""
    if not bpy.app.background:
        neighbours.register()
        _handle = SpaceView3D.draw_handler_add(draw, (), "WINDOW", "POST_VIEW")


def unregister() -> None:
    """Stop drawing."""
    global _handle
    if _handle is not None:
        from . import screens

        SpaceView3D.draw_handler_remove(_handle, "WINDOW")
        _handle = None
        screens.forget()
    neighbours.unregister()
    budget.forget()
