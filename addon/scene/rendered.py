"""What a scene's renders hold, whoever makes them: the collections of its view layers, or the sequencer's pictures."""

from __future__ import annotations

from collections.abc import Iterator

from bpy.types import LayerCollection, Object, Scene

from ..blender import compat
from .heads import is_drawn


def in_rendered_collections(scene: Scene) -> Iterator[Object]:
    """The scene's heads and stills, and what instances some, in collections that any of its view layers renders.

    Whether an object itself is hidden there is another question. One may come twice.
    """
    for layer in scene.view_layers:
        if layer.use:
            yield from _rendered_in(layer.layer_collection)


def _rendered_in(layer: LayerCollection) -> Iterator[Object]:
    if layer.exclude or layer.collection.hide_render:
        return
    yield from (obj for obj in layer.collection.objects if is_drawn(obj) or _instances_heads(obj))
    for child in layer.children:
        yield from _rendered_in(child)


def _instances_heads(obj: Object) -> bool:
    if obj.type != "EMPTY" or obj.instance_type != "COLLECTION":
        return False
    instanced = obj.instance_collection
    return instanced is not None and any(is_drawn(other) for other in instanced.all_objects)


def shows_strips(scene: Scene) -> bool:
    """Whether the sequencer's pictures are rendered instead of what the camera sees."""
    seen = (strip for strip in compat.all_strips(scene) if strip.type != "SOUND" and not strip.mute)
    return scene.render.use_sequencer and any(True for _ in seen)
