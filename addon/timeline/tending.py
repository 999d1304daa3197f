"""What strips need after the animator has moved, split, duplicated, retyped or renamed things with Blender's own tools.

Pieces of a split and copies carry their original's id and get one of their own; words typed on the strip itself are
read; names and colours follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import bpy
from bpy.types import Depsgraph, Scene, Strip, TextStrip

from ..blender import animation, compat
from ..blender.registering import Adds
from ..blender.state import State
from ..scene.bells import HEAD_CHANGED
from ..scene.heads import is_head, settings
from ..scene.strips import (
    give_own_uids,
    is_prompt,
    is_sound,
    is_typed_on,
    strip_scene,
    strip_settings,
    write_words,
)
from . import memory
from .colours import colour
from .whose import Cast, cast_of, look_again, name_strip, settle_colours

_MOST = 20_000

_tended: set[tuple] = memory.keep(set())
"""How prompts looked when they were last seen to: of a thousand, an edit changes one or two."""
_felt_by: dict[str, int] = memory.keep({})
"""Whose prompts were, by their uid: the head's session uid."""
_heads: dict[int, tuple] = memory.keep({})
"""What strips show of heads, by session uid, as it was when the strips were last seen to."""


@dataclass
class _Tending(State):
    """on: strips are being seen to right now; what is written then is not to be seen to again."""

    on: bool = False


_state = memory.keep(_Tending())


def tend(scene: Scene, at_rest: bool = False) -> None:
    """See to all voices and prompts of a scene; nothing is written where all is well.

    at_rest: nobody can be typing on a strip.
    """
    if _state.on:
        return
    _state.on = True
    try:
        _tend(scene, compat.all_strips(scene), at_rest)
    finally:
        _state.on = False


def _tend(scene: Scene, strips: list[Strip], at_rest: bool) -> None:
    if not strips:
        return
    cast = cast_of(scene)
    settle_colours(cast)
    prompts = list(filter(is_prompt, strips))
    for strip in prompts:
        _remember_head(strip, cast)
    uids = {strip_settings(strip).uid for strip in prompts}
    if len(uids) < len(prompts) or "" in uids:
        give_own_uids(prompts)  # in the order in which they were made: the original keeps its own
    for voice in filter(is_sound, strips):
        if strip_settings(voice).uid:
            name_strip(voice, cast)
            colour(voice, cast)
    for strip in prompts:
        _tend_prompt(strip, cast, at_rest)


def _remember_head(strip: TextStrip, cast: Cast) -> None:
    """Copied or cut strips come back without their head, for the clipboard holds no objects: they get it again."""
    prompt = strip_settings(strip)
    if prompt.head is not None:
        _felt_by[prompt.uid] = prompt.head.session_uid
    elif prompt.uid in _felt_by:
        prompt.head = next((head for head in cast.heads if head.session_uid == _felt_by[prompt.uid]), None)


def _tend_prompt(strip: TextStrip, cast: Cast, at_rest: bool) -> None:
    prompt = strip_settings(strip)
    if _looks(strip, cast) in _tended and not prompt.by_hand:
        return
    if is_typed_on(strip):
        write_words(strip, strip.text)  # they are read, and a name follows from them
    name_strip(strip, cast, at_rest)
    colour(strip, cast)
    if len(_tended) > _MOST:
        _tended.clear()
    if strip.text != prompt.text or at_rest:  # else the words may be under a cursor, and go when that has gone
        _tended.add(_looks(strip, cast))


def _looks(strip: TextStrip, cast: Cast) -> tuple:
    prompt = strip_settings(strip)
    whose = tuple((head.name, cast.colours[head.session_uid]) for head in cast.owners(strip))
    return (prompt.uid, strip.text, prompt.text, prompt.read_text, strip.name, strip.color_tag, whose)


@bpy.app.handlers.persistent
def _on_update(scene: Scene, depsgraph: Depsgraph) -> None:
    if animation.is_stepping() or scene.library is not None or bpy.app.is_job_running("RENDER"):
        return
    scenes = set()
    for update in depsgraph.updates:
        block = update.id.original
        if isinstance(block, Scene):
            scenes.add(block)
        elif isinstance(block, bpy.types.Object) and is_head(block):
            shown = (block.name, settings(block).voice_uid, settings(block).strip_colour)
            if _heads.get(block.session_uid) != shown:
                _heads[block.session_uid] = shown
                look_again()
                scenes.add(strip_scene(block, scene))
    for changed in scenes:
        tend(changed)


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    """Strips of an earlier version, and of a version without our add-on, are seen to when they are seen."""
    _felt_by.clear()
    for scene in bpy.data.scenes:
        if scene.library is None:
            tend(scene, at_rest=True)


ADDS = Adds(handlers=(("depsgraph_update_post", _on_update), ("load_post", _on_load)), listens=((HEAD_CHANGED, tend),))
