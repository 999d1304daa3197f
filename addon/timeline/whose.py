"""What strips say of themselves: a prompt its words, once, and where there are several heads whose it is.

Names and colours that the animator gave stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import bpy
from bpy.types import Object, Scene, Strip, TextStrip, UILayout

from ..blender.registering import Adds
from ..scene.bells import WORDS_CHANGED
from ..scene.heads import heads, is_head, settings
from ..scene.properties import STRIP_COLOURS
from ..scene.strips import is_prompt, is_sound, prompt_words, strip_scene, strip_settings

_WORDS, _HEAD = 40, 20
"""Letters of a feeling, and of a head's name, in the name of a strip."""
_NAME_BYTES = 57
"""Blender cuts names at 63 bytes, and numbers those that are there twice."""
_TEXT_BYTES = 500
"""Bytes of a feeling written into a strip; 4.5 keeps 511."""
_NEW = "Prompt"
_NUMBER = re.compile(r"\.\d{3,}$")


@dataclass(frozen=True)
class Cast:
    """The heads whose strips lie on one sequencer.

    heads: those, the one that came first in front.
    colours: their strips' colours by session uid.
    """

    heads: tuple[Object, ...] = ()
    colours: dict[int, str] = field(default_factory=dict)

    @property
    def several(self) -> bool:
        """Whether strips have to say whose they are."""
        return len(self.heads) > 1

    def owners(self, strip: Strip) -> list[Object]:
        """The heads that feel a prompt by themselves, or speak a voice; none while there is one head only."""
        if not self.several:
            return []
        known = strip_settings(strip)
        if is_prompt(strip):
            return [head for head in self.heads if head == known.head]
        return [head for head in self.heads if known.uid and settings(head).voice_uid == known.uid]

    def colour(self, strip: Strip) -> str:
        """The colour by which a strip says whose it is; empty when it is nobody's, or more than one head's."""
        owners = self.owners(strip)
        return self.colours[owners[0].session_uid] if len(owners) == 1 else ""


def cast_of(scene: Scene) -> Cast:
    """Who has strips on a scene's sequencer."""
    here = {head.session_uid: head for head in heads(scene) if strip_scene(head, scene) == scene}
    here |= {head.session_uid: head for head in _from_elsewhere(scene)}
    found = tuple(here[uid] for uid in sorted(here))
    return Cast(found, _colours(found))


def _from_elsewhere(scene: Scene) -> Iterator[Object]:
    """Heads of other scenes that listen to this one."""
    for obj in bpy.data.objects:
        if is_head(obj) and settings(obj).sequencer_scene == scene and len(obj.users_scene):
            yield obj


def _colours(found: tuple[Object, ...]) -> dict[int, str]:
    """A colour for each head: the one that it has, else one that no other has."""
    chosen = {head.session_uid: settings(head).strip_colour for head in found}
    free = [tag for tag, _ in STRIP_COLOURS if tag not in chosen.values()] or [tag for tag, _ in STRIP_COLOURS]
    waiting = (uid for uid, tag in chosen.items() if tag == "NONE")
    return chosen | {uid: free[number % len(free)] for number, uid in enumerate(waiting)}


def settle_colours(cast: Cast) -> None:
    """Let heads remember the colours that they were given, so that they stay when another head goes."""
    for head in cast.heads if cast.several else ():
        tag = cast.colours[head.session_uid]
        if head.library is None and settings(head).strip_colour != tag:
            settings(head).strip_colour = tag


def name_strip(strip: Strip, cast: Cast, at_rest: bool = False) -> None:
    """Bring the name of a voice or prompt in line with its words and owners; nothing is written where all is well.

    at_rest: nobody can be typing on the strip itself.
    """
    if is_prompt(strip):
        _name_prompt(strip, cast, at_rest)
    elif is_sound(strip):
        _name_voice(strip, cast)


def _name_prompt(strip: TextStrip, cast: Cast, at_rest: bool) -> None:
    prompt, words = strip_settings(strip), prompt_words(strip).strip()
    plain = _shortened(words, _WORDS)
    if _stem(strip.name) in {_stem(prompt.named or plain), _NEW if not prompt.named else ""}:
        _rename(strip, _with_owners(plain, cast.owners(strip)))
        shown = ""
    else:  # named by hand: the words stand beside that name
        shown = words.encode()[:_TEXT_BYTES].decode(errors="ignore")
    scene: Any = strip.id_data
    typing = not at_rest and scene.sequence_editor.active_strip == strip
    if strip.text == prompt.shown != shown and (shown or not typing):  # no text is taken away from under a cursor
        strip.text = prompt.shown = shown


def _name_voice(strip: Strip, cast: Cast) -> None:
    voice, owners = strip_settings(strip), cast.owners(strip)
    if voice.named and _stem(strip.name) != _stem(voice.named):
        return  # named by hand
    if owners:
        if not voice.named:
            voice.own_name = strip.name
        _rename(strip, _with_owners(voice.own_name, owners))
    elif voice.named:
        _rename(strip, voice.own_name)
        voice.named = ""


def _rename(strip: Strip, name: str) -> None:
    known = strip_settings(strip)
    if _stem(strip.name) != _stem(name):
        strip.name = name
    if known.named != name:
        known.named = name


def _with_owners(name: str, owners: list[Object]) -> str:
    whose = " & ".join(_shortened(head.name, _HEAD) for head in owners)
    return _in_bytes(f"{whose}: {name}" if whose else name)


def _shortened(text: str, letters: int) -> str:
    return text if len(text) <= letters else text[: letters - 1].rstrip() + "…"


def _in_bytes(name: str) -> str:
    if len(name.encode()) <= _NAME_BYTES:
        return name
    return name.encode()[: _NAME_BYTES - 3].decode(errors="ignore").rstrip() + "…"


def _stem(name: str) -> str:
    """A name without the number by which Blender tells those of the same name apart."""
    return _NUMBER.sub("", name)


def draw_strip_colour(layout: UILayout, head: Object, scene: Scene) -> None:
    """The colour of a head's strips on a scene's sequencer, to be chosen, where several heads have theirs."""
    if cast_of(scene).several:
        layout.prop(settings(head), "strip_colour", text="", icon_only=True)


def _words_changed(strip: TextStrip) -> None:
    name_strip(strip, cast_of(strip.id_data))  # type: ignore[arg-type]  # a strip's data-block is its scene


ADDS = Adds(listens=((WORDS_CHANGED, _words_changed),))
