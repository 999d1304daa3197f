"""Sentences that describe faces, with the action units they mean, generated from FACS knowledge.

The paper had a language model write its data (EmoDiffTalk supplement 8); ours is composed from `feelings` by rules that
can be read: degrees, negations, mixtures, sentence frames. Synthetic and English. Words, situations, frames and
mixtures of the test splits never appear in training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.facs import AU_INDEX, AU_NAMES
from .feelings import ACTIONS, FEELINGS, OFF_TOPIC, VERBS, AUs

TRAIN_FRAMES = (
    "{w}", "{w}", "{w}", "a {w} person", "a {w} face", "the person is {w}", "she looks {w}", "he feels {w}",
    "looking {w}",
    "feeling {w}", "a {w} expression", "a {w} look", "she is {w}", "he sounds {w} and looks it", "with a {w} face",
    "speaking in a {w} way", "as if {w}", "seems {w}", "becoming {w}", "{w}, speaking to a friend",
    "{w} voice and face",
    "a woman who is {w}", "a man who looks {w}", "the {w} speaker", "{w} all of a sudden", "quietly {w}",
)  # fmt: skip
TEST_FRAMES = ("they appear {w} right now", "you can tell that she is {w}", "make him {w}", "the actor plays it {w}")
NOUN_FRAMES = ("{n}", "full of {n}", "a look of {n}", "with {n}", "{n} on the face", "showing {n}", "overcome by {n}")
SITUATION_FRAMES = ("{s}", "as if {s}", "like when {s}", "the moment when {s}")
DEGREES: tuple[tuple[str, float], ...] = (
    ("slightly {w}", 0.45), ("a little {w}", 0.5), ("barely {w}", 0.3), ("a bit {w}", 0.5), ("somewhat {w}", 0.6),
    ("mildly {w}", 0.5), ("faintly {w}", 0.35), ("rather {w}", 0.85), ("quite {w}", 0.9), ("very {w}", 1.15),
    ("really {w}", 1.15), ("extremely {w}", 1.35), ("incredibly {w}", 1.3), ("utterly {w}", 1.3), ("so {w}", 1.1),
    ("deeply {w}", 1.2),
)  # fmt: skip
NOUN_DEGREES = (("a hint of {n}", 0.4), ("a touch of {n}", 0.4), ("a trace of {n}", 0.35), ("intense {n}", 1.25))
HELD_BACK = (
    "barely contained {n}", "barely suppressed {n}", "holding back {n}", "swallowing the {n}", "{n} kept inside",
)  # fmt: skip
"""Felt almost in full, with the mouth kept shut."""
NEGATIONS = (
    "not {w}", "not {w} at all", "no longer {w}", "not {w} any more", "never {w}", "isn't {w}", "far from {w}",
    "she is not {w}", "he isn't {w}", "she isn't {w} any more", "does not look {w}", "not feeling {w}", "not even {w}",
)  # fmt: skip
NOUN_NEGATIONS = ("without {n}", "no {n}", "no sign of {n}", "without any {n}", "not a trace of {n}")
MIXTURES = (
    "{a} and {b}",
    "{a} but {b}",
    "{a} yet {b}",
    "{a}, a little {b}",
    "both {a} and {b}",
    "{a} person who is also {b}",
)
TEST_MIXTURES = ("torn between being {a} and {b}", "{a} while also {b}")
ACTION_FRAMES = (
    "{x}", "{x}", "{x}", "{d} with {x}", "{d}, {x}", "she shows {x}", "he has {x}", "a person with {x}",
    "the face shows {x}",
)  # fmt: skip
VERB_FRAMES = ("{v}", "he {v}", "she {v}", "she {v} and looks {d}", "{d}, he {v}", "the actor {v}")
MASKS = (
    ("{w} but trying to smile", {"AU12": 0.45}),
    ("a {w} person trying to smile", {"AU12": 0.45}),
    ("smiling although {w}", {"AU12": 0.55}),
    ("a {w} smile", {"AU12": 0.5}),
    ("a {w} half-smile", {"AU12": 0.35}),
    ("hiding that he is {w} behind a smile", {"AU12": 0.5}),
    ("{w}, forcing a smile", {"AU12": 0.55}),
    ("{w} with raised eyebrows", {"AU01": 0.7, "AU02": 0.7}),
    ("{w} with lips pressed together", {"AU24": 0.7}),
    ("{w} with wide eyes", {"AU05": 0.8}),
    ("{w} with eyes closed", {"AU45": 0.95}),
    ("{w}, mouth open", {"AU25": 0.6, "AU26": 0.7}),
)
TRYING_NOT = (("trying not to laugh", {"AU06": 0.35, "AU12": 0.4, "AU24": 0.5}),
              ("suppressing a smile", {"AU12": 0.35, "AU14": 0.35, "AU24": 0.4}),
              ("holding back tears", {"AU01": 0.8, "AU04": 0.4, "AU15": 0.5, "AU17": 0.5, "AU24": 0.3}),
              ("on the verge of tears", {"AU01": 0.85, "AU04": 0.45, "AU15": 0.7, "AU17": 0.6}),
              ("trying not to cry", {"AU01": 0.8, "AU04": 0.4, "AU15": 0.5, "AU17": 0.6, "AU24": 0.3}),
              ("biting back anger", {"AU04": 0.7, "AU07": 0.5, "AU23": 0.4, "AU24": 0.6}),
              ("joyfully surprised", {"AU01": 0.5, "AU02": 0.6, "AU05": 0.4, "AU06": 0.5, "AU12": 0.7, "AU25": 0.4}),
              ("a happy surprise", {"AU01": 0.5, "AU02": 0.6, "AU05": 0.4, "AU06": 0.5, "AU12": 0.7, "AU25": 0.4}),
              ("relieved but still shaking", {"AU01": 0.5, "AU04": 0.2, "AU06": 0.2, "AU12": 0.4, "AU25": 0.25}),
              ("tears of joy", {"AU01": 0.5, "AU06": 0.7, "AU12": 0.85, "AU25": 0.3}))  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """A sentence and its action units (17,) float32 in 0..1."""

    text: str
    aus: np.ndarray


def vector(aus: AUs, degree: float = 1.0) -> np.ndarray:
    """AU intensities (17,) float32 of a table, times a degree, at most 1."""
    found = np.zeros(len(AU_NAMES), np.float32)
    for name, value in aus.items():
        found[AU_INDEX[name]] = value
    return (found * degree).clip(0, 1)


def merge(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Two expressions on one face: the stronger of each unit, while the opposites 12 and 15 weaken each other."""
    found = np.maximum(a, b)
    up, down = AU_INDEX["AU12"], AU_INDEX["AU15"]
    clash = min(found[up], found[down])
    found[[up, down]] -= 0.4 * clash
    return found


