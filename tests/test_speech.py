"""What a voice does to the face: silence stays still, words open and close the mouth, any recording will do."""

from __future__ import annotations

import math
import shutil
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from scipy.signal import resample_poly

from emodifftalk.core.errors import Cancelled, UserError
from emodifftalk.core.facs import ARTICULATIONS, AU_INDEX, FPS
from emodifftalk.core.template import load_template
from emodifftalk.data import speech_corpus, synthesizers
from emodifftalk.data.synthesizers import Phoneme, Utterance
from emodifftalk.data.visemes import bilabial_frames, targets
from emodifftalk.speech import frontends
from emodifftalk.speech.audio import level, load_audio
from emodifftalk.speech.blinks import add_blinks, blink_frames
from emodifftalk.speech.encoder import SpeechModel, SpeechToAU, load_speech_to_au, read_speech_model, save_speech_model
from emodifftalk.train.speech_to_au import train_speech_to_au

RATE = 16000
HELLO = Path(__file__).parent.parent / "sample_scenes" / "hello.wav"
HELLO_BILABIALS = (1.10, 1.71, 3.33, 4.93, 5.61, 5.79, 5.85, 6.00, 6.29)
"""Middles in seconds of the lips' contact in hello.wav, from the synthesizer that spoke it."""

can_synthesize = pytest.mark.skipif(
    not (shutil.which("flite") and find_library("espeak-ng")),
    reason="espeak-ng and flite are not installed: they are needed only to make training speech",
)


@pytest.fixture(scope="module")
def model() -> SpeechModel:
    return load_speech_to_au("embedded")


@pytest.fixture(scope="module")
def hello() -> np.ndarray:
    return load_audio(HELLO)


def opening(aus: np.ndarray) -> np.ndarray:
    return aus[:, AU_INDEX["AU25"]] + aus[:, AU_INDEX["AU26"]]


# Silence


def test_an_all_zero_recording_leaves_the_face_at_rest(model):
    assert not model.predict(np.zeros(3 * RATE, np.float32)).aus.any()


def test_a_quiet_room_does_not_make_the_mouth_chatter(model):
    room = np.random.default_rng(0).normal(0, 3e-4, 4 * RATE).astype(np.float32)
    aus = model.predict(room).aus
    assert opening(aus).max() < 0.1
    assert np.abs(np.diff(aus, axis=0)).max() < 0.05


def test_the_mouth_rests_before_and_after_the_words(model, hello):
    wave = np.concatenate([np.zeros(RATE, np.float32), hello, np.zeros(RATE, np.float32)])
    aus = model.predict(wave).aus
    assert not aus[:15].any()
    assert not aus[-15:].any()


# Words


def test_hello_opens_and_closes_the_mouth(model, hello):
    aus = model.predict(hello).aus
    assert np.isfinite(aus).all() and aus.min() >= 0 and aus.max() <= 1
    gap = opening(aus)
    assert np.quantile(gap, 0.95) > 0.6
    assert (gap < 0.15).sum() > 10
    assert aus[:, AU_INDEX["AU24"]].max() > 0.3


def test_lips_meet_on_p_b_and_m_of_a_voice_never_heard_in_training(model, hello):
    gap = opening(model.predict(hello).aus)
    usual = np.quantile(gap, 0.8)
    met = [gap[round(at * FPS) - 1 : round(at * FPS) + 2].min() < 0.2 * usual for at in HELLO_BILABIALS]
    assert np.mean(met) >= 0.75, met


def test_frames_cover_the_whole_recording(model):
    for seconds in (0.01, 1.0, 1.001, 2.5):
        wave = np.zeros(round(seconds * RATE), np.float32)
        assert len(model.predict(wave).aus) == math.ceil(round(seconds * FPS, 6))
    track = model.predict(np.zeros(RATE, np.float32), frames=60)
    assert track.aus.shape == (60, 17) and track.features.shape == (60, 128)


