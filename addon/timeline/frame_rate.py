"""Another frame rate: voices and prompts keep their seconds, counted from the first of them, which keeps its frame.

Blender leaves every strip's beginning on its frame and makes sounds longer or shorter there: pieces of a voice would
overlap or drift apart, and prompts would lie over other words.
"""

from __future__ import annotations

from math import floor

import bpy
from bpy.props import FloatProperty
from bpy.types import Depsgraph, PropertyGroup, Scene, Strip

from ..blender import animation, compat
from ..blender.registering import Adds
from ..blender.status_bar import show_status
from ..scene.strips import is_prompt, is_sound, strip_settings


class RateSettings(PropertyGroup):
    """On a scene: the frames per second at which its voices and prompts were laid; 0 before the first."""

    laid: FloatProperty(options={"HIDDEN"})


def keep_seconds(scene: Scene) -> bool:
    """Lay a scene's voices and prompts as its frame rate wants it; returns whether it had changed."""
    settings, rate = scene.emodifftalk_rate, scene.render.fps / scene.render.fps_base  # type: ignore[attr-defined]
    before, ours = settings.laid, _ours(scene)
    if not ours:
        if before:
            settings.laid = 0.0
        return False
    if abs(before - rate) < 1e-5 * rate:
        return False
    settings.laid = rate
    if before:
        _scale(scene, ours, rate / before)
        show_status(
            f"{before:.5g} to {rate:.5g} frames a second: voices, prompts and what you keyed keep their seconds", 15
        )
    return bool(before)


def _ours(scene: Scene) -> list[Strip]:
    """Voices and prompts, those in metas excepted: a meta is moved as a whole, by hand."""
    ours = [s for s in compat.all_strips(scene) if is_prompt(s) or (is_sound(s) and strip_settings(s).uid)]
    return sorted((strip for strip in ours if strip.parent_meta() is None), key=compat.left_handle)


def _scale(scene: Scene, strips: list[Strip], by: float) -> None:
    zero = compat.left_handle(strips[0])
    spans = {strip.name: (compat.left_handle(strip), compat.right_handle(strip)) for strip in strips}
    # Blender moves strips that would lie upon others to another channel: those that come first make room first.
    for strip in reversed(strips) if by > 1 else strips:
        left, right = (_nearest(zero + (frame - zero) * by) for frame in spans[strip.name])
        if is_prompt(strip) and by < 1:
            compat.set_right_handle(strip, int(spans[strip.name][0]) + max(right - left, 1))
        compat.move_strip(strip, left - int(compat.left_handle(strip)))
        if is_prompt(strip) and by > 1:
            compat.set_right_handle(strip, max(right, left + 1))
    ours = tuple(f"{strip.path_from_id()}." for strip in strips)
    for curve in compat.fcurves(scene):
        if curve.data_path.startswith(ours):
            for key in curve.keyframe_points:
                key.co_ui.x = zero + (key.co.x - zero) * by
            curve.update()


def _nearest(frame: float) -> int:
    return floor(frame + 0.5)


@bpy.app.handlers.persistent
def _on_update(scene: Scene, depsgraph: Depsgraph) -> None:
    if animation.is_stepping() or bpy.app.is_job_running("RENDER"):
        return
    for update in depsgraph.updates:
        if isinstance(update.id, Scene) and update.id.original.library is None:
            keep_seconds(update.id.original)


@bpy.app.handlers.persistent
def _on_step(scene: Scene, depsgraph: Depsgraph | None = None) -> None:
    keep_seconds(scene)


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    for scene in bpy.data.scenes:
        if scene.library is None:
            keep_seconds(scene)


ADDS = Adds(
    classes=(RateSettings,),
    properties=((Scene, "emodifftalk_rate", RateSettings, {}),),
    handlers=(
        ("depsgraph_update_post", _on_update),
        ("undo_post", _on_step),
        ("redo_post", _on_step),
        ("load_post", _on_load),
    ),
)