def training_samples(count: int, seed: int) -> list[Sample]:
    """`count` sentences to learn from."""
    rng = np.random.default_rng(seed)
    makers = (
        *(_plain,) * 5, _degree, _noun, _situation, _situation, _negation, _negation, _mixture, _mask, _action, _action,
        _verb, _special, _special, _off_topic,
    )  # fmt: skip
    return [_spelled(makers[rng.integers(len(makers))](rng), rng) for _ in range(count)]


def test_samples() -> dict[str, list[Sample]]:
    """What training never saw: `words` and `situations` in known frames, known words in new `frames`, `mixtures`."""
    rng = np.random.default_rng(99)
    words, situations, frames, mixtures = [], [], [], []
    for feeling in FEELINGS:
        for word in feeling.unseen:
            words += [Sample(frame.format(w=word), vector(feeling.aus)) for frame in ("{w}", "she looks {w}")]
        situations += [Sample(s, vector(feeling.aus)) for s in feeling.unseen_situations]
        frames += [Sample(frame.format(w=feeling.adjectives[0]), vector(feeling.aus)) for frame in TEST_FRAMES]
    for _ in range(40):
        a, b = (FEELINGS[i] for i in rng.choice(len(FEELINGS) - 1, 2, replace=False))
        frame = TEST_MIXTURES[rng.integers(len(TEST_MIXTURES))]
        aus = merge(vector(a.aus, 0.85), vector(b.aus, 0.75))
        mixtures.append(Sample(frame.format(a=_pick(a.adjectives, rng), b=_pick(b.adjectives, rng)), aus))
    return {"words": words, "situations": situations, "frames": frames, "mixtures": mixtures}


def _pick(options, rng: np.random.Generator):
    return options[rng.integers(len(options))]


def _feeling(rng: np.random.Generator):
    # The last one is no feeling: said as often as five others, because a calm face must stay calm.
    return FEELINGS[min(int(rng.integers(len(FEELINGS) + 4)), len(FEELINGS) - 1)]


def _plain(rng) -> Sample:
    feeling = _feeling(rng)
    return Sample(_pick(TRAIN_FRAMES, rng).format(w=_pick(feeling.adjectives, rng)), vector(feeling.aus))


