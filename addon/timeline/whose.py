"""What strips say of themselves: a prompt its words, once, and where there are several heads whose it is.

Names and colours that the animator gave stay as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import bpy
from bpy.types import Object, Scene, Strip, TextStrip, UILayout

from ..blender.registering import Adds
from ..blender.state import State
from ..scene.bells import WORDS_CHANGED
from ..scene.heads import is_head, settings
from ..scene.properties import STRIP_COLOURS
from ..scene.strips import is_prompt, is_sound, prompt_words, strip_scene, strip_settings
from . import memory

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
    here = (head for head in _heads_of_file(scene) if _listens(head, scene))
    found = tuple(sorted(here, key=lambda head: head.session_uid))
    return Cast(found, _colours(found))


def _listens(head: Object, scene: Scene) -> bool:
    """Whether a head's strips lie on a scene's sequencer."""
    chosen = settings(head).sequencer_scene
    if chosen is not None:
        return chosen == scene and len(head.users_scene) > 0
    return strip_scene(head, scene) == scene and scene in head.users_scene


@dataclass
class _File(State):
    """The heads of the file, as they were last looked for: strips are dragged while there are ten thousand objects.

    names: theirs.
    counts: of objects in the file and in the scene that was asked about.
    """

    names: tuple[str, ...] = ()
    counts: tuple[int, int] = (-1, -1)


_file = memory.keep(_File())


def _heads_of_file(scene: Scene) -> list[Object]:
    counts = (len(bpy.data.objects), len(scene.objects))
    known: list[Object | None] = [bpy.data.objects.get(name) for name in _file.names]
    if _file.counts != counts or not all(map(is_head, known)):
        known = [obj for obj in bpy.data.objects if is_head(obj)]
        _file.names, _file.counts = tuple(head.name for head in known if head is not None), counts
    return [head for head in known if head is not None]


def look_again() -> None:
    """Heads may have come or gone."""
    _file.clear()


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


@bpy.app.handlers.persistent
def _on_return(*_: object) -> None:
    look_again()


ADDS = Adds(
    handlers=(("undo_post", _on_return), ("redo_post", _on_return), ("load_post", _on_return)),
    listens=((WORDS_CHANGED, _words_changed),),
)
