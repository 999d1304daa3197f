"""One frame of one view layer: drawn at every moment of the shutter, handed over in the passes that are wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bpy.types import Depsgraph, RenderEngine, RenderResult

from emodifftalk.core.errors import Cancelled, UserError
from emodifftalk.core.gaussians import Gaussians

from ..blender.camera import View, camera_view
from ..draw import rasterizers
from ..draw.settings import drawing_settings
from ..draw.world_colour import world_colour
from .heads import HeadPicture, RenderedHead, draw_heads, rendered_heads
from .motion_blur import moments
from .passes import wants_heads_apart
from .picture import RenderedPicture


def render_frame(engine: RenderEngine, depsgraph: Depsgraph, announce: Callable[[str], None]) -> None:
    """Draw the depsgraph's view layer and hand it to Blender through `engine`.

    announce: called with a sentence when there is something worth knowing.
    Raises Cancelled, and UserError once the frame is handed over with the heads that could be drawn.
    """
    scene = depsgraph.scene
    problems: list[str] = []
    frame, times = scene.frame_current_final, moments(scene, drawing_settings(scene).blur_samples)
    background = None if scene.render.film_transparent else world_colour(scene)
    picture = RenderedPicture(background)
    try:
        for number, time in enumerate(times):
            if engine.test_break():
                raise Cancelled
            if len(times) > 1:
                _go_to(engine, time)
            engine.update_stats("EmoDiffTalk", f"Drawing {number + 1} of {len(times)}")
            picture.add(*_drawn(engine, depsgraph, announce, problems))
            engine.update_progress((number + 1) / len(times))
    finally:
        if len(times) > 1:
            _go_to(engine, frame)
    if not picture.anyone and not problems:
        announce("There is no head to render in this view layer: import a subject, or let one be rendered.")
    _hand_over(engine, picture, depsgraph)
    if problems:
        raise UserError(" ".join(dict.fromkeys(problems)))


def _go_to(engine: RenderEngine, time: float) -> None:
    """Evaluate the scene at a time in frames, between two as well."""
    whole = int(np.floor(time))
    engine.frame_set(whole, subframe=time - whole)


def _drawn(
    engine: RenderEngine, depsgraph: Depsgraph, announce: Callable[[str], None], problems: list[str]
) -> tuple[HeadPicture, list[RenderedHead]]:
    """The heads of the depsgraph's scene as it is now: their picture, and who they are."""
    scene = depsgraph.scene
    camera = scene.camera.evaluated_get(depsgraph) if scene.camera is not None else None
    heads = list(rendered_heads(depsgraph, problems))
    choice = drawing_settings(scene).rasterizer

    def rasterize(gaussians: Gaussians, view: View) -> tuple[np.ndarray, np.ndarray]:
        return rasterizers.draw(gaussians, view, announce, engine.test_break, choice)

    return draw_heads(heads, camera_view(camera, depsgraph), rasterize, wants_heads_apart(depsgraph.view_layer)), heads


def _hand_over(engine: RenderEngine, picture: RenderedPicture, depsgraph: Depsgraph) -> None:
    height, width = picture.size
    result: RenderResult = engine.begin_result(0, 0, width, height, layer=depsgraph.view_layer.name)
    for layer in result.layers:
        for render_pass in layer.passes:
            values = picture.values(render_pass.name)
            if values is not None:
                rect: Any = render_pass.rect
                rect.foreach_set(values)
    engine.end_result(result)
