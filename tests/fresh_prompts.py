"""Prompts written after the corpus and the model, none of them in it, with the basic emotion anybody would show."""

FRESH: dict[str, tuple[str, ...]] = {
    "happy": (
        "the baby giggles back at her", "finally Friday", "a letter from her best friend has come",
        "he gets the part he auditioned for", "basking in the applause", "strawberries with cream in the garden",
        "the whole village dances at their wedding", "a cheery postman", "full of holiday spirit", "purring with pleasure",
    ),
    "sad": (
        "they had to sell the piano her mother played", "his best friend moved to Australia for good",
        "she eats her Christmas dinner alone", "the old dog will not wake up again", "he never got to say goodbye",
        "all cried out and lonely", "wet eyes, quivering chin", "a widow looking through photographs", "her dream is over",
        "nobody remembered her",
    ),
    "angry": (
        "the landlord has thrown her things into the street", "he was cut off at the traffic lights",
        "they promised, and they broke it again", "yelling at the referee", "ready to punch somebody",
        "she finds out who spread the rumour", "they kicked his dog", "a wrathful old king", "a boss tearing into his staff",
        "his little brother smashed the model ship on purpose",
    ),
    "afraid": (
        "the cable of the lift gives way", "a growl comes out of the cave", "the ice cracks under their feet",
        "she is being followed home", "the door handle turns slowly, though she is alone", "wolves all around the tent",
        "he dangles from the ledge", "in a blind panic", "the masked man raises the axe", "scared stiff of heights",
    ),
    "surprised": (
        "the statue just blinked", "her twin sister, whom she never knew, stands at the door",
        "confetti and everybody jumps out from behind the sofa", "that card trick is impossible",
        "the quiet boy starts to sing like an opera star", "did you see that?", "completely astounded",
        "suddenly a horse walks into the classroom", "the sum on the cheque has six zeros", "he did not see that coming",
    ),
    "disgusted": (
        "a slug in her lettuce", "the bin has not been emptied for three weeks", "he licks the bottom of his shoe",
        "mould all over the bread", "the dog was sick on the carpet", "revolting", "a stranger's toenails on the plate",
        "the drain smells of rotten eggs", "she bites into a bad oyster", "that is absolutely vile",
    ),
    "contemptuous": (
        "he sniffs at the cheap wine they offer", "what would a peasant know about opera", "sneers at the beginners",
        "she considers them far below her", "an arrogant prince inspecting his servants", "with a disdainful look",
        "oh please, you call that art", "pure scorn", "a critic who despises the play", "he laughs them off as nobodies",
    ),
}  # fmt: skip
CORE: dict[str, tuple[str, ...]] = {
    "happy": ("AU06", "AU12"),
    "sad": ("AU01", "AU04", "AU15"),
    "angry": ("AU04", "AU05", "AU07", "AU23"),
    "afraid": ("AU01", "AU02", "AU04", "AU05"),
    "surprised": ("AU01", "AU02", "AU05", "AU25", "AU26"),
    "disgusted": ("AU09", "AU10", "AU15", "AU17"),
    "contemptuous": ("AU12", "AU14"),
}
"""After EMFACS, as far as our 17 units go."""
