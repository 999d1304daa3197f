"""Prompts in the colour of their family of feeling, so that a timeline reads at a glance.

Where there are several heads, voices and prompts have the colour of theirs.
"""

from __future__ import annotations

from typing import Any

from bpy.types import Strip, TextStrip

from emodifftalk.core.families import emotion_family, named_emotion_family

from ..scene.strips import au_values, is_prompt, prompt_words, strip_settings
from .whose import Cast, cast_of

TAGS: dict[str, Any] = {
    "joy": "COLOR_03",
    "anger": "COLOR_01",
    "sadness": "COLOR_05",
    "fear": "COLOR_06",
    "surprise": "COLOR_02",
    "disgust": "COLOR_04",
    "neutral": "COLOR_09",
}
"""Blender's strip colours: yellow, red, blue, purple, orange, green, grey. Any, for the stubs want them written out."""


def family(strip: TextStrip) -> str | None:
    """A prompt's family: of its action units, or before they are known of the label its words name; else None."""
    prompt, words = strip_settings(strip), prompt_words(strip).strip()
    if prompt.by_hand or (words and prompt.read_text == words):
        return emotion_family(au_values(prompt.aus))
    return named_emotion_family(words)


def colour(strip: Strip, cast: Cast | None = None) -> None:
    """Give a strip the colour of its head, where there are several, else that of its family of feeling, unless somebody
    has given it another. cast: who has strips beside it, when that is known already."""
    known = strip_settings(strip)
    if strip.color_tag != (known.coloured or "NONE"):
        return
    wanted: Any = (cast or cast_of(strip.id_data)).colour(strip) or _of_feeling(strip)  # type: ignore[arg-type]  # a scene
    if strip.color_tag != wanted:
        strip.color_tag = wanted
        known.coloured = "" if wanted == "NONE" else wanted


def _of_feeling(strip: Strip) -> str:
    named = family(strip) if is_prompt(strip) else None
    return "NONE" if named is None else TAGS[named]


def icon(strip: TextStrip) -> Any:
    """The icon of a prompt's feeling, or of the colour that somebody has given it; one of Blender's names."""
    by_hand = strip.color_tag != (strip_settings(strip).coloured or "NONE")
    tag = strip.color_tag if by_hand else _of_feeling(strip)
    return "BLANK1" if tag == "NONE" else f"STRIP_{tag}"
