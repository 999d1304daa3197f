"""What feelings and facial actions look like in FACS (after EMFACS), with the words people use for them.

Pure data. Words in `unseen` are kept out of training: they measure how well meaning carries over.
"""

from __future__ import annotations

from dataclasses import dataclass

AUs = dict[str, float]


@dataclass(frozen=True)
class Feeling:
    """aus: intensities at full strength. adjectives, nouns, situations: how it is said. unseen: held-out ones."""

    aus: AUs
    adjectives: tuple[str, ...]
    nouns: tuple[str, ...] = ()
    situations: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    unseen_situations: tuple[str, ...] = ()


FEELINGS: tuple[Feeling, ...] = (
    Feeling(
        {"AU06": 0.65, "AU12": 0.85},
        ("happy", "cheerful", "glad", "pleased", "joyful", "content and happy", "in a good mood", "sunny", "merry", "bright"),
        ("happiness", "joy", "cheer", "good humour"),
        ("she just met an old friend", "his child said the first word", "they are having a great day", "her team won"),
        ("jolly", "blissful", "gladness"),
        ("he got the job he wanted",),
    ),
    Feeling(
        {"AU01": 0.2, "AU02": 0.3, "AU05": 0.25, "AU06": 0.75, "AU12": 1.0, "AU25": 0.4},
        ("delighted", "overjoyed", "thrilled", "excited", "ecstatic", "euphoric", "elated", "enthusiastic", "beaming",
         "exhilarated"),
        ("delight", "excitement", "enthusiasm", "exhilaration"),
        ("he won the lottery", "she opened the best present ever", "they are getting married", "the crowd cheers for her"),
        ("jubilant", "over the moon", "elation"),
        ("she just heard she was accepted",),
    ),
    Feeling(
        {"AU06": 0.7, "AU12": 0.95, "AU25": 0.6, "AU26": 0.35},
        ("laughing", "laughing out loud", "cracking up", "giggling", "chuckling", "hysterical with laughter"),
        ("laughter", "a burst of laughter", "giggles"),
        ("somebody told a very good joke", "he cannot stop laughing"),
        ("guffawing", "in stitches"),
        ("the comedian made her laugh",),
    ),
    Feeling(
        {"AU06": 0.4, "AU12": 0.6, "AU14": 0.2},
        ("amused", "entertained", "playful", "mischievous", "teasing", "cheeky"),
        ("amusement", "mischief"),
        ("he finds it rather funny", "she has a funny secret"),
        ("tickled", "impish"),
    ),
    Feeling(
        {"AU06": 0.35, "AU12": 0.45},
        ("content", "satisfied", "warm", "kind", "friendly", "gentle", "tender", "loving", "affectionate", "grateful",
         "welcoming", "sympathetic and warm"),
        ("contentment", "satisfaction", "warmth", "tenderness", "love", "gratitude"),
        ("she looks at her sleeping baby", "he greets a guest", "she thanks her friend"),
        ("fond", "appreciative", "good-natured"),
        ("he watches his daughter play",),
    ),
    Feeling(
        {"AU06": 0.25, "AU12": 0.4, "AU17": 0.3, "AU24": 0.25},
        ("proud", "triumphant", "self-satisfied", "self-assured", "smug"),
        ("pride", "triumph", "self-satisfaction"),
        ("she finally finished the marathon",),
        ("victorious",),
    ),
    Feeling(
        {"AU01": 0.25, "AU06": 0.3, "AU12": 0.4, "AU25": 0.25},
        ("relieved", "reassured", "unburdened", "hopeful", "optimistic"),
        ("relief", "hope"),
        ("the danger is over", "the test came back negative", "he found his lost wallet"),
        ("comforted",),
        ("the storm has passed and all are safe",),
    ),
    Feeling(
        {"AU01": 0.85, "AU04": 0.45, "AU15": 0.8, "AU17": 0.4},
        ("sad", "unhappy", "sorrowful", "depressed", "gloomy", "miserable", "down", "dejected", "melancholy", "downcast",
         "heavy-hearted", "hurt"),
        ("sadness", "sorrow", "misery", "gloom", "melancholy"),
        ("her dog died", "he lost his best friend", "she is all alone at Christmas", "they said goodbye forever"),
        ("mournful", "blue", "woeful", "unhappiness"),
        ("his grandmother passed away",),
    ),
    Feeling(
        {"AU01": 0.95, "AU04": 0.6, "AU06": 0.3, "AU07": 0.4, "AU15": 0.9, "AU17": 0.7, "AU25": 0.3},
        ("heartbroken", "devastated", "grieving", "in tears", "crying", "weeping", "sobbing", "desperate with grief"),
        ("grief", "heartbreak", "tears", "despair"),
        ("she is crying at the funeral", "he lost everything in the fire"),
        ("anguished", "bawling", "bereft"),
        ("tears run down his face",),
    ),
    Feeling(
        {"AU01": 0.6, "AU04": 0.3, "AU15": 0.5, "AU17": 0.3},
        ("disappointed", "let down", "discouraged", "lonely", "homesick", "wistful", "regretful", "guilty", "ashamed",
         "sorry", "remorseful"),
        ("disappointment", "loneliness", "regret", "guilt", "shame"),
        ("nobody came to her party", "he failed the exam", "she forgot their anniversary"),
        ("crestfallen", "apologetic"),
    ),
    Feeling(
        {"AU04": 0.9, "AU05": 0.4, "AU07": 0.65, "AU23": 0.55, "AU24": 0.3},
        ("angry", "mad", "cross", "hostile", "aggressive", "outraged", "indignant", "threatening", "seething", "irate"),
        ("anger", "hostility", "outrage", "fury held back"),
        ("somebody scratched his car", "they lied to her", "he is about to start a fight"),
        ("wrathful", "enraged", "livid"),
        ("someone stole her bike",),
    ),
    Feeling(
        {"AU04": 1.0, "AU05": 0.6, "AU07": 0.7, "AU09": 0.3, "AU10": 0.5, "AU23": 0.5, "AU25": 0.5, "AU26": 0.3},
        ("furious", "shouting with rage", "raging", "yelling angrily", "snarling", "beside himself with anger"),
        ("rage", "fury", "blind rage"),
        ("he screams at the referee", "she yells at the thief"),
        ("infuriated", "ferocious"),
    ),
    Feeling(
        {"AU04": 0.55, "AU07": 0.4, "AU14": 0.15, "AU24": 0.35},
        ("annoyed", "irritated", "grumpy", "impatient", "frustrated", "bad-tempered", "displeased", "bitter", "sulky"),
        ("annoyance", "irritation", "frustration", "impatience"),
        ("the neighbours are loud again", "he is stuck in traffic", "the printer is broken once more"),
        ("cranky", "exasperated", "miffed"),
        ("she has been on hold for an hour",),
    ),
    Feeling(
        {"AU04": 0.5, "AU07": 0.35, "AU23": 0.3, "AU24": 0.4, "AU17": 0.2},
        ("determined", "resolute", "stubborn", "stern", "serious", "strict", "focused", "concentrated", "firm"),
        ("determination", "resolve", "concentration", "severity"),
        ("she lifts a heavy weight", "he aims at the target", "the teacher tells them off"),
        ("steely", "unyielding"),
    ),
    Feeling(
        {"AU01": 0.85, "AU02": 0.9, "AU05": 0.75, "AU25": 0.5, "AU26": 0.45},
        ("surprised", "astonished", "amazed", "startled", "taken aback", "stunned", "awestruck", "dumbfounded"),
        ("surprise", "astonishment", "amazement", "wonder"),
        ("a balloon bursts behind her", "he sees who is at the door", "they yelled surprise"),
        ("flabbergasted", "thunderstruck", "speechless"),
        ("the magician made the car disappear",),
    ),
    Feeling(
        {"AU01": 0.9, "AU02": 0.7, "AU04": 0.3, "AU05": 0.9, "AU25": 0.5, "AU26": 0.5},
        ("shocked", "appalled", "horror-struck", "aghast"),
        ("shock", "horror"),
        ("she witnesses an accident", "he reads the terrible news"),
        ("horrified",),
    ),
    Feeling(
        {"AU01": 0.85, "AU02": 0.5, "AU04": 0.55, "AU05": 0.8, "AU07": 0.3, "AU25": 0.45, "AU26": 0.2},
        ("afraid", "scared", "frightened", "terrified", "fearful", "panicked", "alarmed", "in danger"),
        ("fear", "terror", "panic", "fright", "dread"),
        ("he hears steps in the dark", "she sees a ghost", "a bear stands before him"),
        ("petrified", "spooked", "panic-stricken"),
        ("a stranger follows her at night",),
    ),
    Feeling(
        {"AU01": 0.6, "AU04": 0.45, "AU07": 0.25, "AU15": 0.25, "AU24": 0.15},
        ("worried", "concerned", "anxious", "uneasy", "troubled", "apprehensive", "distressed", "preoccupied"),
        ("worry", "concern", "anxiety", "unease"),
        ("her son is late and does not answer", "he waits for the results of the scan", "the plane shakes"),
        ("fretful", "disquieted"),
        ("she cannot reach her mother",),
    ),
    Feeling(
        {"AU01": 0.45, "AU02": 0.2, "AU04": 0.25, "AU05": 0.25, "AU14": 0.2, "AU24": 0.35},
        ("nervous", "tense", "restless", "insecure", "jittery", "on edge", "stressed", "agitated"),
        ("nervousness", "tension", "stress", "stage fright"),
        ("he is about to go on stage", "it is her first date", "she waits for the exam to begin"),
        ("edgy", "antsy"),
        ("he has a job interview in five minutes",),
    ),
    Feeling(
        {"AU01": 0.3, "AU12": 0.3, "AU14": 0.3, "AU24": 0.2},
        ("shy", "bashful", "embarrassed", "awkward", "timid", "flustered", "self-conscious", "sheepish"),
        ("embarrassment", "shyness", "awkwardness"),
        ("he forgot her name", "she tripped in front of everyone"),
        ("coy", "mortified"),
    ),
    Feeling(
        {"AU04": 0.35, "AU07": 0.3, "AU09": 0.9, "AU10": 0.65, "AU15": 0.3, "AU17": 0.35},
        ("disgusted", "revolted", "repulsed", "nauseated", "sickened", "grossed out"),
        ("disgust", "revulsion", "repulsion", "nausea"),
        ("the milk has gone sour", "something smells rotten", "he found a hair in his soup"),
        ("queasy", "repelled"),
        ("she stepped on a slug",),
    ),
    Feeling(
        {"AU02": 0.2, "AU12": 0.2, "AU14": 0.85},
        ("contemptuous", "scornful", "disdainful", "condescending", "arrogant", "sneering", "snobbish", "cynical"),
        ("contempt", "scorn", "disdain", "arrogance"),
        ("he looks down on them", "she does not think much of his work"),
        ("haughty", "derisive"),
    ),
    Feeling(
        {"AU04": 0.45, "AU07": 0.6, "AU14": 0.25, "AU24": 0.2},
        ("suspicious", "distrustful", "sceptical", "doubtful", "wary", "mistrusting"),
        ("suspicion", "distrust", "doubt"),
        ("he does not believe a word of it", "she thinks he is lying"),
        ("leery", "unconvinced"),
    ),
    Feeling(
        {"AU01": 0.3, "AU02": 0.25, "AU04": 0.5, "AU07": 0.3, "AU25": 0.15},
        ("confused", "puzzled", "perplexed", "bewildered", "baffled", "lost", "uncertain"),
        ("confusion", "bewilderment", "uncertainty"),
        ("the instructions make no sense", "he cannot remember where he parked"),
        ("befuddled", "mystified"),
    ),
    Feeling(
        {"AU04": 0.3, "AU07": 0.2, "AU17": 0.15, "AU24": 0.15},
        ("thoughtful", "pensive", "pondering", "contemplative", "thinking hard", "reflective"),
        ("thought", "contemplation"),
        ("she is working on a riddle",),
        ("ruminating",),
    ),
    Feeling(
        {"AU01": 0.45, "AU02": 0.5, "AU05": 0.3, "AU25": 0.2},
        ("curious", "interested", "attentive", "intrigued", "fascinated", "alert"),
        ("curiosity", "interest", "fascination"),
        ("he listens to a strange new sound",),
        ("inquisitive",),
    ),
    Feeling(
        {"AU04": 0.65, "AU06": 0.45, "AU07": 0.75, "AU09": 0.35, "AU10": 0.4, "AU25": 0.3},
        ("in pain", "hurting badly", "suffering", "aching", "tormented", "wincing"),
        ("pain", "agony", "suffering"),
        ("he hit his thumb with a hammer", "the dentist drills"),
        ("grimacing with pain", "agonised"),
        ("she broke her ankle",),
    ),
    Feeling(
        {"AU07": 0.35, "AU45": 0.35},
        ("tired", "sleepy", "exhausted", "drowsy", "weary", "worn out", "fatigued", "half asleep"),
        ("tiredness", "exhaustion", "fatigue"),
        ("he has not slept for two days", "it is four in the morning"),
        ("drained", "lethargic"),
    ),
    Feeling(
        {"AU07": 0.25, "AU15": 0.25, "AU17": 0.15, "AU45": 0.15},
        ("bored", "uninterested", "listless", "apathetic", "unimpressed", "indifferent and bored"),
        ("boredom", "apathy"),
        ("the lecture goes on and on",),
        ("weary of it all", "disengaged"),
    ),
    Feeling(
        {},
        ("neutral", "calm", "relaxed", "expressionless", "blank", "composed", "emotionless", "at ease", "serene",
         "matter-of-fact", "ordinary", "deadpan", "peaceful", "unmoved", "poker-faced"),
        ("calm", "a neutral face", "no emotion", "a straight face", "composure", "peace"),
        ("nothing special happens", "she reads the news aloud", "he just speaks normally"),
        ("placid", "impassive", "tranquil"),
        ("she states the facts",),
    ),
)  # fmt: skip

