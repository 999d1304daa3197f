"""The corpus of feelings in plain words keeps its promises, and what is learned from it is what is read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from emodifftalk.core.errors import UserError
from emodifftalk.core.facs import AU_INDEX
from emodifftalk.data.words.corpus import KINDS, entries, held_out_texts, sentence_targets, single_sentences, violations
from emodifftalk.data.words.prompts import composed, spelled
from emodifftalk.data.words.split import NEAR
from emodifftalk.emotion import text_encoders
from emodifftalk.emotion.controller import read_controller
from emodifftalk.emotion.prototypes import face
from emodifftalk.train.words.text_to_au import TextToAUSettings, _Learner, focal_bce, info_nce, train_text_to_au
from tests.helpers.tiny_tower import tiny_tower


@pytest.mark.slow
def test_the_corpus_is_as_large_and_as_varied_as_it_says_and_keeps_the_rules_of_facs():
    found = entries()
    assert len(found) >= 1000 and len({entry.text for entry in found}) == len(found)
    assert {entry.kind for entry in found} == set(KINDS)
    broken = [sentence for entry in found for sentence in violations(entry)]
    assert not broken, broken
    for entry in found:
        own, others = entry.samples[0].face, [sample.face for sample in entry.samples[4:]]
        assert len({sample.text.lower() for sample in entry.samples}) == 7, entry.text
        assert all(np.abs(own.aus - other.aus).max() > 0.05 for other in others), entry.text
    assert all(sample.face.aus.max() <= 1 for sample in single_sentences())


def test_a_rule_of_facs_that_is_broken_is_named():
    torn = entries()[0]
    samples = tuple(replace(sample, recipe="AU12 0.9 + AU15 1 + AU26 0.8") for sample in torn.samples)
    found = violations(replace(torn, samples=samples, note=""))
    assert "AU26 without AU25" in found[0]
    assert not violations(replace(torn, samples=samples, note="meant so"))


@pytest.mark.slow
def test_no_paraphrase_of_a_held_out_meaning_is_in_training():
    held = [entry for entry in entries() if entry.text in held_out_texts()]
    assert len(held) > 0.1 * len(entries()) and {e.text for e in held} == held_out_texts()
    taught = [s.text for e in entries() if e.text not in held_out_texts() for s in e.samples[:2]]
    encoder = text_encoders.load_text_encoder("embedded")
    # Company in a batch moves the last bits of a vector, hence the grain of salt.
    near = encoder.encode(taught) @ encoder.encode([s.text for e in held for s in e.samples[:3]]).T
    assert near.max() < NEAR + 1e-3


def test_recipes_mix_take_away_and_say_what_they_do_not_understand():
    mixed = face("angry 0.5 + AU25 0.4 - AU23")
    assert mixed.aus[AU_INDEX["AU04"]] == np.float32(0.45) and mixed.aus[AU_INDEX["AU25"]] == np.float32(0.4)
    assert mixed.aus[AU_INDEX["AU23"]] == 0 and not mixed.presence[AU_INDEX["AU23"]]
    torn = face("happy + sad")
    assert torn.aus[AU_INDEX["AU12"]] < 0.85 and torn.aus[AU_INDEX["AU15"]] < 0.8
    for wrong in ("grumpyish", "angry + AU99", "sad - brows", "AU12 loud", ""):
        with pytest.raises(ValueError, match="is no"):
            face(wrong)


def test_sentences_to_learn_from_are_reproducible_and_have_faces():
    def drawn(seed: int) -> list:
        rng = np.random.default_rng(seed)
        return [spelled(sample, rng) for sample in composed(400, rng)]

    assert drawn(5) == drawn(5) != drawn(6)
    aus, presence, known = sentence_targets(drawn(5))
    assert 0 <= aus.min() <= aus.max() <= 1 and presence.any() and not known.all()
    assert all(sample.text.strip() for sample in drawn(5))


@pytest.fixture
def few_sentences(monkeypatch):
    """So few that training takes seconds: the road is tested, not the meaning."""
    from emodifftalk.data.words.split import Split
    from emodifftalk.train.words import text_to_au as training

    some = list(entries())[:30]
    monkeypatch.setattr(training, "split", lambda: Split(some[:25], some[25:], frozenset()))
    monkeypatch.setattr(training, "single_sentences", lambda: single_sentences()[:60])
    monkeypatch.setattr(training, "_COMPOSED_AT_ONCE", 40)
    return training


@pytest.mark.slow
def test_training_gives_the_same_model_for_the_same_seed(few_sentences, tmp_path):
    reports = [train_text_to_au(tmp_path / name, TextToAUSettings(steps=2, epochs=1, seed=4)) for name in ("a", "b")]
    assert reports[0] == reports[1]
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert reports[0]["held_out"]["sentences"] == 35


@pytest.mark.slow
def test_what_adapters_learned_is_what_the_loaded_model_reads(few_sentences, tmp_path, monkeypatch):
    """On a tiny tower of open_clip with random weights: training, saving, merging into a new tower like it."""
    learners = []
    monkeypatch.setattr(few_sentences, "load_text_encoder", lambda name: tiny_tower())
    monkeypatch.setattr(few_sentences, "_Learner", lambda encoder: learners.append(_Learner(encoder)) or learners[0])
    report = train_text_to_au(tmp_path / "clip", TextToAUSettings("openclip", steps=6, epochs=1))
    assert report["encoder"] == "openclip" and 0 <= report["held_out"]["accuracy"] <= 1
    learner, loaded = learners[0], read_controller(tmp_path / "clip", tiny_tower())
    words = ["a nervous half-smile", "furious"]
    adapted, published = learner.encoder.encode(words), tiny_tower().encode(words)
    assert np.abs(adapted - published).max() > 1e-3, "the adapters have learned nothing"
    assert loaded.probabilities(words)[3] == pytest.approx(adapted, abs=2e-3)  # half precision on the way
    with pytest.raises(UserError, match="another text encoder"):
        read_controller(tmp_path / "clip", text_encoders.load_text_encoder("embedded"))


def test_the_losses_are_those_of_the_paper():
    logits, y = torch.tensor([[0.3, -1.2]]), torch.tensor([[1.0, 0.0]])
    p = torch.sigmoid(logits)
    expected = (-0.35 * (1 - p[0, 0]) ** 3 * p[0, 0].log() - 0.65 * p[0, 1] ** 3 * (1 - p[0, 1]).log()) / 2
    assert focal_bce(logits, y).item() == pytest.approx(expected.item(), rel=1e-5)
    z = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [0.6, 0.8]]), dim=1)
    aus = torch.tensor([[1.0] + [0] * 16, [0] * 16 + [1.0]])
    similarity = (z @ z.T / 0.07).exp()
    expected = -(similarity.diagonal() / similarity.sum(dim=1)).log().mean()
    assert info_nce(z, z, aus).item() == pytest.approx(expected.item(), rel=1e-4)