def test_a_later_start_only_moves_the_track(model, hello):
    plain = model.predict(hello).aus
    later = model.predict(np.concatenate([np.zeros(20 * RATE // FPS, np.float32), hello])).aus
    assert np.abs(later[20:] - plain).mean() < 0.01


def test_long_recordings_have_no_seams(model, hello):
    once = model.predict(np.pad(hello, (0, -len(hello) % 640))).aus
    many = model.predict(np.tile(np.pad(hello, (0, -len(hello) % 640)), 9)).aus
    assert len(many) == 9 * len(once)
    repeats = many.reshape(9, len(once), 17)[:, 15:-15]
    assert np.abs(repeats - once[15:-15]).mean(axis=(1, 2)).max() < 0.02


def test_the_same_voice_gives_the_same_track(model, hello):
    first, second = model.predict(hello), model.predict(hello)
    assert np.array_equal(first.aus, second.aus) and np.array_equal(first.features, second.features)


# Recordings


def test_telephone_studio_and_whispered_copies_move_the_mouth_alike(model, hello, tmp_path):
    reference = opening(model.predict(hello).aus)
    studio = np.stack([resample_poly(hello, 3, 1)] * 2, axis=1)
    soundfile.write(tmp_path / "studio.wav", studio, 48000, subtype="FLOAT")
    soundfile.write(tmp_path / "phone.wav", resample_poly(hello, 1, 2), 8000, subtype="PCM_16")
    soundfile.write(tmp_path / "quiet.wav", 0.02 * hello, RATE, subtype="PCM_24")
    soundfile.write(tmp_path / "packed.flac", hello, RATE)
    for name, tolerance in (("studio.wav", 0.02), ("quiet.wav", 0.02), ("packed.flac", 0.02), ("phone.wav", 0.12)):
        found = opening(model.predict(load_audio(tmp_path / name), len(reference)).aus)
        assert np.abs(found - reference).mean() < tolerance, name


def test_a_recording_that_cannot_be_used_says_so_in_one_sentence(tmp_path):
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt nonsense")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    cases = {"missing.wav": "does not exist", "broken.wav": "cannot|not a recording", "empty.wav": "no sound"}
    for name, words in cases.items():
        with pytest.raises(UserError, match=words):
            load_audio(tmp_path / name)


def test_leveling_never_amplifies_silence():
    assert not level(np.zeros(RATE, np.float32)).any()
    assert len(level(np.zeros(0, np.float32))) == 0


def test_samples_that_are_not_numbers_are_refused(model):
    with pytest.raises(UserError, match="finite"):
        model.predict(np.full(RATE, np.nan, np.float32))


# Front ends


def tiny_hubert() -> frontends.HubertFrontEnd:
    from transformers import HubertConfig, HubertModel

    torch.manual_seed(0)
    config = HubertConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    return frontends.HubertFrontEnd(HubertModel(config))


def test_hubert_features_become_au_codes_and_motion_features(hello, tmp_path):
    made = SpeechModel(tiny_hubert(), SpeechToAU(32), torch.nn.Linear(32, 128))
    track = made.predict(hello)
    assert track.aus.shape == (math.ceil(len(hello) / 640), 17)
    assert track.features.shape == (len(track.aus), 128)
    save_speech_model(tmp_path / "h.safetensors", made, {})
    again = read_speech_model(tmp_path / "h.safetensors", tiny_hubert()).predict(hello)
    assert np.abs(again.aus - track.aus).max() < 0.01
    with pytest.raises(UserError, match="another front end"):
        read_speech_model(tmp_path / "h.safetensors", frontends.EmbeddedFrontEnd())


def test_hubert_gives_fifty_features_a_second():
    for seconds in (1, 2):
        features = tiny_hubert()(torch.randn(1, seconds * RATE))
        assert features.shape[1] in (50 * seconds, 50 * seconds + 1)


def test_auto_falls_back_to_embedded_and_says_why(monkeypatch, caplog):
    monkeypatch.setattr(frontends, "hubert_is_here", lambda: True)
    monkeypatch.setattr(frontends, "_MODELS", Path("/nowhere"))
    with caplog.at_level("WARNING"):
        assert frontends.choose("auto") == "embedded"
    assert "HuBERT lacks" in caplog.text


def test_an_unknown_front_end_is_named():
    with pytest.raises(UserError, match="wav2vec"):
        frontends.choose("wav2vec")


# Blinks


def test_blinks_come_at_a_human_rate_and_are_repeatable():
    wave = np.random.default_rng(1).normal(0, 0.1, 120 * RATE).astype(np.float32)
    frames = blink_frames(120 * FPS, wave, seed=5)
    assert 8 <= len(frames) / 2 <= 30
    assert np.diff(frames).min() > FPS * 0.9
    assert frames == blink_frames(120 * FPS, wave, seed=5)
    assert frames != blink_frames(120 * FPS, wave, seed=6)


def test_blinks_close_the_eyes_and_touch_nothing_else():
    aus = np.random.default_rng(2).uniform(0, 0.3, (250, 17)).astype(np.float32)
    blinked = add_blinks(aus, np.zeros(10 * RATE, np.float32), seed=1)
    others = [i for name, i in AU_INDEX.items() if name != "AU45"]
    assert np.array_equal(blinked[:, others], aus[:, others])
    assert blinked[:, AU_INDEX["AU45"]].max() == 1


# Targets


def spoken(*symbols: tuple[str, float]) -> Utterance:
    phonemes, at = [], 0.0
    for symbol, seconds in symbols:
        phonemes.append(Phoneme(symbol, at, at + seconds))
        at += seconds
    return Utterance(np.zeros(round(at * RATE), np.float32), tuple(phonemes), "", "by hand")


@pytest.mark.parametrize("shift", [0.0, 0.007, 0.013, 0.02, 0.027, 0.033])
@pytest.mark.parametrize("lips", ["p", "b", "m"])
def test_even_a_short_closure_between_two_frames_shuts_the_lips(lips, shift):
    utterance = spoken(("pau", 0.2 + shift), ("aa", 0.15), (lips, 0.05), ("aa", 0.15), ("pau", 0.2))
    aus, articulations = targets(utterance, 20)
    closure, before, after = bilabial_frames(utterance)[0]
    template = load_template()
    gap = template.lip_opening(template.displace(aus, articulations))
    assert gap[closure - 1 : closure + 2].min() < 0.05 * max(gap[before], gap[after])
    assert aus[closure - 1 : closure + 2, AU_INDEX["AU24"]].max() > 0.3


def test_lips_round_for_oo_bite_for_f_and_spread_for_ee():
    channel = {name: i for i, name in enumerate(ARTICULATIONS)}
    for symbol, name in (("uw", "pucker"), ("w", "pucker"), ("f", "lip_bite"), ("iy", "stretch"), ("sh", "funnel")):
        _, articulations = targets(spoken(("pau", 0.2), (symbol, 0.2), ("pau", 0.2)), 15)
        curve = articulations[:, channel[name]]
        assert curve.max() > 0.4
        assert curve[6:9].max() == curve.max()


def test_feelings_reach_the_whole_face_and_leave_closures_shut():
    utterance = spoken(("pau", 0.2), *[("aa", 0.12), ("m", 0.07)] * 10, ("pau", 0.2))
    tracks = [targets(utterance, 57, np.random.default_rng(i), expressive=True)[0] for i in range(20)]
    assert (np.max(tracks, axis=(0, 1)) > 0.2).all()
    for closure, _, _ in bilabial_frames(utterance):
        assert max(track[closure, AU_INDEX["AU25"]] for track in tracks) < 0.05


def test_the_mouth_prepares_the_vowel_before_it_sounds():
    aus, _ = targets(spoken(("pau", 0.4), ("aa", 0.3), ("pau", 0.4)), 28)
    jaw = aus[:, AU_INDEX["AU26"]]
    assert jaw[9] > 0.02 and jaw[0] < 0.01 and jaw[-1] < 0.01


# Training speech


def loudness(utterance: Utterance, phoneme: Phoneme, first: float, last: float) -> float:
    """Mean amplitude between two fractions of a phoneme's length."""
    begin, end = (phoneme.start + f * (phoneme.end - phoneme.start) for f in (first, last))
    return float(np.abs(utterance.wave[int(begin * RATE) : int(end * RATE)]).mean())


@can_synthesize
def test_phoneme_times_fit_the_sound():
    for utterance in [*speech_corpus.generate(4, 0, "test"), *speech_corpus.generate(4, 0, "test_espeak")]:
        starts = np.array([p.start for p in utterance.phonemes])
        ends = np.array([p.end for p in utterance.phonemes])
        assert (np.diff(starts) > 0).all() and (ends > starts).all()
        assert abs(ends[-1] - len(utterance.wave) / RATE) < 0.35
        vowels = [loudness(utterance, p, 0.3, 0.7) for p in utterance.phonemes if p.symbol in synthesizers.VOWELS]
        stops = [loudness(utterance, p, 0.2, 0.5) for p in utterance.phonemes if p.symbol == "p"]
        if stops:
            assert np.median(stops) < 0.25 * np.median(vowels)


@can_synthesize
def test_what_is_held_out_is_never_trained_on():
    seen = list(speech_corpus.generate(60, 3))
    assert not any("slt" in u.voice or "f5" in u.voice for u in seen)
    rng = np.random.default_rng(4)
    assert not {speech_corpus.sentence(rng) for _ in range(3000)} & set(speech_corpus.TEST_SENTENCES)
    assert {p.symbol for u in seen for p in u.phonemes} == set(synthesizers.PHONEMES)


@can_synthesize
def test_the_same_seed_makes_the_same_sentences():
    for first, second in zip(speech_corpus.generate(5, 11), speech_corpus.generate(5, 11), strict=True):
        assert first.text == second.text and first.voice == second.voice
        assert [p.symbol for p in first.phonemes] == [p.symbol for p in second.phonemes]
        # espeak-ng's own timing depends on what it said before.
        assert abs(len(first.wave) - len(second.wave)) < 0.15 * RATE


@can_synthesize
def test_training_writes_a_model_that_can_be_used_and_stops_when_told(tmp_path, hello):
    with pytest.raises(Cancelled):
        train_speech_to_au(tmp_path / "never.safetensors", 1.0, utterances=2, cancelled=lambda: True)
    assert not (tmp_path / "never.safetensors").exists()
    report = train_speech_to_au(tmp_path / "short.safetensors", minutes=0.03, utterances=4, batch=2)
    assert report["slt"]["closures"] >= 30
    trained = read_speech_model(tmp_path / "short.safetensors", frontends.EmbeddedFrontEnd())
    assert np.isfinite(trained.predict(hello).aus).all()
