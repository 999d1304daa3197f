"""What prompts need after the animator has moved, split, duplicated or retyped them with Blender's own tools.

Pieces of a split and copies carry their original's id and get one of their own; words typed on the strip itself are
read; colours follow.
"""

from __future__ import annotations

import bpy
from bpy.types import Depsgraph, Scene

from ..blender import animation, compat
from ..blender.registering import Adds
from ..scene.strips import give_own_uids, is_prompt, prompt_words, strip_settings
from .colours import colour
from .reading import is_read, read_soon


def tend(scene: Scene) -> None:
    """See to all prompts of a scene; nothing is written where all is well."""
    prompts = sorted(filter(is_prompt, compat.all_strips(scene)), key=compat.left_handle)
    give_own_uids(prompts)
    for strip in prompts:
        if strip.text != strip_settings(strip).shown and not is_read(strip) and prompt_words(strip).strip():
            read_soon(strip)
        colour(strip)


@bpy.app.handlers.persistent
def _on_update(scene: Scene, depsgraph: Depsgraph) -> None:
    if animation.is_stepping() or scene.library is not None or bpy.app.is_job_running("RENDER"):
        return
    for update in depsgraph.updates:
        if isinstance(update.id, Scene):
            tend(update.id.original)


ADDS = Adds(handlers=(("depsgraph_update_post", _on_update),))
