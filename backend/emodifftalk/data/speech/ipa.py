"""From the International Phonetic Alphabet, any language, to the mouth shapes of our table, by articulation.

What the lips and jaw do decides, not what the tongue does unseen: a rounded front vowel looks like the rounded back
vowel of its height, a uvular r like a breath in the throat, a palatal like its nearest neighbour.
"""

from __future__ import annotations

import logging
import unicodedata

_LOG = logging.getLogger(__name__)

# IPA → (ARPAbet symbol, whether it stays instead of gliding like the English diphthong of that name).
_SOUNDS: dict[str, tuple[str, bool]] = {
    **{name: (symbol, False) for name, symbol in {
        # Lips
        "p": "p", "b": "b", "m": "m", "ɓ": "b", "f": "f", "v": "v", "ɱ": "v", "ʋ": "v", "β": "v", "ɸ": "f",
        "w": "w", "ʍ": "w", "ɥ": "w",
        # Tongue tip; a rolled or tapped r leaves the lips alone, unlike the English r
        "θ": "th", "ð": "dh", "t": "t", "ʈ": "t", "d": "d", "ɖ": "d", "ɗ": "d", "ɾ": "d", "ɽ": "d", "r": "l",
        "s": "s", "z": "z", "n": "n", "ɳ": "n", "l": "l", "ɫ": "l", "ɭ": "l", "ɬ": "l", "ɮ": "l", "ʎ": "l", "ʟ": "l",
        "ɺ": "l", "ɹ": "r", "ɻ": "r", "ʙ": "b", "ǀ": "t", "ǃ": "t", "ǁ": "l",
        # Behind the teeth, mostly with rounded lips
        "ʃ": "sh", "ʂ": "sh", "ɕ": "sh", "ɧ": "sh", "ʒ": "zh", "ʐ": "zh", "ʑ": "zh",
        "tʃ": "ch", "tɕ": "ch", "tʂ": "ch", "ʈʂ": "ch", "dʒ": "jh", "dʑ": "jh", "dʐ": "jh", "ɖʐ": "jh",
        # Palate, throat
        "j": "y", "ʝ": "y", "ç": "y", "ɲ": "n", "c": "k", "ɟ": "g", "k": "k", "q": "k", "g": "g", "ɡ": "g", "ɢ": "g",
        "ŋ": "ng", "ɴ": "ng", "x": "hh", "χ": "hh", "ħ": "hh", "h": "hh", "ɦ": "hh", "ɣ": "hh", "ʁ": "hh", "ʀ": "hh",
        "ɰ": "hh", "ʕ": "hh",
        # Spread and open vowels
        "i": "iy", "ɪ": "ih", "ɨ": "ih", "ɯ": "ih", "ᵻ": "ih", "ɛ": "eh", "æ": "ae", "ɑ": "aa", "ɒ": "aa",
        "ʌ": "ah", "ɤ": "ah", "ɐ": "ah", "ə": "ax", "ɘ": "ax", "ᵊ": "ax", "ɜ": "er", "ɝ": "er", "ɚ": "er",
        # Rounded vowels
        "u": "uw", "y": "uw", "ʉ": "uw", "ʊ": "uh", "ʏ": "uh", "ɵ": "uh", "ɞ": "uh", "ɔ": "ao",
        # Diphthongs
        "aɪ": "ay", "eɪ": "ey", "aʊ": "aw", "oʊ": "ow", "əʊ": "ow", "ɔɪ": "oy",
    }.items()},
    "a": ("ay", True), "e": ("ey", True), "o": ("ow", True), "ø": ("ow", True), "œ": ("oy", True), "ɶ": ("oy", True),
}  # fmt: skip
_LONGEST = max(map(len, _SOUNDS))


def mouth_shapes(name: str) -> list[tuple[str, bool]]:
    """ARPAbet symbols that a mouth passes through in one sound, each with whether it stays or glides.

    name: one phoneme in IPA. Empty for what is not a sound of its own (length, tone, a glottal stop): the sound before
    goes on. A letter that is not known is said in the log and taken as a half-open mouth, never as silence.
    """
    letters = [c for c in unicodedata.normalize("NFD", name.replace("ç", "\0")) if c == "\0" or _is_sound(c)]
    text = "".join(letters).replace("\0", "ç")
    shapes, at = [], 0
    while at < len(text):
        for length in range(_LONGEST, 0, -1):
            if text[at : at + length] in _SOUNDS:
                shapes.append(_SOUNDS[text[at : at + length]])
                break
        else:
            length = 1
            _LOG.warning("The sound “%s” is not in the table of mouth shapes: taken as a half-open mouth.", name)
            shapes.append(("ax", False))
        at += length
    if "ʷ" in name and shapes and shapes[-1][0] != "w":
        shapes.append(("w", False))
    return shapes


def _is_sound(letter: str) -> bool:
    """Not a diacritic, a length or tone mark, a glottal stop, or punctuation that espeak-ng leaves in a name."""
    if letter in "ʔ" or not letter.isalpha():
        return False
    return unicodedata.category(letter) != "Lm"
