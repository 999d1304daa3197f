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
from . import memory
from .colours import colour
from .reading import is_read, read_soon

_MOST = 20_000

_tended: set[tuple] = memory.keep(set())
"""How prompts looked when they were last seen to: of a thousand, an edit changes one or two."""


def tend(scene: Scene) -> None:
    """See to all prompts of a scene; nothing is written where all is well."""
    prompts = list(filter(is_prompt, compat.all_strips(scene)))
    uids = {strip_settings(strip).uid for strip in prompts}
    if len(uids) < len(prompts) or "" in uids:
        give_own_uids(sorted(prompts, key=compat.left_handle))
    for strip in prompts:
        prompt = strip_settings(strip)
        looks = (prompt.uid, strip.text, prompt.text, prompt.read_text, strip.color_tag)
        if looks in _tended and not prompt.by_hand:
            continue
        if strip.text != prompt.shown and not is_read(strip) and prompt_words(strip).strip():
            read_soon(strip)  # and again after the next edit, should there be no backend now
            colour(strip)
            continue
        colour(strip)
        if len(_tended) > _MOST:
            _tended.clear()
        _tended.add((*looks[:4], strip.color_tag))


@bpy.app.handlers.persistent
def _on_update(scene: Scene, depsgraph: Depsgraph) -> None:
    if animation.is_stepping() or scene.library is not None or bpy.app.is_job_running("RENDER"):
        return
    for update in depsgraph.updates:
        if isinstance(update.id, Scene):
            tend(update.id.original)


ADDS = Adds(handlers=(("depsgraph_update_post", _on_update),))
