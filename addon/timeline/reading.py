"""Having the words of prompts read: what they mean on the face shows on the prompt before anything is generated.

Words are read when they are typed, as long as a backend is there to be started; nothing waits for it.
"""

from __future__ import annotations

import contextlib

import bpy
from bpy.types import PropertyGroup, Strip

from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_NAMES

from ..backend import connection
from ..backend.client import DEAD
from ..backend.connection import Listener
from ..blender import compat
from ..blender.registering import Adds
from ..scene.bells import HAND_CHANGED, WORDS_CHANGED
from ..scene.strips import au_values, ensure_uid, is_prompt, owner_of, prompt_words, write_aus
from . import memory
from .colours import colour

_asked: dict[str, str] = memory.keep({})
"""Words that are being read, by the prompt's uid."""


def is_read(strip: Strip) -> bool:
    """Whether what the bars show is what the words mean."""
    return strip.emodifftalk.read_text == prompt_words(strip).strip()


def is_being_read(strip: Strip) -> bool:
    """Whether the answer is on its way."""
    return _asked.get(strip.emodifftalk.uid) == prompt_words(strip).strip()


def read_soon(strip: Strip) -> None:
    """Have a prompt's words read if a backend runs or can be started; never in background mode, where nobody would
    hear the answer. One that has died waits to be asked by hand."""
    if bpy.app.background or connection.client.state == DEAD or connection.unavailable_reason():
        return
    with contextlib.suppress(UserError):  # whoever generates meets the same sentence and sees it
        read_prompt(strip)


def read_prompt(strip: Strip) -> int | None:
    """Ask the backend what a prompt's words mean, and show it on the prompt; returns the request's number, None when it
    is known already. Raises UserError when the backend cannot be started.
    """
    words = prompt_words(strip).strip()
    if not words or is_read(strip) or is_being_read(strip):
        return None
    uid, scene_name = ensure_uid(strip), strip.id_data.name

    def show(result: dict) -> None:
        over()
        for found in compat.all_strips(bpy.data.scenes.get(scene_name)):
            if is_prompt(found) and found.emodifftalk.uid == uid:
                _show(found.emodifftalk, words, result)
                colour(found)
        connection.redraw_panels()

    def over(_: str = "") -> None:
        # A failure here is no news: the generation that follows fails with the same sentence and shows it.
        if _asked.get(uid) == words:
            del _asked[uid]

    number = connection.request("text_to_au", {"text": words}, Listener(done=show, failed=over, cancelled=over))
    _asked[uid] = words
    return number


def _show(kept: PropertyGroup, words: str, result: dict) -> None:
    values = {au: float(result.get("aus", {}).get(au, 0.0)) for au in AU_NAMES}
    write_aus(kept.read_aus, values)
    # Values set by hand stay; hands that were quicker than the answer begin with it.
    if not kept.by_hand or not any(au_values(kept.aus).values()):
        write_aus(kept.aus, values)
    kept.answer = str(result.get("answer", ""))
    kept.read_text = words


def _words_changed(strip: Strip) -> None:
    colour(strip)
    if not strip.emodifftalk.by_hand:
        read_soon(strip)


def hand_changed(kept: PropertyGroup) -> None:
    """By Hand was switched. On: it begins with what the words mean. Off: they count again."""
    strip = owner_of(kept)
    if strip is None:
        return
    if is_read(strip):
        if not kept.by_hand:
            write_aus(kept.aus, au_values(kept.read_aus))
    else:
        write_aus(kept.aus, {})
        read_soon(strip)
    colour(strip)


def forget() -> None:
    """Nobody waits for an answer any more."""
    _asked.clear()


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    forget()


ADDS = Adds(
    handlers=(("load_post", _on_load),), listens=((WORDS_CHANGED, _words_changed), (HAND_CHANGED, hand_changed))
)
