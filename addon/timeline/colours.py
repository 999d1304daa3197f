"""Prompts in the colour of their family of feeling, so that a timeline reads at a glance."""

from __future__ import annotations

from typing import Any

from bpy.types import TextStrip

from emodifftalk.core.families import emotion_family, named_emotion_family

from ..scene.strips import au_values, prompt_words, strip_settings

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


def colour(strip: TextStrip) -> None:
    """Give a prompt its family's colour, unless somebody has given it another."""
    prompt, named = strip_settings(strip), family(strip)
    if named is None or strip.color_tag != (prompt.coloured or "NONE"):
        return
    if strip.color_tag != TAGS[named]:
        strip.color_tag = prompt.coloured = TAGS[named]


def icon(strip: TextStrip) -> Any:
    """The icon of a prompt's colour, one of Blender's names."""
    return "BLANK1" if strip.color_tag == "NONE" else f"STRIP_{strip.color_tag}"
