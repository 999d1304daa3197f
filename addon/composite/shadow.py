"""Hulls that throw the shadows of heads: rough meshes that shadow rays meet and cameras do not.

Gaussians carry the light they were captured in and meet no ray of another engine. A hull in the shape of the head
parented to it darkens table and wall as the head would. Nothing in the scene can throw a shadow on the head itself.

Only Cycles and EEVEE know objects that no camera sees. Any other engine would draw the hull over the face, and
Freestyle and Line Art draw its edges: then it is left out of the render, and the head throws no shadow.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from bpy.types import Mesh, Object, Scene
from mathutils import Matrix

from emodifftalk.core.gaussians import Gaussians

from ..draw.left_out import engine_name
from ..playback import gaussians as playback
from ..playback import origin
from ..scene.composite_settings import composite_settings
from ..scene.heads import heads

_MARK = "emodifftalk_shadow"
_LAYERS, _SPOKES = 28, 28
_SOLID = 0.3
"""Least opacity of a Gaussian that counts."""
_QUANTILE = 0.9
"""Share of the points of a sector that lie within the hull: strands that stand out throw no shadow worth the while."""
_ASIDE = "emodifftalk_shadow_aside"
"""Custom property of a hull that is out of the render because of the engine, not because the animator wants it so."""
_ENGINES = {"CYCLES", "BLENDER_EEVEE", "BLENDER_EEVEE_NEXT"}
_UNSEEN = (
    "visible_camera", "visible_diffuse", "visible_glossy", "visible_transmission", "visible_volume_scatter",
)  # fmt: skip


def add_shadows(shot: Scene) -> None:
    """Give every head of a shot that has none a hull, in the collections the head is in. Raises UserError."""
    for hull in filter(None, map(shadow_of, heads(shot))):  # of files from before hulls were hidden from Line Art
        if hull.library is None and hull.lineart.usage != "EXCLUDE":
            hull.lineart.usage = "EXCLUDE"
    for head in [head for head in heads(shot) if shadow_of(head) is None]:
        mesh = hull_mesh(playback.current_gaussians(head, shot), f"{head.name} shadow")
        mesh.transform(Matrix(origin.to_object(head).tolist()))
        hull = bpy.data.objects.new(f"{head.name} shadow", mesh)
        hull[_MARK] = True
        hull.parent = head
        hull.hide_viewport = hull.hide_select = True
        hull.lineart.usage = "EXCLUDE"
        for name in _UNSEEN:
            setattr(hull, name, False)
        for collection in _collections(head, shot):
            collection.objects.link(hull)


def why_none(shot: Scene) -> str:
    """Why the hulls of a shot throw no shadows in its renders; empty when they do."""
    if shot.render.engine not in _ENGINES:
        return f"Heads throw no shadows in {engine_name(shot)}'s renders."
    if shot.render.use_freestyle:
        return "Heads throw no shadows while Freestyle is on, which would draw the lines of their hulls."
    return ""


def keep_aside(shot: Scene) -> bool:
    """Take the hulls of a shot's heads out of its renders, or back in, as its engine asks; returns whether any changed.

    Writes only what differs.
    """
    aside, changed = bool(why_none(shot)), False
    for hull in filter(None, map(shadow_of, heads(shot))):
        if hull.library is not None or hull.hide_render == aside:
            continue
        if aside:
            hull.hide_render = hull[_ASIDE] = changed = True
        elif hull.get(_ASIDE):  # else the animator took it out
            hull.hide_render, changed = False, True
            del hull[_ASIDE]
    return changed


def remove_shadows(shot: Scene) -> None:
    """Remove the hulls of a shot's heads."""
    for head in list(heads(shot)):  # before any is removed: Blender crashes when what is gone through changes
        hull = shadow_of(head)
        if hull is not None:
            mesh: Any = hull.data
            bpy.data.objects.remove(hull)
            bpy.data.meshes.remove(mesh)


def shadow_of(head: Object) -> Object | None:
    """The hull of a head, None when it has none."""
    return next((child for child in head.children if child.get(_MARK)), None)


def _collections(head: Object, shot: Scene) -> list[bpy.types.Collection]:
    ours = composite_settings(shot).heads_scene
    collections = [c for c in head.users_collection if ours is None or c != ours.collection]
    return collections or [shot.collection]


def hull_mesh(gaussians: Gaussians, name: str) -> Mesh:
    """A closed mesh around Gaussians, in their space: rings of one radius per direction, stacked along the z axis."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(*hull_geometry(gaussians))
    mesh.shade_smooth()
    return mesh


def hull_geometry(gaussians: Gaussians) -> tuple[list, list, list]:
    """Points, edges (none) and faces of the hull, as `Mesh.from_pydata` takes them."""
    points = gaussians.means[gaussians.opacities >= _SOLID]
    low, high = points[:, 2].min(), points[:, 2].max()
    heights = np.linspace(low, high, _LAYERS)
    rings = [_ring(points, height, (high - low) / _LAYERS) for height in heights]
    top, bottom = rings[-1].mean(axis=0), rings[0].mean(axis=0)
    # Rings lie one after the other, then the two poles: quads join each ring to the one above it, triangles the lowest
    # and the highest to their poles, and all wind outwards.
    vertices = np.concatenate([*rings, [bottom, top]])
    faces: list[tuple[int, ...]] = []
    for layer in range(_LAYERS - 1):
        for spoke in range(_SPOKES):
            a, b = layer * _SPOKES + spoke, layer * _SPOKES + (spoke + 1) % _SPOKES
            faces.append((a, b, b + _SPOKES, a + _SPOKES))
    last = (_LAYERS - 1) * _SPOKES
    for spoke in range(_SPOKES):
        after = (spoke + 1) % _SPOKES
        faces.append((_LAYERS * _SPOKES, after, spoke))
        faces.append((_LAYERS * _SPOKES + 1, last + spoke, last + after))
    return vertices.tolist(), [], faces


def _ring(points: np.ndarray, height: float, reach: float) -> np.ndarray:
    """Points (spokes, 3) of the outline at a height, of the Gaussians within `reach` metres of it."""
    # Of every sector around the middle the distance of its points, less the few that stand out; sectors without points
    # get theirs from the ones beside them, around the circle.
    near = points[np.abs(points[:, 2] - height) <= reach]
    middle = (near[:, :2].min(axis=0) + near[:, :2].max(axis=0)) / 2
    away = near[:, :2] - middle
    sector = np.round(np.arctan2(away[:, 1], away[:, 0]) / (2 * np.pi) * _SPOKES).astype(int) % _SPOKES
    radius = np.hypot(*away.T)
    radii = np.array([np.quantile(radius[sector == s], _QUANTILE) if (sector == s).any() else np.nan
                      for s in range(_SPOKES)])  # fmt: skip
    known = np.flatnonzero(~np.isnan(radii))
    radii = np.interp(np.arange(_SPOKES), known, radii[known], period=_SPOKES)
    angle = np.arange(_SPOKES) / _SPOKES * 2 * np.pi
    outline = middle + radii[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.column_stack([outline, np.full(_SPOKES, height)])