def _degree(rng) -> Sample:
    feeling, (words, degree) = _feeling(rng), _pick(DEGREES, rng)
    phrase = words.format(w=_pick(feeling.adjectives, rng))
    return Sample(_pick(("{w}", "{w}", "she is {w}", "looking {w}"), rng).format(w=phrase), vector(feeling.aus, degree))


def _noun(rng) -> Sample:
    feeling = _feeling(rng)
    chance = rng.random()
    if chance < 0.2:
        return Sample(_pick(HELD_BACK, rng).format(n=_pick(feeling.nouns, rng)), _held_back(vector(feeling.aus, 0.85)))
    if chance < 0.4:
        words, degree = _pick(NOUN_DEGREES, rng)
        return Sample(words.format(n=_pick(feeling.nouns, rng)), vector(feeling.aus, degree))
    return Sample(_pick(NOUN_FRAMES, rng).format(n=_pick(feeling.nouns, rng)), vector(feeling.aus))


def _held_back(aus: np.ndarray) -> np.ndarray:
    if not aus.any():
        return aus
    return np.maximum(aus * (1 - vector({"AU25": 1.0, "AU26": 1.0})), vector({"AU24": 0.45}))


def _situation(rng) -> Sample:
    feeling = _feeling(rng)
    return Sample(_pick(SITUATION_FRAMES, rng).format(s=_pick(feeling.situations, rng)), vector(feeling.aus))


def _negation(rng) -> Sample:
    feeling = _feeling(rng)
    chance = rng.random()
    if chance < 0.15:
        return Sample(_pick(NOUN_NEGATIONS, rng).format(n=_pick(feeling.nouns, rng)), vector({}))
    if chance < 0.25:
        return Sample("not " + _pick(_pick(ACTIONS, rng)[1], rng), vector({}))
    return Sample(_pick(NEGATIONS, rng).format(w=_pick(feeling.adjectives, rng)), vector({}))


def _mixture(rng) -> Sample:
    a, b = _feeling(rng), _feeling(rng)
    words = _pick(MIXTURES, rng).format(a=_pick(a.adjectives, rng), b=_pick(b.adjectives, rng))
    return Sample(words, merge(vector(a.aus, 0.85), vector(b.aus, 0.75)))


def _mask(rng) -> Sample:
    feeling, (words, extra) = _feeling(rng), _pick(MASKS, rng)
    return Sample(words.format(w=_pick(feeling.adjectives, rng)), merge(vector(feeling.aus, 0.85), vector(extra)))


def _action(rng) -> Sample:
    aus, phrases = _pick(ACTIONS, rng)
    frame, phrase = _pick(ACTION_FRAMES, rng), _pick(phrases, rng)
    if "{d}" not in frame:
        return Sample(frame.format(x=phrase), vector(aus))
    feeling = _feeling(rng)
    return Sample(
        frame.format(d=_pick(feeling.adjectives, rng), x=phrase), merge(vector(feeling.aus, 0.8), vector(aus))
    )


def _verb(rng) -> Sample:
    aus, phrases = _pick(VERBS, rng)
    frame, verb = _pick(VERB_FRAMES, rng), _pick(phrases, rng)
    if rng.random() < 0.5:
        verb = verb.replace(" the ", _pick((" her ", " his "), rng))
    if "{d}" not in frame:
        return Sample(frame.format(v=verb), vector(aus))
    feeling = _feeling(rng)
    words = frame.format(v=verb, d=_pick(feeling.adjectives, rng))
    return Sample(words, merge(vector(feeling.aus, 0.8), vector(aus)))


def _special(rng) -> Sample:
    words, aus = _pick(TRYING_NOT, rng)
    return Sample(_pick(("{w}", "she is {w}", "he seems to be {w}"), rng).format(w=words), vector(aus))


def _off_topic(rng) -> Sample:
    return Sample(_pick(OFF_TOPIC, rng), vector({}))


def _spelled(sample: Sample, rng) -> Sample:
    """People type as they like: capitals, a full stop, now and then a letter swapped or lost."""
    text = sample.text
    if rng.random() < 0.3:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.15:
        text += _pick((".", "!", " …"), rng)
    if len(text) > 4 and rng.random() < 0.06:
        i = int(rng.integers(1, len(text) - 2))
        swapped = text[i + 1] + text[i] if rng.random() < 0.5 else text[i + 1]
        text = text[:i] + swapped + text[i + 2 :]
    return Sample(text, sample.aus)
