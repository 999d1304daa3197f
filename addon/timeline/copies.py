"""A head that is duplicated takes its prompts along: the copy feels what the original feels, on strips of its own.

Its voice is shared, so that nothing is heard twice; *Add Voice* or the field under *Voice* gives it another.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import bpy
from bpy.types import Depsgraph, Object, Scene, TextStrip

from ..blender import animation, compat
from ..blender.registering import Adds
from ..blender.state import State
from ..scene.heads import by_session_uid, heads, is_head, settings
from ..scene.strips import (
    au_values,
    ensure_uid,
    is_prompt,
    prompt_words,
    strip_scene,
    strip_settings,
    write_aus,
)
from . import memory
from .prompts import free_channel
from .tending import tend

_COPIED = ("ease_in", "ease_out", "strength", "answer", "read_text")


@dataclass
class _Session(State):
    """token: stands for this Blender and this file. What a head of another one says of itself does not count."""

    token: str = field(default_factory=lambda: uuid.uuid4().hex[:12])


_session = memory.keep(_Session())


def see(candidates: Iterable[Object], scene: Scene) -> None:
    """Give copies among the heads of a scene the prompts of their originals.

    Every head carries who it is. One that carries another's name is a copy of that one, however it was made.
    """
    for head in [head for head in candidates if is_head(head) and head.library is None]:
        carried, own = settings(head).seen_as, f"{_session.token} {head.session_uid}"
        if carried == own:
            continue
        settings(head).seen_as = own
        token, _, number = carried.partition(" ")
        original = by_session_uid(int(number)) if token == _session.token else None
        if original is not None and is_head(original):
            settings(head).strip_colour = "NONE"  # it gets one of its own
            hand_on(original, head, scene)


def hand_on(original: Object, copy: Object, scene: Scene) -> None:
    """Let a copy of a head, which stands in `scene`, feel what the original does: the prompts are duplicated onto free
    channels. In a copy of a whole scene they are there already, and become the copy's."""
    there = strip_scene(copy, scene)
    prompts = [strip for strip in compat.all_strips(there) if is_prompt(strip)]
    if any(strip_settings(strip).head == copy for strip in prompts):
        return
    theirs = [strip for strip in prompts if strip_settings(strip).head == original]
    if original not in list(heads(there)) and settings(original).sequencer_scene != there:
        for strip in theirs:
            strip_settings(strip).head = copy
        return
    rise = _rise(there, theirs)
    for strip in sorted(theirs, key=compat.left_handle):
        _duplicate(strip, copy, there, strip.channel + rise)
    if theirs:
        tend(there)


def _rise(scene: Scene, strips: list[TextStrip]) -> int:
    """By how many channels strips go up together to lie where nothing is."""
    _, channels, left, right = compat.strip_spans(scene)
    top = int(channels.max(initial=0))

    def is_free(strip: TextStrip, channel: int) -> bool:
        meets = (left < compat.right_handle(strip)) & (right > compat.left_handle(strip))
        return not (meets & (channels == channel)).any()

    for rise in range(1, top + 1):
        if all(is_free(strip, strip.channel + rise) for strip in strips):
            return rise
    return top + 1 - min((strip.channel for strip in strips), default=top)


def _duplicate(strip: TextStrip, head: Object, scene: Scene, channel: int) -> None:
    """A prompt like `strip` for another head, with the keys of its intensity."""
    editor: Any = scene.sequence_editor
    active, (start, end) = editor.active_strip, (round(compat.left_handle(strip)), round(compat.right_handle(strip)))
    twin = compat.new_text_strip(editor, "Prompt", free_channel(scene, channel, start, end), start, end)
    editor.active_strip, twin.select = active, False
    twin.mute, twin.lock, twin.blend_alpha = strip.mute, strip.lock, strip.blend_alpha
    known, made = strip_settings(strip), strip_settings(twin)
    # After undo and redo the same copy has the same prompts again: takes know prompts by their ids.
    made.uid = uuid.uuid5(uuid.NAMESPACE_OID, f"{ensure_uid(strip)} {head.session_uid}").hex
    for name in _COPIED:
        setattr(made, name, getattr(known, name))
    write_aus(made.read_aus, au_values(known.read_aus))
    made.text, twin.text = prompt_words(strip), ""
    if known.by_hand:
        made.by_hand = True
    write_aus(made.aus, au_values(known.aus))
    made.is_prompt, made.head = True, head  # last: of what is no prompt yet nothing is rung, read, named or coloured
    if strip.color_tag != (known.coloured or "NONE"):
        twin.color_tag = strip.color_tag
    compat.copy_fcurve(scene, f"{strip.path_from_id()}.blend_alpha", f"{twin.path_from_id()}.blend_alpha")


@bpy.app.handlers.persistent
def _on_update(scene: Scene, depsgraph: Depsgraph) -> None:
    if animation.is_stepping() or scene.library is not None or bpy.app.is_job_running("RENDER"):
        return
    see([update.id.original for update in depsgraph.updates if isinstance(update.id, Object)], scene)


@bpy.app.handlers.persistent
def _on_undo(*_: object) -> None:
    see(heads(bpy.context.scene), bpy.context.scene)


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    _session.clear()
    for scene in bpy.data.scenes:
        see(heads(scene), scene)


ADDS = Adds(
    handlers=(
        ("depsgraph_update_post", _on_update),
        ("undo_post", _on_undo),
        ("redo_post", _on_undo),
        ("load_post", _on_load),
    )
)
