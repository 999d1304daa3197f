"""Heads in every 3D viewport, drawn as Gaussians among the scene's meshes while the timeline plays and is scrubbed.

A pixel of a head is hidden by what lies nearer than the head's expected depth there. Where meshes stand among a head's
Gaussians (glasses, a collar, a hand), each Gaussian is hidden by what lies nearer than itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
from bpy.types import Context

from ..blender.registering import Adds
from ..blender.state import State
from ..draw.colours import ENGINE, shows_true_colours
from . import memory, screens


@dataclass
class DrawingState(State):
    """Whether drawing goes on.

    problem: why viewports show no Gaussians, one sentence.
    """

    problem: str = ""


state = memory.keep(DrawingState())


def draw() -> None:
    """Draw the heads of the region Blender is drawing."""
    context = bpy.context
    if state.problem or not shows_gaussians(context):
        return
    try:
        _draw(context)
    except Exception as error:  # an exception here would come again at every redraw
        state.problem = f"This graphics card cannot show Gaussians in the viewport ({error}); rendering still works."
        print(f"EmoDiffTalk: {state.problem}", flush=True)


def shows_gaussians(context: Context) -> bool:
    """Whether the context's viewport shows heads as Gaussians; in Wireframe shading it shows their sketches."""
    space: Any = context.space_data
    return screens.wants_gaussians(context) and space.shading.type != "WIREFRAME"


def _draw(context: Context) -> None:
    # Our engine renders heads only: in its shading no mesh is seen that could hide one.
    space: Any = context.space_data
    alone = space.shading.type == "RENDERED" and context.scene.render.engine == ENGINE
    drawn_by_engine = alone and not shows_true_colours(context.scene)
    contour = screens.contour_of(context)
    screen = screens.screen_of(context)
    if screen.draw(context, contour, among_meshes=not alone):
        if drawn_by_engine:
            screen.uncover(context)
        screen.lay_over(context, not alone, contour, screens.ground_of(context), shown=not drawn_by_engine)


ADDS = Adds(drawings=(("SpaceView3D", draw, "POST_VIEW"),))
