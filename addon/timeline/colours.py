"""Prompts in the colour of their family of feeling, so that a timeline reads at a glance."""

from __future__ import annotations

from bpy.types import Strip

from emodifftalk.core.families import emotion_family, named_emotion_family

from ..scene.strips import au_values, prompt_words

TAGS: dict[str, str] = {
    "joy": "COLOR_03",
    "anger": "COLOR_01",
    "sadness": "COLOR_05",
    "fear": "COLOR_06",
    "surprise": "COLOR_02",
    "disgust": "COLOR_04",
    "neutral": "COLOR_09",
}
"""Blender's strip colours: yellow, red, blue, purple, orange, green, grey."""


def family(strip: Strip) -> str | None:
    """A prompt's family: of its action units, or before they are known of the label its words name; else None."""
    kept, words = strip.emodifftalk, prompt_words(strip).strip()
    if kept.by_hand or (words and kept.read_text == words):
        return emotion_family(au_values(kept.aus))
    return named_emotion_family(words)


def colour(strip: Strip) -> None:
    """Give a prompt its family's colour, unless somebody has given it another."""
    kept, found = strip.emodifftalk, family(strip)
    if found is None or strip.color_tag != (kept.coloured or "NONE"):
        return
    if strip.color_tag != TAGS[found]:
        strip.color_tag = kept.coloured = TAGS[found]


def icon(strip: Strip) -> str:
    """The icon of a prompt's colour."""
    return "BLANK1" if strip.color_tag == "NONE" else f"STRIP_{strip.color_tag}"
