"""Which meanings of the corpus are held out, by meaning: no paraphrase of a held-out entry is left in training.

`python -m emodifftalk.data.words.split` draws the split anew and writes `feelings/held_out.toml`: entries whose
sentences are near each other (cosine over NEAR of the published encoder's vectors) belong together and go the same way;
those near a word of the vocabulary stay in training.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from .corpus import FOLDER, Entry, entries, held_out_texts, single_sentences, vocabulary

NEAR = 0.82
"""Cosine of two sentences' vectors (all-MiniLM-L6-v2) from which they may say the same."""
_SHARE = 0.14
_LARGEST = 8  # entries that hang together: a larger group is a topic, not a meaning, and stays in training


@dataclass(frozen=True)
class Split:
    """The corpus in two parts.

    training, held_out: entries.
    near_held_out: sentences in small letters that training must leave out, because they are a held-out one or near it.
    """

    training: list[Entry]
    held_out: list[Entry]
    near_held_out: frozenset[str]


@lru_cache(maxsize=1)
def split() -> Split:
    """The split as written. Raises UserError when the embedded text encoder is missing."""
    texts = held_out_texts()
    training = [entry for entry in entries() if entry.text not in texts]
    held_out = [entry for entry in entries() if entry.text in texts]
    tested = [sample.text for entry in held_out for sample in entry.samples]
    samples = [*single_sentences(), *(sample for entry in training for sample in entry.samples)]
    trained = sorted({sample.text for sample in samples} | _vocabulary())
    # Vectors are of unit length: their product is the cosine (trained, tested); the greatest of each row decides.
    alike = (_vectors(trained) @ _vectors(tested).T).max(axis=1, initial=0) > NEAR
    near = {text.lower() for text, is_near in zip(trained, alike, strict=True) if is_near}
    return Split(training, held_out, frozenset(near | {text.lower() for text in tested}))


def draw_held_out() -> list[str]:
    """First sentences of entries to hold out: whole groups, in the order of a hash of their words."""
    whole = entries()
    texts = [sample.text for entry in whole for sample in entry.samples[:4]]
    owner = np.repeat(np.arange(len(whole)), 4)
    vectors = _vectors(texts)
    # A graph of entries, an edge where any two of their sentences are near: its components go the same way.
    rows, columns = np.nonzero(vectors @ vectors.T > NEAR)
    links = csr_matrix((np.ones(len(rows)), (owner[rows], owner[columns])), shape=(len(whole),) * 2)
    label = connected_components(links, directed=False)[1]
    groups: dict[int, list[Entry]] = {}
    for entry, group in zip(whole, label, strict=True):
        groups.setdefault(int(group), []).append(entry)
    # Words of the vocabulary come in many frames: a meaning near one of them could not be kept out of training.
    in_vocabulary = {int(i) for i in owner[(vectors @ _vectors(sorted(_vocabulary())).T).max(axis=1) > NEAR]}
    taught = {int(label[i]) for i in in_vocabulary}
    small = [group for key, group in groups.items() if len(group) <= _LARGEST and key not in taught]
    chosen: list[str] = []
    for group in sorted(small, key=lambda g: hashlib.sha256(g[0].text.encode()).digest()):
        if len(chosen) < _SHARE * len(whole):
            chosen += [entry.text for entry in group]
    return sorted(chosen)


def _vocabulary() -> set[str]:
    words = [w for group in vocabulary().values() for w in group]
    return {text for w in words for part in (w.adjectives, w.nouns, w.situations, w.phrases) for text in part}


def _vectors(texts: list[str]) -> np.ndarray:
    from ...emotion.text_encoders import load_text_encoder

    return load_text_encoder("embedded").encode(texts)


if __name__ == "__main__":
    lines = ",\n".join(f"    {json.dumps(text, ensure_ascii=False)}" for text in draw_held_out())
    note = "# Entries that training never sees, by their first sentence. Drawn by data/split_feelings.py."
    (FOLDER / "held_out.toml").write_text(f"{note}\ntexts = [\n{lines},\n]\n", encoding="utf-8")
