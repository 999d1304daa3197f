"""Sentences to learn from: the corpus's own, and ones that rules put together from its vocabulary.

Degrees, negations, mixtures and frames around the words of `feelings/vocabulary.toml`; the entries of the corpus as
they are, now and then in a frame; words about nothing a face does, for the model to learn what it does not know. What
is near a held-out meaning is left out. English, synthetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..speech.languages import foreign_sentence
from .corpus import Sample, Words, vocabulary

FRAMES = (
    "{w}", "{w}", "{w}", "a {w} person", "a {w} face", "the person is {w}", "she looks {w}", "he feels {w}",
    "looking {w}", "feeling {w}", "a {w} expression", "a {w} look", "she is {w}", "he sounds {w} and looks it",
    "with a {w} face", "speaking in a {w} way", "as if {w}", "seems {w}", "becoming {w}",
    "{w}, speaking to a friend",
    "{w} voice and face", "a woman who is {w}", "a man who looks {w}", "the {w} speaker", "{w} all of a sudden",
    "quietly {w}", "they appear {w} right now", "you can tell that she is {w}", "make him {w}",
    "the actor plays it {w}",
)  # fmt: skip
NOUN_FRAMES = ("{n}", "full of {n}", "a look of {n}", "with {n}", "{n} on the face", "showing {n}", "overcome by {n}")
SITUATION_FRAMES = ("{s}", "{s}", "as if {s}", "like when {s}", "the moment when {s}")
DEGREES: tuple[tuple[str, float], ...] = (
    ("slightly {w}", 0.45), ("a little {w}", 0.5), ("barely {w}", 0.3), ("a bit {w}", 0.5), ("somewhat {w}", 0.6),
    ("mildly {w}", 0.5), ("faintly {w}", 0.45), ("rather {w}", 0.8), ("quite {w}", 0.9), ("very {w}", 1.15),
    ("really {w}", 1.15), ("extremely {w}", 1.3), ("incredibly {w}", 1.3), ("utterly {w}", 1.3), ("so {w}", 1.15),
    ("deeply {w}", 1.15), ("a tiny bit {w}", 0.3), ("fairly {w}", 0.8), ("ever so slightly {w}", 0.3),
)  # fmt: skip
NOUN_DEGREES = (("a hint of {n}", 0.3), ("a touch of {n}", 0.45), ("a trace of {n}", 0.3), ("intense {n}", 1.3))
HELD_BACK = (
    "barely contained {n}", "barely suppressed {n}", "holding back {n}", "swallowing the {n}", "{n} kept inside",
    "barely concealed {n}",
)  # fmt: skip
"""Felt almost in full, with the mouth kept shut."""
NEGATIONS = (
    "not {w}", "not {w} at all", "no longer {w}", "not {w} any more", "never {w}", "isn't {w}", "far from {w}",
    "she is not {w}", "he isn't {w}", "she isn't {w} any more", "does not look {w}", "not feeling {w}", "not even {w}",
)  # fmt: skip
NOUN_NEGATIONS = ("without {n}", "no {n}", "no sign of {n}", "without any {n}", "not a trace of {n}")
MIXTURES = (
    "{a} and {b}", "{a} but {b}", "{a} yet {b}", "{a}, a little {b}", "both {a} and {b}", "{a} person who is also {b}",
    "torn between being {a} and {b}", "{a} while also {b}",
)  # fmt: skip
FEATURE_FRAMES = (
    "{x}", "{x}", "{x}", "{d} with {x}", "{d}, {x}", "she shows {x}", "he has {x}", "a person with {x}",
    "the face shows {x}",
)  # fmt: skip
DOING_FRAMES = ("{v}", "he {v}", "she {v}", "she {v} and looks {d}", "{d}, he {v}", "the actor {v}")
MASKS = (
    ("{w} but trying to smile", "AU12 0.45"), ("a {w} person trying to smile", "AU12 0.45"),
    ("smiling although {w}", "AU12 0.55"), ("a {w} smile", "AU12 0.5"), ("a {w} half-smile", "AU12 0.4"),
    ("hiding that he is {w} behind a smile", "AU12 0.5"), ("{w}, forcing a smile", "AU12 0.55"),
    ("{w} with raised eyebrows", "AU01 0.8 + AU02 0.8"), ("{w} with lips pressed together", "AU24 0.8"),
    ("{w} with wide eyes", "AU05 0.8"), ("{w} with eyes closed", "AU45 0.95"),
    ("{w}, mouth open", "AU25 0.6 + AU26 0.7"),
)  # fmt: skip
_LETTERS = "etaoinshrdlucmfwypvbgkjqxz"


def composed(count: int, rng: np.random.Generator) -> list[Sample]:
    """`count` sentences from the vocabulary."""
    makers: tuple[Callable[[np.random.Generator], Sample], ...] = (
        *(_plain,) * 4, _degree, _degree, _noun, _situation, _negation, _negation, _mixture, _mask, _feature, _feature,
        _doing, _unrelated, _gibberish,
    )  # fmt: skip
    return [makers[rng.integers(len(makers))](rng) for _ in range(count)]


def spelled(sample: Sample, rng: np.random.Generator) -> Sample:
    """The sample as people type: capitals, a full stop, now and then letters swapped, lost or doubled."""
    text = sample.text
    chance = rng.random()
    if chance < 0.06:
        text = text.upper()
    elif chance < 0.3:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.15:
        text += _pick((".", "!", " …"), rng)
    if len(text) > 4 and rng.random() < 0.1:
        i = int(rng.integers(1, len(text) - 2))
        text = text[:i] + _pick((text[i + 1] + text[i], text[i + 1], 2 * text[i] + text[i + 1]), rng) + text[i + 2 :]
    return replace(sample, text=text)


def _pick(options, rng: np.random.Generator):
    return options[rng.integers(len(options))]


def _feeling(rng: np.random.Generator, *kinds: str) -> Words:
    """A feeling that has words of all these kinds. The last one is none at all, and said as often as five others,
    because a calm face must stay calm."""
    feelings = [words for words in vocabulary()["feeling"] if all(getattr(words, kind) for kind in kinds)]
    return feelings[min(int(rng.integers(len(feelings) + 4)), len(feelings) - 1)]


def _word(rng: np.random.Generator) -> tuple[str, str]:
    words = _feeling(rng, "adjectives")
    return _pick(words.adjectives, rng), words.recipe


def _times(recipe: str, degree: float) -> str:
    return recipe if recipe == "neutral" else f"{recipe} {degree}"


def _plain(rng) -> Sample:
    word, recipe = _word(rng)
    return Sample(_pick(FRAMES, rng).format(w=word), recipe)


def _degree(rng) -> Sample:
    (word, recipe), (words, degree) = _word(rng), _pick(DEGREES, rng)
    phrase = words.format(w=word)
    return Sample(_pick(("{w}", "{w}", "she is {w}", "looking {w}"), rng).format(w=phrase), _times(recipe, degree))


def _noun(rng) -> Sample:
    words = _feeling(rng, "nouns")
    noun, recipe, chance = _pick(words.nouns, rng), words.recipe, rng.random()
    if chance < 0.2:
        held = recipe if recipe == "neutral" else f"{recipe} 0.85 + AU24 0.45 - AU25 - AU26"
        return Sample(_pick(HELD_BACK, rng).format(n=noun), held)
    if chance < 0.4:
        text, degree = _pick(NOUN_DEGREES, rng)
        return Sample(text.format(n=noun), _times(recipe, degree))
    return Sample(_pick(NOUN_FRAMES, rng).format(n=noun), recipe)


def _situation(rng) -> Sample:
    words = _feeling(rng, "situations")
    return Sample(_pick(SITUATION_FRAMES, rng).format(s=_pick(words.situations, rng)), words.recipe)


def _negation(rng) -> Sample:
    chance = rng.random()
    if chance < 0.15:
        return Sample(_pick(NOUN_NEGATIONS, rng).format(n=_pick(_feeling(rng, "nouns").nouns, rng)), "neutral")
    if chance < 0.25:
        return Sample("not " + _pick(_pick(vocabulary()["feature"], rng).phrases, rng), "neutral")
    return Sample(_pick(NEGATIONS, rng).format(w=_word(rng)[0]), "neutral")


def _mixture(rng) -> Sample:
    (a, one), (b, other) = _word(rng), _word(rng)
    return Sample(_pick(MIXTURES, rng).format(a=a, b=b), f"{_times(one, 0.85)} + {_times(other, 0.75)}")


def _mask(rng) -> Sample:
    (word, recipe), (words, extra) = _word(rng), _pick(MASKS, rng)
    return Sample(words.format(w=word), f"{_times(recipe, 0.85)} + {extra}")


def _feature(rng) -> Sample:
    return _framed(_pick(vocabulary()["feature"], rng), _pick(FEATURE_FRAMES, rng), rng)


def _doing(rng) -> Sample:
    return _framed(_pick(vocabulary()["doing"], rng), _pick(DOING_FRAMES, rng), rng)


def _framed(words: Words, frame: str, rng) -> Sample:
    phrase = _pick(words.phrases, rng)
    if rng.random() < 0.5:
        phrase = phrase.replace(" the ", _pick((" her ", " his "), rng))
    word, recipe = _word(rng)
    mixed = f"{_times(recipe, 0.8)} + {words.recipe}" if "{d}" in frame else words.recipe
    return Sample(frame.format(x=phrase, v=phrase, d=word), mixed)


def _unrelated(rng) -> Sample:
    if rng.random() < 0.4:
        return Sample(foreign_sentence(rng)[1], "neutral", known=False)
    return Sample(_pick(vocabulary()["unrelated"][0].phrases, rng), "neutral", known=False)


def _gibberish(rng) -> Sample:
    """Letters in no order, or the letters of a word shuffled: nothing anybody could read."""
    words = ["".join(_pick(_LETTERS, rng) for _ in range(rng.integers(3, 10))) for _ in range(rng.integers(1, 4))]
    return Sample(" ".join(words), "neutral", known=False)
