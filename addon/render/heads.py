"""Which heads a view layer renders, and the pictures its passes are filled with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from bpy.types import Depsgraph, DepsgraphObjectInstance

from emodifftalk.core.errors import UserError
from emodifftalk.core.gaussians import Gaussians

from ..blender.camera import View
from ..playback import gaussians as playback
from ..playback import origin
from ..scene.heads import is_drawn

Rasterizer = Callable[[Gaussians, View], tuple["np.ndarray", "np.ndarray"]]
"""Gaussians in world space and a view → premultiplied display-referred rgba (H, W, 4), view depth (H, W) metres."""
SOLID = 0.5
"""A pixel has a depth and belongs to a head from this alpha on."""


@dataclass(frozen=True)
class RenderedHead:
    """One head of a view layer.

    name, index: its object's name and pass index.
    gaussians: in world space.
    holdout: it hides others and leaves a hole.
    """

    name: str
    index: int
    gaussians: Gaussians
    holdout: bool = False


@dataclass(frozen=True)
class HeadPicture:
    """Heads as they hide each other.

    rgba: (H, W, 4) display-referred sRGB premultiplied by alpha.
    depth: (H, W) view depth in metres, 0 where nothing is.
    coverage: by the head's name, the part (H, W) of every pixel it fills, in front of and behind the others.
    """

    rgba: np.ndarray
    depth: np.ndarray
    coverage: dict[str, np.ndarray] = field(default_factory=dict)


def rendered_heads(depsgraph: Depsgraph, problems: list[str]) -> Iterator[RenderedHead]:
    """Every head the depsgraph's view layer renders. Of those that cannot be read, a sentence goes to `problems`."""
    for instance in depsgraph.object_instances:
        obj = instance.object
        if not is_drawn(obj.original) or not instance.show_self:
            continue
        if depsgraph.mode == "RENDER" and obj.original.hide_render:
            continue
        holdout, unseen = _role(instance, depsgraph)
        if unseen:
            continue
        try:
            gaussians = playback.current_gaussians(obj, depsgraph)
        except UserError as error:
            problems.append(f"{obj.name} is not rendered. {error}")
            continue
        if len(gaussians):
            placed = gaussians.transformed(origin.to_world(obj, instance.matrix_world))
            yield RenderedHead(obj.name, obj.original.pass_index, placed, holdout)


def _role(instance: DepsgraphObjectInstance, depsgraph: Depsgraph) -> tuple[bool, bool]:
    """Whether an object is a holdout, and whether it is hidden from the camera, in the view layer that is rendered."""
    owner = (instance.parent if instance.is_instance else instance.object).original
    layer = depsgraph.view_layer
    holdout = owner.is_holdout or owner.holdout_get(view_layer=layer)
    return holdout, owner.indirect_only_get(view_layer=layer) or not owner.visible_camera


def draw_heads(heads: list[RenderedHead], view: View, rasterize: Rasterizer, apart: bool) -> HeadPicture:
    """A picture of heads that hide each other. Holdouts hide others and leave a hole.

    apart: whether to find out what each of several heads covers, which takes another drawing for every three.
    """
    if not heads:
        return HeadPicture(np.zeros((view.height, view.width, 4), np.float32), np.zeros((view.height, view.width)))
    holes = any(head.holdout for head in heads)
    rgba, depth = rasterize(_together(heads, [_blackened(head) for head in heads]), view)
    if len(heads) == 1:
        coverage = [rgba[..., 3]]
    elif apart or holes:
        coverage = _coverage(heads, view, rasterize)
    else:
        return HeadPicture(rgba, depth)
    if holes:
        seen = [part for head, part in zip(heads, coverage, strict=True) if not head.holdout]
        rgba = np.dstack([rgba[..., :3], sum(seen, start=np.zeros_like(depth))])
    parts: dict[str, np.ndarray] = {}
    for head, part in zip(heads, coverage, strict=True):
        if not head.holdout:
            parts[head.name] = parts.get(head.name, 0) + part
    return HeadPicture(rgba, depth, parts)


def _coverage(heads: list[RenderedHead], view: View, rasterize: Rasterizer) -> list[np.ndarray]:
    """What each head fills of every pixel, (H, W) each: drawn in pure red, green or blue, three heads at a time."""
    parts: list[np.ndarray] = []
    for first in range(0, len(heads), 3):
        # Drawn together the heads hide each other as in the picture; three of them in a pure channel each, all others
        # black: a channel then holds the alpha with which its head is seen.
        marks = [np.eye(3)[i - first] if 0 <= i - first < 3 else np.zeros(3) for i in range(len(heads))]
        colors = [np.broadcast_to(mark, (len(head.gaussians), 3)) for mark, head in zip(marks, heads, strict=True)]
        drawn = rasterize(_together(heads, colors), view)[0]
        parts += [drawn[..., channel] for channel in range(min(3, len(heads) - first))]
    return parts


def _blackened(head: RenderedHead) -> np.ndarray:
    return np.zeros_like(head.gaussians.colors) if head.holdout else head.gaussians.colors


def _together(heads: list[RenderedHead], colors: list[np.ndarray]) -> Gaussians:
    """All heads in one table, in these colours (N, 3) each."""
    parts = [
        replace(head.gaussians, colors=np.asarray(color, np.float32)) for head, color in zip(heads, colors, strict=True)
    ]
    return parts[0] if len(parts) == 1 else Gaussians.concatenate(parts)