ACTIONS: tuple[tuple[AUs, tuple[str, ...]], ...] = (
    ({"AU01": 0.8}, ("inner brows raised", "raising the inner eyebrows", "brows pulled up in the middle", "inner brow raiser")),
    ({"AU02": 0.8}, ("outer brows raised", "raising the outer eyebrows", "outer brow raiser")),
    ({"AU01": 0.8, "AU02": 0.8}, ("raised eyebrows", "eyebrows up", "lifting the brows", "brows raised high", "raised brows")),
    ({"AU04": 0.8}, ("furrowed brow", "knitted brows", "lowered brows", "brows drawn together", "scowling brows",
                     "brow lowerer", "a deep frown between the eyes")),
    ({"AU01": 0.7, "AU04": 0.6}, ("brows raised and drawn together", "a pained brow", "pleading eyebrows")),
    ({"AU05": 0.85}, ("wide eyes", "eyes wide open", "staring with wide eyes", "wide-eyed", "upper lid raiser")),
    ({"AU06": 0.7}, ("cheeks raised", "crinkled eyes", "crow's feet around the eyes", "smiling eyes", "cheek raiser")),
    ({"AU07": 0.8}, ("squinting", "narrowed eyes", "tightened eyelids", "eyes narrowed to slits", "lid tightener")),
    ({"AU09": 0.8, "AU04": 0.2}, ("wrinkled nose", "scrunching the nose", "nose wrinkled", "nose wrinkler", "crinkling the nose")),
    ({"AU10": 0.8}, ("raised upper lip", "curling the upper lip", "baring the upper teeth", "upper lip raiser")),
    ({"AU10": 0.6, "AU14": 0.5}, ("a sneer", "sneering lip")),
    ({"AU06": 0.35, "AU12": 0.7}, ("a smile", "smiling", "smiles", "with a smile", "smiling at the camera")),
    ({"AU12": 0.4, "AU06": 0.1}, ("a half-smile", "a faint smile", "a small smile", "a slight smile", "a hint of a smile",
                                  "a crooked smile")),
    ({"AU06": 0.7, "AU12": 0.95, "AU25": 0.4}, ("a broad smile", "a big grin", "grinning from ear to ear", "a huge smile",
                                                 "a radiant smile", "grinning", "a toothy grin")),
    ({"AU12": 0.65}, ("a fake smile", "a forced smile", "smiling only with the mouth", "an insincere smile", "lip corner puller",
                      "corners of the mouth pulled up")),
    ({"AU12": 0.45, "AU06": 0.15}, ("a polite smile", "a courteous smile")),
    ({"AU06": 0.75, "AU12": 0.8}, ("a genuine smile", "a Duchenne smile", "a heartfelt smile")),
    ({"AU12": 0.5, "AU24": 0.4}, ("a tight-lipped smile", "smiling with pressed lips")),
    ({"AU01": 0.6, "AU04": 0.25, "AU12": 0.45, "AU15": 0.2}, ("a sad smile", "a bittersweet smile", "smiling through tears")),
    ({"AU12": 0.35, "AU14": 0.65}, ("a smirk", "smirking", "a self-satisfied smirk", "a lopsided smirk")),
    ({"AU14": 0.8}, ("dimples", "dimpled cheeks", "tightened mouth corners", "dimpler")),
    ({"AU15": 0.8}, ("mouth corners down", "a turned-down mouth", "corners of the mouth pulled down", "lip corner depressor")),
    ({"AU04": 0.5, "AU15": 0.7, "AU17": 0.3}, ("a frown", "frowning", "frowns")),
    ({"AU15": 0.4, "AU17": 0.8}, ("a pout", "pouting", "a quivering chin", "chin raised", "chin raiser", "sticking out the lower lip")),
    ({"AU23": 0.8}, ("tight lips", "tightened lips", "narrowed lips", "lip tightener")),
    ({"AU24": 0.8}, ("lips pressed together", "pressed lips", "pressing the lips firmly", "lip pressor", "tight-lipped")),
    ({"AU25": 0.6}, ("parted lips", "lips slightly open", "lips apart", "mouth slightly open")),
    ({"AU25": 0.7, "AU26": 0.8}, ("open mouth", "mouth wide open", "jaw dropped", "mouth agape", "jaw hanging", "gaping")),
    ({"AU04": 0.6, "AU07": 0.4, "AU25": 0.5, "AU10": 0.4}, ("gritting the teeth", "clenched teeth", "baring the teeth")),
    ({"AU45": 0.95}, ("eyes closed", "closed eyes", "eyes shut", "closing the eyes", "asleep", "a long blink")),
    ({"AU06": 0.4, "AU12": 0.3, "AU45": 0.5}, ("winking", "a wink")),
    ({"AU07": 0.2, "AU25": 0.8, "AU26": 0.9, "AU45": 0.7}, ("yawning", "a big yawn")),
)  # fmt: skip

OFF_TOPIC: tuple[str, ...] = (
    "the quarterly report", "a red car in the garage", "asdf", "qwerty uiop", "two plus two is four", "the table",
    "invoice number 4711", "chapter three", "turn left at the next corner", "a glass of water on the desk", "lorem ipsum",
    "camera two", "frame 120", "test", "take one", "hello", "the meeting is on Tuesday", "a wooden chair", "blue",
    "render at night", "xyz", "he talks", "she speaks", "a person is talking", "speaking", "a face", "a person", "someone",
    "the weather forecast", "open the window", "a map of France", "python script", "keyboard", "left", "012345",
    "subject one", "the head", "talking head", "a portrait", "voice recording", "microphone", "once upon a time",
    "the train leaves at noon", "milk, bread and butter", "an apple", "new prompt", "prompt", "emotion", "feeling",
)  # fmt: skip
