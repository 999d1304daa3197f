"""From what people type to sentences the encoder reads: emoji by their names, other languages word by word, length.

Emoji are read by their Unicode names (“FACE SCREAMING IN FEAR”), so none has to be listed. Words of a dozen languages
for feelings stand in `words_of_feeling.toml`; anything else in another language is left for the model not to know.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import lru_cache
from pathlib import Path

from ..core.opening import read_text

_LONGEST = 40  # words that are read at once; MiniLM's meaning of more of them is a blur
_MOST = 128  # pieces of one prompt
_EDGES = re.compile(r"(?<=[.!?;…。！？])\s+|\n+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def sentences(text: str) -> list[str]:
    """A prompt as the sentences to read, one for most prompts; none when there is no letter, digit or emoji in it."""
    text = " ".join(_spoken(unicodedata.normalize("NFKC", text)).split("\x00"))
    parts = [" ".join(part.split()) for part in (_EDGES.split(text) if len(text.split()) > _LONGEST else [text])]
    pieces = []
    for part in parts:
        words = part.split()
        pieces += [" ".join(words[i : i + _LONGEST]) for i in range(0, len(words), _LONGEST)]
    return [_english(piece) for piece in pieces if any(c.isalnum() for c in piece)][:_MOST]


def _spoken(text: str) -> str:
    """Emoji replaced by their names in small letters."""
    spoken = []
    for c in text:
        if unicodedata.category(c) in ("So", "Sk") and ord(c) > 0x2100:
            name = unicodedata.name(c, "").lower()
            spoken.append("" if name.startswith("emoji modifier") else f" {name} ")
        else:
            spoken.append("" if unicodedata.category(c) in ("Cf", "Mn", "Cs", "Co", "Cn") else c)
    return "".join(spoken)


def _english(sentence: str) -> str:
    """Known words of feeling in other languages, in English; the whole sentence is left alone when there is none.

    A word that English has too is not translated (“rage”, “content”): `words_of_feeling.toml` leaves those out.
    """
    table = _words_of_feeling()
    whole = sentence.casefold().strip(" .!?…。！？")
    if whole in table:
        return table[whole]
    words = [table[word.casefold()] for word in _WORD.findall(sentence) if word.casefold() in table]
    if not words:  # scripts without blanks between their words
        words = [english for word, english in table.items() if ord(word[0]) > 0x2E80 and word in whole]
    return " and ".join(dict.fromkeys(words)) if words else sentence


@lru_cache(maxsize=1)
def _words_of_feeling() -> dict[str, str]:
    languages = tomllib.loads(read_text(Path(__file__).with_name("words_of_feeling.toml")))
    pairs = [(word, english) for words in languages.values() for english, said in words.items() for word in said]
    return {word.casefold(): english for word, english in pairs}
