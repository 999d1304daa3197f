"""Having the words of prompts read: what they mean on the face shows on the prompt before anything is generated.

Words are read when they are typed, as long as a backend is there to be started; nothing waits for it. What was read
once stays read: undo takes the answer off the strip, and it is put there again.
"""

from __future__ import annotations

import contextlib
from typing import Any

import bpy
from bpy.types import TextStrip

from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_NAMES

from ..backend import connection
from ..backend.client import DEAD
from ..backend.connection import Listener
from ..blender import compat
from ..blender.registering import Adds
from ..scene.bells import HAND_CHANGED, WORDS_CHANGED
from ..scene.strips import au_values, ensure_uid, is_prompt, owner_of, prompt_words, strip_settings, write_aus
from . import memory, readings
from .colours import colour

_asked: dict[str, str] = memory.keep({})
"""Words that are being read, by the prompt's uid."""


def is_read(strip: TextStrip) -> bool:
    """Whether what the bars show is what the words mean."""
    return strip_settings(strip).read_text == prompt_words(strip).strip()


def is_being_read(strip: TextStrip) -> bool:
    """Whether the answer is on its way."""
    return _asked.get(strip_settings(strip).uid) == prompt_words(strip).strip()


def read_soon(strip: TextStrip) -> None:
    """Have a prompt's words read if a backend runs or can be started; never in background mode, where nobody would
    hear the answer. One that has died waits to be asked by hand. What is remembered needs no backend."""
    if show_remembered(strip):
        return
    if bpy.app.background or connection.client.state == DEAD or connection.why_not_by_itself():
        return
    with contextlib.suppress(UserError):  # whoever generates meets the same sentence and sees it
        read_prompt(strip, by_itself=True)


def read_prompt(strip: TextStrip, by_itself: bool = False) -> int | None:
    """Ask the backend what a prompt's words mean, and show it on the prompt; returns the request's number, None when it
    is known already. by_itself: nobody pressed anything. Raises UserError when the backend cannot be started.
    """
    words = prompt_words(strip).strip()
    if not words or is_read(strip) or is_being_read(strip):
        return None
    uid, scene_name = ensure_uid(strip), strip.id_data.name

    def show(result: dict) -> None:
        over()
        readings.remember(words, result)
        for candidate in compat.all_strips(bpy.data.scenes.get(scene_name)):
            if is_prompt(candidate) and strip_settings(candidate).uid == uid:
                _show(strip_settings(candidate), words, result)
                colour(candidate)
        connection.redraw_panels()

    def over(_: str = "") -> None:
        # A failure here is no news: the generation that follows fails with the same sentence and shows it.
        if _asked.get(uid) == words:
            del _asked[uid]

    listener = Listener(done=show, failed=over, cancelled=over)
    number = connection.request("text_to_au", {"text": words}, listener, by_itself=by_itself)
    _asked[uid] = words
    return number


def show_remembered(strip: TextStrip) -> bool:
    """Show on a prompt what its words were read to mean earlier; whether there was anything to show."""
    words = prompt_words(strip).strip()
    result = readings.recall(words) if words and not is_read(strip) else None
    if result is None:
        return False
    _show(strip_settings(strip), words, result)
    colour(strip)
    return True


def _show(prompt: Any, words: str, result: dict) -> None:
    values = {au: float(result.get("aus", {}).get(au, 0.0)) for au in AU_NAMES}
    write_aus(prompt.read_aus, values)
    # Values set by hand stay; hands that were quicker than the answer begin with it.
    if not prompt.by_hand or not any(au_values(prompt.aus).values()):
        write_aus(prompt.aus, values)
    prompt.answer = str(result.get("answer", ""))
    prompt.read_text = words


def _words_changed(strip: TextStrip) -> None:
    colour(strip)
    if not strip_settings(strip).by_hand:
        read_soon(strip)


def hand_changed(prompt: Any) -> None:
    """By Hand was switched. On: it begins with what the words mean. Off: they count again."""
    strip = owner_of(prompt)
    if strip is None:
        return
    if is_read(strip):
        if not prompt.by_hand:
            write_aus(prompt.aus, au_values(prompt.read_aus))
    else:
        write_aus(prompt.aus, {})
        read_soon(strip)
    colour(strip)


def forget() -> None:
    """Nobody waits for an answer any more."""
    _asked.clear()


@bpy.app.handlers.persistent
def _on_load(*_: object) -> None:
    forget()
    _on_undo()


@bpy.app.handlers.persistent
def _on_undo(*_: object) -> None:
    for scene in bpy.data.scenes:
        for strip in filter(is_prompt, compat.all_strips(scene) if scene.library is None else ()):
            show_remembered(strip)


ADDS = Adds(
    handlers=(("load_post", _on_load), ("undo_post", _on_undo), ("redo_post", _on_undo)),
    listens=((WORDS_CHANGED, _words_changed), (HAND_CHANGED, hand_changed)),
)
