"""Labelled speech without recordings: many synthetic voices, exact phoneme times, and the wear of real microphones.

All of it is synthetic and said to be so. Held out, never trained on: the flite voice `slt`, the espeak variant `f5`,
and the sentences of `TEST_SENTENCES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from .synthesizers import SAMPLE_RATE, Phoneme, Utterance, espeak, flite

HELD_OUT_FLITE = "slt"
HELD_OUT_ESPEAK = "gmw/en-US+f5"
TRAIN_FLITE = ("kal", "kal16", "awb", "rms", "rms", "awb")
TRAIN_ESPEAK = tuple(
    f"{accent}+{variant}"
    for accent in ("gmw/en", "gmw/en-US", "gmw/en-GB-scotland", "gmw/en-GB-x-rp", "gmw/en-029")
    for variant in ("m1", "m2", "m3", "m4", "m5", "m7", "f1", "f2", "f3", "f4", "Alex", "linda", "Michael")
)

TEST_SENTENCES = (
    "My mother baked a pumpkin pie before breakfast.",
    "Bob promised to bring a map and a lamp to the camp.",
    "Please remember to put the empty cup back on the table.",
    "A brown bear bumped the apple barrel by the pump.",
    "Some people believe that a perfect home needs a piano.",
    "Pam hopes to become a member of the rowing club.",
    "The ambulance moved past my building at midnight.",
    "Maybe we could jump into the pool after supper.",
    "I'm amazed how many maple boats appeared in the harbour.",
    "Tom's puppy slept upon a pile of paper and ribbon.",
)

_SUBJECTS = (
    "I", "we", "they", "my brother", "the captain", "a young painter", "nobody", "your neighbour", "the whole family",
    "both of them", "the tall woman", "an old sailor", "the baby", "somebody", "her uncle Jim", "the mayor", "Sophie",
    "three good friends", "the boy with the drum", "our new teacher", "the audience", "Victor", "the chef", "my boss",
)  # fmt: skip
_VERBS = (
    "wants to buy", "has never seen", "will probably forget", "dreamed about", "should measure", "could not believe",
    "found", "laughed about", "always moves", "put away", "is looking for", "gave back", "must wash", "threw out",
    "whispered about", "would love to have", "keeps", "bought", "described", "shoved", "enjoys", "wrapped up", "chose",
    "pulled", "hopes to fix", "was painting", "broke", "saw", "touched", "feels", "might join", "bumped into",
)  # fmt: skip
_OBJECTS = (
    "a big blue balloon", "the broken umbrella", "five warm waffles", "an amber bottle", "some very fresh fish",
    "the usual treasure", "a wooden bridge", "nothing at all", "the old photograph", "a pair of purple boots",
    "the moon over the water", "a huge orange", "my favourite book", "the garden path", "a cup of black coffee",
    "the church bell", "two thin feathers", "the television", "a foolish wish", "a map of the mountains", "the job",
    "a heavy pump", "the yellow van", "a voice in the choir", "a jar of jam", "the measure of joy", "this and that",
)  # fmt: skip
_ENDS = (
    "in the morning", "before the rain began", "with both hands", "without a word", "again and again", "for my sake",
    "at the bottom of the hill", "near the bus stop", "after the show", "because of the weather", "above the trees",
    "while we were asleep", "on Thursday", "by mistake", "at half past five", "from room to room", "in a moment", "",
    "under the pier", "just for fun", "out of habit", "with a smile", "and then went home", "to be polite", "",
)  # fmt: skip
_OPENERS = (
    "", "", "", "Well, ", "Oh no, ", "Maybe ", "Honestly, ", "You know what, ", "Hmm, ", "Look, ", "Of course ",
    "Wow! ", "To be honest, ", "Believe me, ", "Please listen: ", "I think ", "By the way, ", "Um, ", "So, ",
    "Why? Because ",
)  # fmt: skip
_SHORT = (
    "Yes!", "No way.", "Are you sure about that?", "What a beautiful morning!", "Stop it, please.", "Hello there.",
    "Why would you do such a thing?", "I am so proud of you.", "Maybe. Maybe not.", "Thank you very much.",
    "Papa, mama, baby.", "Boom, boom, boom!", "Five, four, three, two, one, zero.", "We were away a year ago.",
    "Shall I show you the fashion show?", "Who knew you would lose your new blue shoes?", "Mmm, that is good.",
    "He wove five violet scarves for Eve.", "Think of this, that, these and those things.",
    "Peter Piper picked a peck of pickled peppers.", "She sells sea shells by the sea shore.", "Ahhh, I see.",
    "Bright blue bubbles pop above the beach.", "My new amber lamp hums at home.", "Do you have some time?",
)  # fmt: skip


_WORDS = tuple(
    """about above abrupt adventure afternoon alive almost already always amber among animal answer anybody
    apple apron argue arm army around asleep autumn avenue baby bacon badge balcony bamboo banana basket bath
    beach beauty become before behave below beneath bicycle birthday bishop blanket blood blossom board body
    bonfire boost borrow bottom bowl boy branch brave breathe brilliant broom brush bubble budget bumble bump
    bush button buzz cabbage cable camera campfire candle canoe capable carpet castle cave ceiling chamber
    champion chance cheap cheese cherry chicken chimney chop church circle clap climb club coffee combine
    comfort common compass complete copper cough could cousin cowboy crab crumb culture cupboard damp dangerous
    daughter deep delight deliver describe develop dive double doubt dove dream drop drum dumb dump eager early
    earth edge eight elbow elephant embrace empty enough envelope escape evening everybody everywhere example
    fabulous famous farm father favour feather fever fifty film finger fire five flame flavour float flour
    flower fog follow food foot forbid forever forgive fork forty found foundation framework freedom fresh frog
    fumble future gamble garage gather gentle giant give glamour glimpse globe glove goodbye grape gravity group
    grow habit half hammer hamper handsome happen harbour harvest haven heaven heavy helmet help hobby hollow
    home hope horrible house hover huge human humble hundred hurry imagine impossible improve invite island
    jacket jam jealous jelly job join journey joy judge juice July jump jumper June keep kidnap kingdom knob
    lamb lamp language laughter lazy leaf leather lemon leopard level library life lift limb lively loop love
    loyal lumber lump machine magic mammal many map marble measure memory method middle might mild million mimic
    miracle mirror mob moment money monkey month mood moon moral mother mountain mouth move mumble museum music
    mushroom myth name napkin nearby never noble nobody noise north nothing number oak obey observe obvious
    ocean off often onion open opera orange orphan other oven over owl oyster package palm panic paper parade
    parsley path patient peace peach people pepper perfume person phone photo piano pillow pilot pipe plan
    pleasure plum poem point poppy possible pot powder pretty problem profit prove public pudding pulp pump
    puppet puzzle quiet quilt rabbit rainbow rapid raw remember reply river robe robin robot rooster rough royal
    rub ruby rumble sample scarf seven shadow shape shave sheep shelf shepherd shoulder shove shrimp shrub
    silver simple sixty slap sleep slip smooth snap soap soft someone soup south spoil spoon stamp steam stop
    storm strawberry stumble submarine subtle summer supper surf surprise swamp swim sympathy table tempo temple
    texture theatre them thick thief thimble thirsty thousand thrive throat through thumb thunder timber
    toothpaste top tough toy tram treasure triumph trouble truth tube tulip turnip twelve twist umbrella uncle
    unfair usual valley value vampire van velvet verb very village violin visible vision voice volume voyage
    wafer wage walk wander warm wash watch weapon web weave wharf wheel when where whip whole why window wish
    wolf woman wonder wood world worth would wrap yawn year yellow yes young youth zebra zero zigzag zip zone""".split()
)


def sentence(rng: np.random.Generator) -> str:
    """A new sentence: mostly sense, sometimes a short exclamation, a number, or words in no order for rare contexts."""
    kind = rng.random()
    if kind < 0.15:
        return str(rng.choice(_SHORT))
    if kind < 0.2:
        return f"That makes {rng.integers(2, 9000)} and {rng.integers(2, 90)}, {rng.choice(_WORDS)}."
    if kind < 0.45:
        words = [str(word) for word in rng.choice(_WORDS, int(rng.integers(4, 9)))]
        if rng.random() < 0.4:
            words[len(words) // 2] += ","
        return " ".join(words).capitalize() + str(rng.choice([".", "!", "?"]))
    words = " ".join(str(rng.choice(part)) for part in (_SUBJECTS, _VERBS, _OBJECTS, _ENDS)).strip()
    text = str(rng.choice(_OPENERS)) + words + str(rng.choice([".", ".", "!", "?", "..."]))
    return text[0].upper() + text[1:]


def generate(count: int, seed: int, split: str = "train") -> Iterator[Utterance]:
    """`count` utterances, the same for the same seed (espeak-ng's own timing varies a little).

    split: `train` training voices, worn by augmentation; `voices` new sentences by the training voices, clean;
    `test` TEST_SENTENCES by flite slt, clean; `test_espeak` TEST_SENTENCES by the espeak variant held out, clean.
    Raises UserError when a synthesizer is not installed.
    """
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        if split == "test":
            yield flite(TEST_SENTENCES[i % len(TEST_SENTENCES)], HELD_OUT_FLITE)
        elif split == "test_espeak":
            yield espeak().speak(TEST_SENTENCES[i % len(TEST_SENTENCES)], HELD_OUT_ESPEAK)
        elif split == "voices":
            yield _spoken(TEST_SENTENCES[i % len(TEST_SENTENCES)], 1.0, rng)
        elif rng.random() < 0.03:
            yield augment(_nobody(rng), rng)
        else:
            # Played faster, a voice is higher and its throat smaller: men become women and children.
            size = float(np.exp(rng.uniform(np.log(0.9), np.log(1.32))))
            utterance = _faster(_spoken(sentence(rng), size, rng), size)
            yield augment(pad(utterance, rng.uniform(0.05, 0.8), rng.uniform(0.1, 0.9)), rng)


def _spoken(text: str, size: float, rng: np.random.Generator) -> Utterance:
    """`text` by a training voice, slowed down by `size` so that playing it that much faster sounds usual."""
    if rng.random() < 0.6:
        voice = str(rng.choice(TRAIN_FLITE))
        pitch = float(rng.uniform(85, 200)) if rng.random() < 0.6 and voice != "kal" else 0.0
        return flite(text, voice, size * float(rng.uniform(0.8, 1.3)), pitch)
    rate, pitch = int(rng.uniform(125, 230) / size), int(rng.uniform(15, 75))
    return espeak().speak(text, str(rng.choice(TRAIN_ESPEAK)), max(rate, 80), pitch, int(rng.uniform(20, 90)))


def _nobody(rng: np.random.Generator) -> Utterance:
    """A room in which nobody speaks: clicks and hum, so that sound alone does not open the mouth."""
    wave = np.zeros(round(rng.uniform(1.5, 4.0) * SAMPLE_RATE), np.float32)
    for at in rng.integers(0, len(wave) - 400, int(rng.integers(0, 5))):
        wave[at : at + 400] += rng.uniform(0.01, 0.2) * rng.normal(size=400) * np.exp(-np.arange(400) / 60)
    hum = np.sin(2 * np.pi * rng.uniform(48, 400) * np.arange(len(wave)) / SAMPLE_RATE)
    wave += (rng.uniform(0.0, 0.05) * hum + rng.uniform(0.0003, 0.02) * rng.normal(size=len(wave))).astype(np.float32)
    return Utterance(wave, (Phoneme("pau", 0.0, len(wave) / SAMPLE_RATE),), "", "nobody")


def pad(utterance: Utterance, before: float, after: float) -> Utterance:
    """With so many seconds of silence before and after, so that resting is learned, and measured, too."""
    silence = [np.zeros(round(t * SAMPLE_RATE), np.float32) for t in (before, after)]
    shift = len(silence[0]) / SAMPLE_RATE
    phonemes = tuple(replace(p, start=p.start + shift, end=p.end + shift) for p in utterance.phonemes)
    return replace(utterance, wave=np.concatenate([silence[0], utterance.wave, silence[1]]), phonemes=phonemes)


def _faster(utterance: Utterance, factor: float) -> Utterance:
    """Played `factor` times as fast, pitch and formants rising with it."""
    at = np.arange(0, len(utterance.wave) - 1, factor)
    wave = np.interp(at, np.arange(len(utterance.wave)), utterance.wave).astype(np.float32)
    phonemes = tuple(replace(p, start=p.start / factor, end=p.end / factor) for p in utterance.phonemes)
    return replace(utterance, wave=wave, phonemes=phonemes)


def augment(utterance: Utterance, rng: np.random.Generator) -> Utterance:
    """Dull or bright microphone, room, noise, band limits and gain, each only sometimes."""
    wave = utterance.wave
    if rng.random() < 0.4:
        wave = wave - rng.uniform(-0.5, 0.6) * np.concatenate([wave[:1] * 0, wave[:-1]])
    if rng.random() < 0.3:
        tail = rng.normal(size=round(rng.uniform(0.03, 0.15) * SAMPLE_RATE)).astype(np.float32)
        tail *= np.exp(-np.linspace(0, 6, len(tail)))
        wave = wave + rng.uniform(0.02, 0.08) * fftconvolve(wave, tail)[: len(wave)].astype(np.float32)
    if rng.random() < 0.3:
        edge = float(rng.uniform(3000, 7000))
        wave = sosfilt(butter(4, edge, fs=SAMPLE_RATE, output="sos"), wave).astype(np.float32)
    level = float(np.sqrt(np.mean(wave**2)) + 1e-6)
    if rng.random() < 0.5:
        noise = rng.normal(size=len(wave)).astype(np.float32)
        if rng.random() < 0.5:
            noise = np.cumsum(noise) * 0.02
            noise -= sosfilt(butter(1, 60, fs=SAMPLE_RATE, output="sos"), noise)
            noise /= noise.std() + 1e-6
        wave = wave + level * 10 ** (-rng.uniform(15, 45) / 20) * noise
    wave = wave * 10 ** (rng.uniform(-12, 6) / 20)
    return replace(utterance, wave=np.clip(wave, -1, 1).astype(np.float32))
