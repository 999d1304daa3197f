"""English sentences for training speech: some thousand frames and words in every order. Our own words.

Held out, never trained on: `TEST_SENTENCES`, full of p, b and m.
"""

from __future__ import annotations

import numpy as np

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
    clause = " ".join(str(rng.choice(part)) for part in (_SUBJECTS, _VERBS, _OBJECTS, _ENDS)).strip()
    text = str(rng.choice(_OPENERS)) + clause + str(rng.choice([".", ".", "!", "?", "..."]))
    return text[0].upper() + text[1:]
