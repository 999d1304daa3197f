"""The corpus of feelings in plain words: entries of one meaning each, and the vocabulary that training puts together.

`feelings/*.toml` was written for this project and reviewed (the paper's 350 entries, EmoDiffTalk supplement 8, are not
public). An entry is said in four ways and has three contrasting sentences; every sentence carries a recipe of
`emotion.prototypes`, from which presence and intensity of the 17 action units follow. `said_*.toml` hold single
sentences with their recipes, for breadth; nothing is measured on them. English.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...core.facs import AU_INDEX
from ...core.opening import read_text
from ...emotion.prototypes import Face, face

KINDS = (
    "simple", "combination", "emotion", "mixed", "intensity", "negation", "situation", "regional", "shorthand", "idiom",
)  # fmt: skip
FOLDER = Path(__file__).with_name("feelings")
# Pairs that a face cannot show together at these intensities, and why.
_AGAINST = (
    ("AU12", 0.6, "AU15", 0.6, "lip corners cannot be pulled up and down at full strength at once"),
    ("AU25", 0.4, "AU24", 0.6, "parted lips are not pressed"),
    ("AU05", 0.4, "AU45", 0.4, "wide eyes are not shut"),
)


@dataclass(frozen=True)
class Sample:
    """A sentence.

    text: as a person would type it.
    recipe: of its face, as `emotion.prototypes` reads it.
    known: whether it speaks of a face or a feeling at all.
    """

    text: str
    recipe: str
    known: bool = True

    @property
    def face(self) -> Face:
        return face(self.recipe)


@dataclass(frozen=True)
class Entry:
    """One meaning.

    samples: the sentence, its three positive and its three negative paraphrases, in this order.
    kind: one of KINDS.
    note: why an oddity of FACS is meant.
    part: the file it stands in.
    """

    samples: tuple[Sample, ...]
    kind: str
    note: str
    part: str

    @property
    def text(self) -> str:
        return self.samples[0].text


@dataclass(frozen=True)
class Words:
    """Ways to say a recipe: adjectives, nouns and situations of feelings, or phrases of features and doings."""

    recipe: str
    adjectives: tuple[str, ...] = ()
    nouns: tuple[str, ...] = ()
    situations: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def entries() -> tuple[Entry, ...]:
    """All entries. Raises ValueError or KeyError naming what is wrong with one."""
    loaded = []
    for path in sorted(FOLDER.glob("*.toml")):
        loaded += [_entry(item, path.stem) for item in _read(path).get("entry", ())]
    return tuple(loaded)


@lru_cache(maxsize=1)
def single_sentences() -> tuple[Sample, ...]:
    """All sentences that stand alone. `unrelated` ones speak of nothing a face does."""
    return tuple(
        Sample(text, "neutral", known=False) if recipe == "unrelated" else Sample(text, recipe)
        for path in sorted(FOLDER.glob("said_*.toml"))
        for text, recipe in _read(path)["sentences"].items()
    )


@lru_cache(maxsize=1)
def held_out_texts() -> frozenset[str]:
    """The entries that training never sees, by their first sentence; chosen by `split`."""
    return frozenset(_read(FOLDER / "held_out.toml")["texts"])


@lru_cache(maxsize=1)
def vocabulary() -> dict[str, tuple[Words, ...]]:
    """`feeling`, `feature`, `doing` and `unrelated`: see Words."""
    return {
        name: tuple(
            Words(item["face"], *(tuple(item.get(key, ())) for key in ("adjectives", "nouns", "situations", "phrases")))
            for item in items
        )
        for name, items in _read(FOLDER / "vocabulary.toml").items()
    }


def violations(entry: Entry) -> list[str]:
    """What contradicts FACS in an entry's faces, as sentences; an entry with a note has its reason."""
    contradictions = []
    for sample in entry.samples:
        aus = sample.face.aus
        for one, least, other, most, why in _AGAINST:
            if aus[AU_INDEX[one]] >= least and aus[AU_INDEX[other]] >= most:
                contradictions.append(f"“{sample.text}” has {one} and {other}: {why}.")
        if aus[AU_INDEX["AU26"]] > 0.25 and aus[AU_INDEX["AU25"]] == 0:
            contradictions.append(f"“{sample.text}” has AU26 without AU25: a jaw that drops parts the lips.")
    return [] if entry.note else contradictions


def sentence_targets(samples: list[Sample]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """AU intensities (N, 17) float32, presence (N, 17) bool and known (N,) bool of sentences."""
    faces = [sample.face for sample in samples]
    known = np.array([sample.known for sample in samples], bool)
    return np.stack([f.aus for f in faces]), np.stack([f.presence for f in faces]), known


def _entry(item: dict, part: str) -> Entry:
    text, recipe, kind = item["text"], item["face"], item["kind"]
    if kind not in KINDS or len(item["same"]) != 3 or len(item["other"]) != 3:
        raise ValueError(f"“{text}” needs a known kind, three paraphrases and three contrasts.")
    same = [Sample(words, recipe) for words in (text, *item["same"])]
    other = [Sample(words, contrast) for words, contrast in item["other"].items()]
    return Entry((*same, *other), kind, item.get("note", ""), part)


def _read(path: Path) -> dict:
    return tomllib.loads(read_text(path))
